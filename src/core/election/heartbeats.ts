/**
 * The merged heartbeat of a pair of nodes: one small request and one answer per pair and round, whatever the number of
 * partitions. It feeds the failure detector and carries what the elections of all partitions need to know of each
 * other.
 *
 * Intuition: what a node has to tell (its reports, its offices, whom it hears) is one document with one version number,
 * raised with every change. A heartbeat says "I have your version 41"; the answer brings everything that changed since,
 * and the new version. Nothing is re-sent by timer and nothing is acknowledged: the next heartbeat says what arrived.
 * An idle cluster sends empty answers.
 *
 * Invariants
 * H1 Never backwards: an answer is applied only when its version is above the one known and it starts at or below that
 *    one. Answers doubled, delayed or reordered change nothing.
 * H2 Complete: after applying version v, everything known of the peer that concerns this node is as it was there at v.
 * H3 Versions belong to one incarnation of the peer's process. A handshake with a new one resets (`reset`), and answers
 *    to rounds begun before that count no more.
 * H4 Whatever becomes visible to a peer in another way than by its own change (a partition becomes shared) is marked as
 *    changed.
 * H5 A peer's word on its own version does not last. A peer that answers with a lower version than it was told never
 *    said that one, or not in this life. Then everything about it is asked for again. Otherwise one message with a
 *    version of 2^53 − 1 would silence its sender for good.
 * H6 No word of a peer lasts unasked: everything about it is asked for again every WHOLE_AFTER rounds, each peer in a
 *    round of its own. Otherwise an answer that left something out, but bore the right version, would stand for good.
 * H7 An office that begins with a group's epoch is told soon, and not in the next round, as requests wait for it. The
 *    last question of each peer is answered anew, with what changed since. If that gets lost, or comes out of turn, the
 *    next round's answer has it (H1).
 *
 * A round, driven by the node: detector.roundEnded(stalled); then every partition's election.roundEnded(…), and
 * setReport/setOffice with its result. Then nextRound(), and each request is sent to its peer. In between: onHeartbeat
 * → send the answer; onAnswer → refresh the elections of the partitions it returns.
 *
 * Source: Omni-Paxos (Ng, Haridi, Carbone, EuroSys 2023), ballot leader election; merged per pair of nodes here.
 */
import { present } from "../../base/assert.js";
import { type Ballot, compareBallots, sameBallot, sameTimestamp } from "../model/ballot.js";
import type { Heartbeat, HeartbeatAnswer, OfficeReport, PartitionReport } from "../model/heartbeat.js";
import type { NodeId, Partition } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { Detector } from "./detector.js";
import { NOBODY, OwnPartition, Peer } from "./heartbeat-records.js";

/** Rounds after which everything about a peer is asked for again (H6): 13 seconds at 200 ms. */
const WHOLE_AFTER = 64;

/** A heartbeat and whom it is for. */
export interface HeartbeatRequest {
  readonly to: NodeId;
  readonly message: Heartbeat;
}

/** An answer that was not asked for again, and whom it is for. */
export interface HeartbeatNews {
  readonly to: NodeId;
  readonly message: HeartbeatAnswer;
}

export interface HeartbeatsOptions {
  readonly self: NodeId;
  readonly detector: Detector;
  readonly peers: readonly NodeId[];
}

export class Heartbeats {
  private readonly self: NodeId;
  private readonly detector: Detector;
  private readonly peers = new Map<NodeId, Peer>();
  private readonly own = new Map<Partition, OwnPartition>();
  /** The partitions shared with each other node. */
  private readonly shared = new Map<NodeId, OwnPartition[]>();
  /** Partitions of which only the settled numbers or the count of changes have changed since the round began. */
  private readonly parked: OwnPartition[] = [];
  private version = 0;
  /** Rises whenever `report` may give another answer than before. */
  reportsVersion = 0;
  private full = false;
  /** Peers are to be told before they ask again. */
  private hurried = false;
  private heardTold: readonly NodeId[];

  constructor(options: HeartbeatsOptions) {
    this.self = options.self;
    this.detector = options.detector;
    this.setPeers(options.peers);
    this.heardTold = this.detector.heard();
  }

  // ---- The node's side: what it has to tell. ----

  /** The other members of a new view; also tells the detector. A removed peer is forgotten. */
  setPeers(peers: readonly NodeId[]): void {
    this.detector.setPeers(peers);
    this.reportsVersion++;
    for (const node of this.peers.keys()) if (!peers.includes(node)) this.peers.delete(node);
    for (const node of peers) {
      // Another round for each, so that no round asks everything of all.
      const wholeIn = this.detector.round - (this.peers.size % WHOLE_AFTER);
      if (!this.peers.has(node)) this.peers.set(node, new Peer(wholeIn));
    }
  }

  /**
   * This node is a replica of the partition, together with these (its own id among them or not). Called at start and by
   * a new view.
   */
  setGroup(partition: Partition, replicas: readonly NodeId[]): void {
    const own = this.ownPartition(partition);
    for (const node of own.others) this.unshare(node, own);
    own.others = replicas.filter((node) => node !== this.self);
    for (const node of own.others) {
      const list = this.shared.get(node);
      if (list === undefined) this.shared.set(node, [own]);
      else list.push(own);
    }
    own.reportChangedAt = ++this.version; // H4
  }

