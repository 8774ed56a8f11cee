/**
 * The reports that a node hears from the replicas of one group. A filter keeps only nodes that are heard both ways,
 * ready, and in the same group epoch. One per partition and group epoch, made together with its Election.
 */
import { voteOf } from "../../base/votes.js";
import type { Ballot } from "../model/ballot.js";
import type { PartitionReport } from "../model/heartbeat.js";
import { changeNumber, type GroupEpoch, type NodeId, type Partition, revision } from "../model/ids.js";
import type { Detector } from "./detector.js";
import type { Heartbeats } from "./heartbeats.js";

/** The questions that an election has about the group. A place is an index in the group's replica list. */
export interface GroupReports {
  /** Heard both ways, and reports this group epoch and ready. For the node itself: ready. */
  heard(place: number): boolean;
  /** The places heard, one bit each. */
  readonly places: number;
  /** The last report of another replica, whether heard or not. */
  report(place: number): PartitionReport | undefined;
  /** Whether the replica at `place` hears the one at `other`, by its last answer. */
  hears(place: number, other: number): boolean;
  /** Whether that node's disk is full, by its own word: it wants no office. */
  full(place: number): boolean;
}

export interface HeardGroupOptions {
  readonly self: NodeId;
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly replicas: readonly NodeId[];
  /** Whether this node's own replica is ready (V4). */
  readonly ready: boolean;
  readonly detector: Detector;
  readonly heartbeats: Heartbeats;
  /**
   * The ballot of this epoch that the replica at that place has promised this node by a message of its own; null: none.
   * Without it: none. It counts as heard and ready until its next report (H14): the last one may be of the epoch
   * before.
   */
  readonly promisedBy?: (place: number) => Ballot | null;
}

export class HeardGroup implements GroupReports {
  /** Set by the node once its own replica is ready, durably. */
  ready: boolean;
  /** The answer of `places`, as of these versions. */
  private known = 0;
  private knownReady = false;
  private detectorVersion = -1;
  private reportsVersion = -1;
  /** By place: the last reports, as of that version. Each is asked for many times a round. */
  private readonly reports: (PartitionReport | undefined)[];
  private reportsKnownAt = -1;
  /** All of them are of this epoch, or a later one. */
  private current = false;
  private readonly self: NodeId;
  private readonly partition: Partition;
  private readonly groupEpoch: GroupEpoch;
  private readonly replicas: readonly NodeId[];
  private readonly detector: Detector;
  private readonly heartbeats: Heartbeats;
  private readonly promisedBy: (place: number) => Ballot | null;

  constructor(options: HeardGroupOptions) {
    this.ready = options.ready;
    this.self = options.self;
    this.partition = options.partition;
    this.groupEpoch = options.groupEpoch;
    this.replicas = options.replicas;
    this.detector = options.detector;
    this.heartbeats = options.heartbeats;
    this.promisedBy = options.promisedBy ?? NOBODY;
    this.reports = options.replicas.map(() => undefined);
  }

  heard(place: number): boolean {
    const node = this.replicas[place];
    if (node === undefined) return false;
    if (node === this.self) return this.ready;
    if (!this.detector.hears(node)) return false;
    const report = this.report(place);
    return report?.ready === true && report.groupEpoch === this.groupEpoch;
  }

  /**
   * Asked for all the time, and changed by a round or an answer alone. A replica that may be heard by its promise has
   * no version.
   */
  get places(): number {
    const { detector, heartbeats } = this;
    const same = this.detectorVersion === detector.version && this.reportsVersion === heartbeats.reportsVersion;
    const byReports = this.promisedBy === NOBODY || (this.current && this.reportsKnownAt === heartbeats.reportsVersion);
    if (same && this.knownReady === this.ready && byReports) return this.known;
    let places = 0;
    for (let place = 0; place < this.replicas.length; place++) if (this.heard(place)) places |= voteOf(place);
    this.known = places;
    this.knownReady = this.ready;
    this.detectorVersion = detector.version;
    this.reportsVersion = heartbeats.reportsVersion;
    return places;
  }

  report(place: number): PartitionReport | undefined {
    const last = this.last(place);
    if (last !== undefined && last.groupEpoch >= this.groupEpoch) return last;
    const promise = this.promisedBy(place);
    return promise === null ? last : this.promised(promise);
  }

  /** Whatever group epoch it is of. */
  private last(place: number): PartitionReport | undefined {
    const { heartbeats, reports, replicas } = this;
    if (this.reportsKnownAt !== heartbeats.reportsVersion) {
      this.reportsKnownAt = heartbeats.reportsVersion;
      this.current = true;
      let at = 0;
      for (const node of replicas) {
        const last = heartbeats.report(node, this.partition);
        reports[at++] = last;
        if (node !== this.self && (last === undefined || last.groupEpoch < this.groupEpoch)) this.current = false;
      }
    }
    return reports[place];
  }

  /** The least that it will report. */
  private promised(promise: Ballot): PartitionReport {
    return {
      partition: this.partition,
      groupEpoch: this.groupEpoch,
      ready: true,
      promise,
      live: false,
      settled: null,
      settledRevision: revision(0),
      lastChange: changeNumber(0),
      lagging: false,
    };
  }

  hears(place: number, other: number): boolean {
    const node = this.replicas[place];
    const otherNode = this.replicas[other];
    return node !== undefined && otherNode !== undefined && this.heartbeats.hears(node, otherNode);
  }

  full(place: number): boolean {
    const node = this.replicas[place];
    return node !== undefined && this.heartbeats.isFull(node);
  }
}

const NOBODY = (): null => null;
