/** One replica's election with what it hears written down by hand, for tests of single rules. */
import { voteOf } from "../../../../src/base/votes.js";
import { Election, type ElectionAction } from "../../../../src/core/election/election.js";
import { MAX_HOLD } from "../../../../src/core/election/handing-back.js";
import type { GroupReports } from "../../../../src/core/election/heard-group.js";
import type { Office } from "../../../../src/core/election/office.js";
import { type Ballot, ballot, initialBallot } from "../../../../src/core/model/ballot.js";
import type { PartitionReport } from "../../../../src/core/model/heartbeat.js";
import { changeNumber, groupEpoch, nodeId, partition, revision } from "../../../../src/core/model/ids.js";

const epoch = groupEpoch(4);
const all = (size: number) => Array.from({ length: size }, (_, place) => place);
const nodeAt = (place: number) => nodeId(10 + place);
export const b = (round: number, place: number): Ballot => ballot(epoch, round, nodeAt(place));
export const none = initialBallot(epoch);

/** One replica's election, its promise and office, and what it hears. Places not `heard` are silent. */
export class Replica implements GroupReports {
  readonly election: Election;
  promise: Ballot = none;
  office: Office | null = null;
  mayOffer = true;
  ready = true;
  private readonly reports = new Map<number, PartitionReport>();
  private readonly heardPlaces = new Set<number>();
  private readonly hearsPairs = new Map<number, readonly number[]>();

  constructor(
    readonly place: number,
    readonly size = 3,
    maxHold = MAX_HOLD,
  ) {
    const replicas = all(size).map(nodeAt);
    this.election = new Election({ self: nodeAt(place), replicas, groupEpoch: epoch, maxHold });
  }

  /** The replica at `place` is heard with this report; it hears everybody unless said otherwise. */
  hear(place: number, promise: Ballot, live = false, hears: readonly number[] = all(this.size)): this {
    this.heardPlaces.add(place);
    this.hearsPairs.set(place, hears);
    this.reports.set(place, {
      partition: partition(0),
      groupEpoch: epoch,
      ready: true,
      promise,
      live,
      settled: null,
      settledRevision: revision(0),
      lastChange: changeNumber(0),
      lagging: false,
    });
    return this;
  }

  /** The replica at `place` lacks many changes. */
  lag(place: number, lagging = true): this {
    const report = this.reports.get(place);
    if (report !== undefined) this.reports.set(place, { ...report, lagging });
    return this;
  }

  lose(...places: number[]): this {
    for (const place of places) this.heardPlaces.delete(place);
    return this;
  }

  /** Places whose disk is full. */
  readonly fullPlaces = new Set<number>();

  full(place: number): boolean {
    return this.fullPlaces.has(place);
  }

  heard(place: number): boolean {
    return place === this.place ? this.ready : this.heardPlaces.has(place);
  }

  get places(): number {
    return all(this.size).reduce((places, place) => places | (this.heard(place) ? voteOf(place) : 0), 0);
  }

  report(place: number): PartitionReport | undefined {
    return this.reports.get(place);
  }

  hears(place: number, other: number): boolean {
    return place === other || this.hearsPairs.get(place)?.includes(other) === true;
  }

  /** Ends rounds; the action of the last. */
  rounds(count = 1): ElectionAction | null {
    let action: ElectionAction | null = null;
    for (let i = 0; i < count; i++) action = this.election.roundEnded(this, this.promise, this.office, this.mayOffer);
    return action;
  }

  /** Rounds until an action of that kind, this many at most; 0: none came. */
  roundsUntil(kind: ElectionAction["kind"], most = 100): number {
    for (let count = 1; count <= most; count++) if (this.rounds()?.kind === kind) return count;
    return 0;
  }

  hold(held: Ballot, elected = true, promised = elected ? -1 : voteOf(this.place)): this {
    this.promise = held;
    this.office = { ballot: held, elected, promised, caughtUp: -1 };
    this.election.refresh(this, this.promise, this.office);
    return this;
  }

  promises(promise: Ballot): this {
    this.promise = promise;
    this.election.refresh(this, this.promise, this.office);
    return this;
  }
}

/** The working writer b(1, place) of a group in which all is well. */
export function writer(place: number, size = 3, maxHold = MAX_HOLD): Replica {
  const replica = new Replica(place, size, maxHold);
  for (const other of all(size)) if (other !== place) replica.hear(other, b(1, place), true);
  replica.hold(b(1, place)).rounds(2);
  return replica;
}
