/**
 * Election of the writer of a partition. It is ballot leader election, one machine per partition and group epoch at
 * each of its replicas. It decides when to campaign, repeat a Prepare, give up or hand the office back. The office
 * itself (its ballot, the promises counted) belongs to the register's writer machine. Safety rests on ballots alone:
 * whatever is decided here, two writers never harm each other's registers.
 *
 * Intuition: do not ask "is the writer alive?" but "does the owner of the ballot that I promised get anything done?".
 * Only the owner knows, so it says `live` in its reports, and every replica repeats what it heard from the owner
 * itself. A node that hears nobody live is not content; after some patience it campaigns with a higher ballot. The hop
 * matters. In a chain A–B–C with writer A, C hears from B that A is live and leaves it in peace. Without the hop, A and
 * C would depose each other forever. And `live` is never passed on twice, so it dies with its source.
 *
 * Invariants
 * E1 A ballot proposed is above the node's own promise and every promise heard at that time. The own promise is durable
 *    before the Prepare leaves (R8), so a ballot serves one office only.
 * E2 An office or candidacy is repeated in the same ballot, never with a new one, while it is neither lost nor given
 *    up.
 * E3 `live` is true only while the owner of the own promise, at its last word, was working in exactly that ballot.
 * E4 A machine made anew (a restarted node, a new group epoch) holds no office.
 * E5 Without a majority heard nobody campaigns, except at the start of a group epoch and then only once.
 * E6 A replica whose disk is full neither takes nor keeps an office that an able one can have: heard, hearing a
 *    majority, with space.
 *
 * Source: Ng, Haridi, Carbone, "Omni-Paxos: Breaking the Barriers of Partial Connectivity", EuroSys 2023 (ballot leader
 * election, quorum-connectivity). Changed as in docs/protocol.md: `live` instead of quorum-connected, patience by rank,
 * offices handed back.
 */
import { assert } from "../../base/assert.js";
import { countVotes, MAX_REPLICAS, majorityOf, voteOf } from "../../base/votes.js";
import { type Ballot, ballot, compareBallots, initialBallot, sameBallot } from "../model/ballot.js";
import type { GroupEpoch, NodeId } from "../model/ids.js";
import { HandingBack, MAX_HOLD } from "./handing-back.js";
import type { GroupReports } from "./heard-group.js";
import { Judging } from "./judging.js";
import type { Office } from "./office.js";

/** Rounds without content before the first replica in line campaigns. */
export const PATIENCE = 3;
/** Rounds more for every able replica before this one. */
export const PATIENCE_PER_RANK = 2;
/** Rounds without a majority after which an office is dropped. */
export const MAX_MISSED = 2;

export type ElectionAction =
  /**
   * Take this new ballot: own promise first, durably, then Prepare to all replicas. Replaces any office or candidacy
   * held.
   */
  | { readonly kind: "campaign"; readonly ballot: Ballot }
  /** Send the Prepare of the ballot held once more, to this mask of places. */
  | { readonly kind: "prepare"; readonly places: number }
  /** Drop the office or candidacy. */
  | { readonly kind: "resign" }
  /**
   * Handing over to that place begins: stop deciding (requests wait), and let the Writes complete for at most a second.
   * Then send YourTurn with the ballot held and call turnSent(); or call offerAbandoned() and go on.
   */
  | { readonly kind: "offer"; readonly place: number }
  /** Nobody took the office that was offered: go on deciding. */
  | { readonly kind: "resume" };

export interface ElectionOptions {
  readonly self: NodeId;
  readonly replicas: readonly NodeId[];
  readonly groupEpoch: GroupEpoch;
  /** The place of the preferred writer; the first without it. */
  readonly preferred?: number;
  /** Longest H, in rounds; see MAX_HOLD. */
  readonly maxHold?: number;
}

export class Election {
  private readonly self: NodeId;
  private readonly place: number;
  private readonly replicas: readonly NodeId[];
  private readonly groupEpoch: GroupEpoch;
  private readonly majority: number;
  private readonly judging: Judging;
  private readonly maxHold: number;

  private isLive = false;
  private isWorking = false;
  /** A Nack came since the last round end: not live until judged. */
  private nackedSince = false;
  /** The ballot last found elected: tells a fresh office from one already judged. */
  private electedIn: Ballot;
  /** Highest promise heard at the last round end. */
  private highest: Ballot;
  private patience = 0;
  private missed = 0;
  private handing: HandingBack;
  /** The place of the preferred writer. */
  private preferred: number;