  /** This node is no replica of the partition any more. Ends its office there, if any. */
  removeGroup(partition: Partition): void {
    const own = this.own.get(partition);
    if (own === undefined) return;
    this.setOffice(partition, null);
    for (const node of own.others) this.unshare(node, own);
    own.others = NOBODY;
    own.report = null;
    own.parkedReport = null;
  }

  /**
   * This node's report of its replica from now on: it says only what is durable. Nothing happens when nothing changed.
   * When only numbers that grow with every write did, peers are told from the next round on. So a busy partition makes
   * one change a round, not one a write.
   */
  setReport(report: PartitionReport): void {
    const own = this.ownPartition(report.partition);
    const current = own.report;
    if (current !== null && sameButSettled(current, report)) {
      if (own.parkedReport === null) {
        if (sameSettled(current, report)) return;
        this.parked.push(own);
      }
      own.parkedReport = report;
      return;
    }
    own.report = report;
    own.parkedReport = null; // Entries left in `parked` are skipped there.
    own.reportChangedAt = ++this.version;
  }

  /** The ballot in which this node is the working writer of the partition, or null. Told to all peers. */
  setOffice(partition: Partition, ballot: Ballot | null): void {
    const own = this.ownPartition(partition);
    if (ballot === null ? own.office === null : own.office !== null && sameBallot(own.office, ballot)) return;
    own.office = ballot;
    own.officeChangedAt = ++this.version;
  }

  /** This node's disk is full, or has space again. Told to all peers. */
  setFull(full: boolean): void {
    if (this.full === full) return;
    this.full = full;
    this.version++;
  }

  // ---- Messages. ----

  /**
   * Called after detector.roundEnded and the elections: one request for each peer, in ascending order. Call it once at
   * start, too.
   */
  nextRound(): readonly HeartbeatRequest[] {
    if (this.parked.length > 0) {
      this.version++;
      for (const own of this.parked) {
        if (own.parkedReport === null) continue;
        own.report = own.parkedReport;
        own.parkedReport = null;
        own.reportChangedAt = this.version;
      }
      this.parked.length = 0;
    }
    if (this.heardTold !== this.detector.heard()) {
      this.heardTold = this.detector.heard();
      this.version++;
    }
    const requests: HeartbeatRequest[] = [];
    const { round } = this.detector;
    for (const [to, peer] of this.peers) {
      if (round - peer.wholeIn >= WHOLE_AFTER && !planted("H6.never-whole")) {
        peer.version = 0;
        peer.wholeIn = round;
      }
      requests.push({ to, message: heartbeat(round, peer.version) });
    }
    return requests.sort((a, b) => a.to - b.to);
  }

  /** Answers whoever asks, also a node that is not in this node's view yet. The answer may leave at once. */
  onHeartbeat(from: NodeId, message: Heartbeat): HeartbeatAnswer {
    const peer = this.peers.get(from);
    if (peer !== undefined) peer.asked = { round: message.round, told: this.version };
    // A peer that has seen more than there is means an earlier incarnation of this node.
    return this.answer(from, message.round, message.reportsSeen <= this.version ? message.reportsSeen : 0);
  }

  /** Peers are to hear before the next round what this node has to tell. */
  hurry(): void {
    this.hurried = true;
  }

  /** `news` is to be sent soon. */
  get hasNews(): boolean {
    return this.hurried && !planted("H7.told-next-round");
  }

  /** Answers to peers that have not asked again (H7). They may leave once all that they report is durable. */
  news(): readonly HeartbeatNews[] {
    if (!this.hasNews) return NO_NEWS;
    this.hurried = false;
    const news: HeartbeatNews[] = [];
    for (const [to, { asked }] of this.peers) {
      if (asked === null || asked.told === this.version) continue;
      news.push({ to, message: this.answer(to, asked.round, asked.told) });
      asked.told = this.version;
    }
    return news;
  }

  private answer(from: NodeId, round: number, since: number): HeartbeatAnswer {
    return {
      kind: "heartbeat-answer",
      round,
      // Whoever has this version takes in nothing of the answer but its round (H1).
      heard: since === this.version ? NOBODY : this.heardTold,
      version: this.version,
      since,
      full: this.full,
      reports: since === this.version ? NO_REPORTS : this.reportsSince(since, from),
      offices: since === this.version ? NO_OFFICES : this.officesSince(since),
    };
  }

  /** The answer is a further one to its round (H7). It says nothing of how long the peer takes to answer. */
  isNews(from: NodeId, { round, version }: HeartbeatAnswer): boolean {
    const peer = this.peers.get(from);
    return peer !== undefined && round === peer.answeredIn && version > peer.version;
  }