  constructor(options: ElectionOptions) {
    this.self = options.self;
    this.replicas = options.replicas;
    this.place = options.replicas.indexOf(options.self);
    this.groupEpoch = options.groupEpoch;
    this.majority = majorityOf(options.replicas.length);
    this.judging = new Judging(this.place, options.replicas, this.majority);
    this.maxHold = options.maxHold ?? MAX_HOLD;
    this.handing = new HandingBack(this.maxHold);
    this.preferred = options.preferred ?? 0;
    this.electedIn = this.highest = initialBallot(options.groupEpoch);
    assert(this.place >= 0, "only a replica takes part in an election");
    assert(options.replicas.length <= MAX_REPLICAS, "a group's places fit a mask");
  }

  get preferredPlace(): number {
    return this.preferred;
  }

  /**
   * Another replica is preferred from now on. The writer follows by handing back; an offer that is out goes on as it
   * began.
   */
  prefer(place: number): void {
    if (place === this.preferred) return;
    this.preferred = place;
    // Facts learned of the replica that was preferred before say nothing of this one.
    if (!this.handing.underWay) this.handing = new HandingBack(this.maxHold);
  }

  /** To report: the owner of the own promise is working in exactly that ballot, by its own word. */
  get live(): boolean {
    return this.isLive;
  }

  /** This node is the writer and gets things done; when it is not, forwarded requests are answered NOT_WRITER. */
  get working(): boolean {
    return this.isWorking;
  }

  /**
   * An offer is out: the writer decides nothing until "resume", a new office, or none. At most 16 of a node at once.
   */
  get handingOver(): boolean {
    return this.handing.underWay;
  }

  /**
   * The rules of a round's end. Called by the node for every partition after detector.roundEnded, before the next
   * heartbeats leave. `promise`: the own replica's. `mayOffer`: the node may begin one more handing over. The caller
   * carries the action out, then calls refresh() if its promise or office changed, then tells `live` and `working` to
   * Heartbeats.
   */
  roundEnded(group: GroupReports, promise: Ballot, office: Office | null, mayOffer: boolean): ElectionAction | null {
    this.nackedSince = false;
    const heard = group.places;
    const highest = this.judging.highestPromise(group, heard, promise);
    const moved = !sameBallot(highest, this.highest);
    this.highest = highest;
    if (office === null) this.handing.end();

    if ((heard & voteOf(this.place)) === 0 || countVotes(heard) < this.majority) {
      return this.withoutMajority(group, promise, office);
    }
    this.missed = 0;
    if (office?.elected) this.electedIn = office.ballot;
    this.isWorking =
      office?.elected === true &&
      sameBallot(promise, office.ballot) &&
      countVotes(this.judging.agreeing(group, heard, office)) >= this.majority;
    this.isLive = this.judgeLive(group, promise);
    if (office === null) return this.withoutOffice(group, promise, heard, moved);
    if (compareBallots(highest, office.ballot) > 0) return this.surpassed(group, office, heard, moved);
    return this.unsurpassed(group, office, heard, mayOffer);
  }

  /**
   * Between rounds: the own promise changed, the office changed (elected, resigned, a campaign begun) or a report of
   * the group arrived. Keeps `live` and `working` up to date; true when one of them changed and is to be told. A writer
   * just elected is working at once.
   */
  refresh(group: GroupReports, promise: Ballot, office: Office | null): boolean {
    const wasLive = this.isLive;
    const wasWorking = this.isWorking;
    if (office === null) this.handing.end();
    if (office === null || !office.elected || !sameBallot(promise, office.ballot)) {
      this.isWorking = false;
    } else if (!sameBallot(office.ballot, this.electedIn)) {
      this.electedIn = office.ballot;
      this.isWorking = true;
      this.nackedSince = false;
    }
    this.isLive = this.judgeLive(group, promise);
    return wasLive !== this.isLive || wasWorking !== this.isWorking;
  }

  /**
   * A Nack of the ballot held arrived. The writer is not live, to be told, until the end of the round, which judges.
   */
  nacked(): void {
    this.nackedSince = true;
    if (this.isWorking) this.isLive = false;
  }

  /**
   * Called once, instead of waiting for a round's end, at the node that was the working writer when the last group
   * epoch ended.
   */
  groupBegins(promise: Ballot): ElectionAction {
    return this.campaign(promise);
  }

  /** A working writer takes a new ballot for a purpose of its own; null when it does not work. */
  renew(): ElectionAction | null {
    return this.isWorking && !this.handing.underWay ? this.campaign(this.highest) : null;
  }

  /**
   * YourTurn arrived. Campaigns once although a writer is live, if the promise is still that writer's ballot and a
   * majority is heard. Returns null otherwise: the offer lapses by itself.
   */
  yourTurn(offered: Ballot, group: GroupReports, promise: Ballot, office: Office | null): ElectionAction | null {
    if (office !== null || !sameBallot(promise, offered) || group.full(this.place)) return null;
    const heard = group.places;
    if ((heard & voteOf(this.place)) === 0 || countVotes(heard) < this.majority) return null;
    return this.campaign(this.judging.highestPromise(group, heard, promise));
  }

  /**
   * Drain and TransferWriter: offer the office to that place now, if it hears a majority and reports the ballot held.
   */
  transfer(place: number, group: GroupReports, office: Office | null): ElectionAction | null {
    if (office === null || !this.isWorking || this.handing.underWay || place === this.place) return null;
    if (!this.judging.able(group, place) || !this.judging.reports(group, place, office.ballot)) return null;
    this.handing.begin();
    return { kind: "offer", place };
  }

  /** A full disk keeps this replica from an office, as another one can have it (E6). */
  yields(group: GroupReports): boolean {
    if (!group.full(this.place)) return false;
    return this.replicas.some((_, place) => place !== this.place && this.judging.able(group, place));
  }

  /** The caller has sent YourTurn: two rounds from now it goes on, unless a higher ballot shows up. */
  turnSent(): void {
    this.handing.turnSent();
  }

  /** The caller could not let its Writes complete in time, and goes on deciding. */
  offerAbandoned(): void {
    this.handing.end();
  }

  // ---- Rules of the round's end. ----

  /**
   * Rule 1. After one such round the writer is not working, after two it holds nothing. A replica that is not ready
   * fares the same.
   */
  private withoutMajority(group: GroupReports, promise: Ballot, office: Office | null): ElectionAction | null {
    this.isWorking = false;
    this.isLive = this.judgeLive(group, promise);
    this.patience = 0;
    this.handing.count(false);
    this.handing.preferredHolds(false);
    if (office === null) return null;
    this.missed++;
    if (this.missed < MAX_MISSED) return null;
    this.missed = 0;
    return this.resign();
  }

  /** Rules 3 and 4 of a node that holds nothing. */
  private withoutOffice(group: GroupReports, promise: Ballot, heard: number, moved: boolean): ElectionAction | null {
    this.handing.preferredHolds(this.isLive && promise.node === this.replicas[this.preferred]);
    if (moved || this.isLive || this.judging.anotherHearsLive(group, heard)) {
      this.patience = 0;
      return null;
    }
    this.patience++;
    if (this.patience < PATIENCE + PATIENCE_PER_RANK * this.judging.rank(group) || this.yields(group)) return null;
    return this.campaign(this.highest);
  }

  /** Rules 2 and 4 of a candidate or writer that sees a promise above its ballot. */
  private surpassed(group: GroupReports, office: Office, heard: number, moved: boolean): ElectionAction | null {
    this.handing.count(false);
    if (!office.elected || this.higherLive(group, heard, office.ballot)) return this.resign();
    this.patience = moved ? 0 : this.patience + 1;
    if (this.patience >= PATIENCE) return this.yields(group) ? this.resign() : this.campaign(this.highest);
    return this.repeatPrepare(group, office, heard);
  }

  /** Rule 2 of a candidate or writer whose ballot is the highest, and handing back. */
  private unsurpassed(group: GroupReports, office: Office, heard: number, mayOffer: boolean): ElectionAction | null {
    this.patience = 0;
    if (this.handing.lapses()) return { kind: "resume" };
    this.handing.count(this.isWorking && this.judging.preferredIsFit(group, this.preferred, office, heard));
    const repeated = this.repeatPrepare(group, office, heard);
    if (repeated !== null) return repeated;
    if (!this.handing.due || !mayOffer) return null;
    this.handing.offer();
    return { kind: "offer", place: this.preferred };
  }

  private repeatPrepare(group: GroupReports, office: Office, heard: number): ElectionAction | null {
    let places = 0;
    for (let place = 0; place < this.replicas.length; place++) {
      const vote = voteOf(place);
      if (place === this.place || (heard & vote) === 0 || (office.promised & vote) !== 0) continue;
      // A candidate also asks again who reports its ballot: that Promised was lost.
      const reported = group.report(place)?.promise;
      const order = reported === undefined ? -1 : compareBallots(reported, office.ballot);
      if (order < 0 || (order === 0 && !office.elected)) places |= vote;
    }
    return places === 0 ? null : { kind: "prepare", places };
  }

  private campaign(highest: Ballot): ElectionAction {
    this.patience = 0;
    this.missed = 0;
    this.handing.end();
    return { kind: "campaign", ballot: ballot(this.groupEpoch, highest.round + 1, this.self) }; // E1
  }

  private resign(): ElectionAction {
    this.patience = 0;
    this.handing.end();
    this.isWorking = false;
    return { kind: "resign" };
  }

  private judgeLive(group: GroupReports, promise: Ballot): boolean {
    if (promise.node === this.self) return this.isWorking && !this.nackedSince;
    return this.judging.ownerLives(group, promise); // E3
  }

  private higherLive(group: GroupReports, heard: number, held: Ballot): boolean {
    // The own promise, which is never below a ballot held, belongs to somebody else.
    return (this.isLive && !this.isWorking) || this.judging.higherLive(group, heard, held);
  }
}