  /** Takes in an answer. Returns the partitions of which a report arrived: refresh their elections. Usually none. */
  onAnswer(from: NodeId, message: HeartbeatAnswer): readonly Partition[] {
    const peer = this.peers.get(from);
    if (peer === undefined || message.round <= peer.resetIn || message.round > this.detector.round)
      return NO_PARTITIONS;
    this.detector.answered(from, message.round);
    peer.answeredIn = Math.max(peer.answeredIn, message.round);
    // Asked before everything was asked for again, it could set what is known back (H1).
    if (peer.version === 0 && message.round < peer.wholeIn) return NO_PARTITIONS;
    if (message.version < peer.version && message.round > peer.versionIn && !planted("H5.first-word-lasts")) {
      peer.version = 0; // H5
    }
    if (message.version <= peer.version || message.since > peer.version) return NO_PARTITIONS; // H1
    this.reportsVersion++;
    if (message.since === 0) {
      peer.reports.clear();
      peer.offices.clear();
    }
    peer.version = message.version;
    peer.versionIn = this.detector.round;
    peer.heard = message.heard;
    peer.full = message.full;
    for (const office of message.offices) {
      if (office.ballot === null) peer.offices.delete(office.partition);
      else peer.offices.set(office.partition, office.ballot);
    }
    if (message.reports.length === 0) return NO_PARTITIONS;
    const changed: Partition[] = [];
    for (const report of message.reports) {
      peer.reports.set(report.partition, report);
      changed.push(report.partition);
    }
    return changed;
  }

  /**
   * A handshake showed a new incarnation of the peer (H3). All its reports are asked for again; until they come, the
   * old ones stand, as they do for a peer that is merely silent. Harmless when it was the old incarnation after all.
   */
  reset(node: NodeId): void {
    const peer = this.peers.get(node);
    if (peer === undefined) return;
    peer.version = 0;
    peer.asked = null;
    peer.resetIn = this.detector.round;
    this.detector.restarted(node);
  }

  // ---- What is known of the others. ----

  /**
   * The last report of a peer about a partition, of whatever group epoch; the caller asks the detector whether the peer
   * is still heard.
   */
  report(node: NodeId, partition: Partition): PartitionReport | undefined {
    return this.peers.get(node)?.reports.get(partition);
  }

  /** Whether that node, by its last answer, hears the other one. Every node hears itself. */
  hears(node: NodeId, other: NodeId): boolean {
    if (node === other) return true;
    if (node === this.self) return this.detector.hears(other);
    return this.peers.get(node)?.heard.includes(other) === true;
  }

  /** Whether that node's disk is full, by its last answer. */
  isFull(node: NodeId): boolean {
    return node === this.self ? this.full : this.peers.get(node)?.full === true;
  }

  /**
   * Where to forward a request: who, among the nodes heard, says to be the working writer, in the highest ballot; null:
   * unknown.
   */
  workingWriter(partition: Partition): NodeId | null {
    let highest = this.own.get(partition)?.office ?? null;
    for (const [node, peer] of this.peers) {
      const claimed = peer.offices.get(partition);
      if (claimed === undefined || !this.detector.hears(node)) continue;
      if (highest === null || compareBallots(claimed, highest) > 0) highest = claimed;
    }
    return highest === null ? null : highest.node;
  }

  // ---- Helpers. ----

  private reportsSince(since: number, to: NodeId): readonly PartitionReport[] {
    const shared = this.shared.get(to);
    if (shared === undefined) return NO_REPORTS;
    const reports: PartitionReport[] = [];
    for (const own of shared) if (own.reportChangedAt > since && own.report !== null) reports.push(own.report);
    return reports;
  }

  private officesSince(since: number): readonly OfficeReport[] {
    const offices: OfficeReport[] = [];
    for (const own of this.own.values()) {
      if (own.officeChangedAt > since && (since > 0 || own.office !== null))
        offices.push({ partition: own.partition, ballot: own.office });
    }
    return offices;
  }

  private ownPartition(partition: Partition): OwnPartition {
    let own = this.own.get(partition);
    if (own === undefined) {
      own = new OwnPartition(partition);
      this.own.set(partition, own);
    }
    return own;
  }

  private unshare(node: NodeId, own: OwnPartition): void {
    const list = present(this.shared.get(node), "a partition's peer has a list of shared partitions");
    list.splice(list.indexOf(own), 1);
    if (list.length === 0) this.shared.delete(node);
  }
}

const heartbeat = (round: number, reportsSeen: number): Heartbeat => ({
  kind: "heartbeat",
  round,
  reportsSeen,
  logPosition: 0,
});

const NO_PARTITIONS: readonly Partition[] = [];
const NO_REPORTS: readonly PartitionReport[] = [];
const NO_NEWS: readonly HeartbeatNews[] = [];
const NO_OFFICES: readonly OfficeReport[] = [];

const sameButSettled = (a: PartitionReport, b: PartitionReport): boolean =>
  a.groupEpoch === b.groupEpoch && a.ready === b.ready && a.live === b.live && sameBallot(a.promise, b.promise);

const sameSettled = (a: PartitionReport, b: PartitionReport): boolean =>
  a.settledRevision === b.settledRevision &&
  a.lastChange === b.lastChange &&
  a.lagging === b.lagging &&
  (a.settled === null || b.settled === null ? a.settled === b.settled : sameTimestamp(a.settled, b.settled));
