/** Each rule of the round's end by itself. The view from one replica of a group; what it hears is written down by hand. */
import { describe, expect, test } from "vitest";
import { majorityOf, voteOf } from "../../../../src/base/votes.js";
import { type Ballot, ballot, initialBallot } from "../../../../src/core/ballot.js";
import { Election, type ElectionAction, MAX_MISSED, type Office, PATIENCE, PATIENCE_PER_RANK } from "../../../../src/core/election/election.js";
import type { GroupReports } from "../../../../src/core/election/group.js";
import { BASE_HOLD, HOLD_FALLS_AFTER, TURN_ROUNDS } from "../../../../src/core/election/handing-back.js";
import type { PartitionReport } from "../../../../src/core/election/heartbeats.js";
import { groupEpoch, nodeId, partition, revision } from "../../../../src/core/ids.js";

const epoch = groupEpoch(4);
const all = (size: number) => Array.from({ length: size }, (_, place) => place);
const nodeAt = (place: number) => nodeId(10 + place);
const b = (round: number, place: number): Ballot => ballot(epoch, round, nodeAt(place));
const none = initialBallot(epoch);

/** One replica's election, its promise and office, and what it hears. Places not `heard` are silent. */
class Replica implements GroupReports {
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
  ) {
    const replicas = all(size).map(nodeAt);
    this.election = new Election({ self: nodeAt(place), replicas, groupEpoch: epoch });
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
    });
    return this;
  }

  lose(...places: number[]): this {
    for (const place of places) this.heardPlaces.delete(place);
    return this;
  }

  heard(place: number): boolean {
    return place === this.place ? this.ready : this.heardPlaces.has(place);
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
function writer(place: number, size = 3): Replica {
  const replica = new Replica(place, size);
  for (const other of all(size)) if (other !== place) replica.hear(other, b(1, place), true);
  replica.hold(b(1, place)).rounds(2);
  return replica;
}

describe("rule 1: no majority", () => {
  test("without a majority heard nobody campaigns, however long", () => {
    expect(new Replica(0, 5).hear(1, none).roundsUntil("campaign")).toBe(0);
  });

  test("after one round without a majority a writer is not live, after two it resigns", () => {
    const replica = writer(0);
    expect(replica.election.live).toBe(true);
    replica.lose(1, 2);
    expect(replica.rounds(MAX_MISSED - 1)).toBeNull();
    expect(replica.election.live).toBe(false);
    expect(replica.election.working).toBe(false);
    expect(replica.rounds()).toEqual({ kind: "resign" });
  });

  test("a majority that comes back in time saves the office", () => {
    const replica = writer(0);
    replica.lose(1, 2).rounds();
    replica.hear(1, b(1, 0), true);
    expect(replica.rounds()).toBeNull();
    expect(replica.election.working).toBe(true);
    replica.lose(1);
    expect(replica.rounds()).toBeNull();
  });

  test("a candidacy is dropped, too", () => {
    const replica = new Replica(0).hear(1, none).hear(2, none).hold(b(1, 0), false);
    expect(replica.lose(1, 2).rounds(MAX_MISSED)).toEqual({ kind: "resign" });
  });

  test("a replica that is not ready neither campaigns nor keeps an office", () => {
    const replica = new Replica(0).hear(1, none).hear(2, none);
    replica.ready = false;
    expect(replica.roundsUntil("campaign")).toBe(0);
    expect(replica.hold(b(1, 0)).roundsUntil("resign")).toBe(MAX_MISSED);
  });
});

describe("rule 2: holding a ballot", () => {
  test("a candidate repeats its Prepare in the same ballot to everyone heard who has not answered", () => {
    const replica = new Replica(0, 5).hear(1, none).hear(2, none).hear(3, b(1, 0)).lose(4).hold(b(1, 0), false, voteOf(0) | voteOf(2));
    expect(replica.rounds()).toEqual({ kind: "prepare", places: voteOf(1) | voteOf(3) });
    expect(replica.rounds()).toEqual({ kind: "prepare", places: voteOf(1) | voteOf(3) });
  });

  test("a writer repeats it to those who report less, and not to one whose Promised came later than its report", () => {
    const replica = new Replica(0).hear(1, none).hear(2, none).hold(b(1, 0), true, voteOf(0) | voteOf(1));
    expect(replica.rounds()).toEqual({ kind: "prepare", places: voteOf(2) });
  });

  test("a candidate that sees a higher promise gives up", () => {
    const replica = new Replica(0).hear(1, none).hear(2, b(1, 2)).hold(b(1, 0), false);
    expect(replica.rounds()).toEqual({ kind: "resign" });
    const own = new Replica(0).hear(1, none).hear(2, none).hold(b(1, 0), false).promises(b(1, 1));
    expect(own.rounds()).toEqual({ kind: "resign" });
  });

  test("a writer steps down when a higher ballot is live", () => {
    const replica = writer(0);
    expect(replica.hear(1, b(2, 2), true).rounds()).toEqual({ kind: "resign" });
  });

  test("a writer that sees a higher promise of nobody in office campaigns above it after some patience, without regard to rank", () => {
    const replica = writer(2);
    replica.hear(1, b(7, 0));
    replica.rounds();
    expect(replica.roundsUntil("campaign")).toBe(PATIENCE);
    const again = writer(2);
    again.hear(1, b(7, 0)).rounds(PATIENCE);
    expect(again.rounds()).toEqual({ kind: "campaign", ballot: b(8, 2) });
  });

  test("while the higher promise changes a writer waits", () => {
    const replica = writer(0);
    for (let round = 2; round < 20; round++) {
      const action = replica.hear(1, b(round, 1)).rounds();
      expect(action).toBeNull();
    }
  });
});

describe("rules 3 and 4: holding none", () => {
  test("the first in line campaigns after three rounds, above the highest round seen", () => {
    const replica = new Replica(0).hear(1, b(5, 1)).hear(2, none).promises(b(3, 2));
    replica.rounds();
    expect(replica.rounds(PATIENCE - 1)).toBeNull();
    expect(replica.rounds()).toEqual({ kind: "campaign", ballot: b(6, 0) });
  });

  test("two rounds more for every replica before it that it hears and that hears a majority", () => {
    const wait = (replica: Replica) => replica.roundsUntil("campaign");
    expect(wait(new Replica(2).hear(0, none).hear(1, none))).toBe(PATIENCE + 2 * PATIENCE_PER_RANK);
    expect(wait(new Replica(2).hear(1, none))).toBe(PATIENCE + PATIENCE_PER_RANK);
    expect(wait(new Replica(2).hear(0, none, false, [2]).hear(1, none))).toBe(PATIENCE + 2 * PATIENCE_PER_RANK);
    expect(wait(new Replica(2, 5).hear(0, none, false, [2]).hear(1, none).hear(3, none))).toBe(PATIENCE + PATIENCE_PER_RANK);
    expect(wait(new Replica(0).hear(1, none).hear(2, none))).toBe(PATIENCE);
  });

  test("a node that hears the writer itself is content", () => {
    const replica = new Replica(1).hear(0, b(1, 0), true).hear(2, none).promises(b(1, 0));
    expect(replica.roundsUntil("campaign")).toBe(0);
    expect(replica.election.live).toBe(true);
  });

  test("a node that hears of the writer from another is content, but does not report it live", () => {
    const replica = new Replica(2).hear(1, b(1, 0), true).promises(b(1, 0));
    expect(replica.roundsUntil("campaign")).toBe(0);
    expect(replica.election.live).toBe(false);
  });

  test("what the owner of the promise says of another ballot does not make it live", () => {
    const replica = new Replica(1).hear(0, b(1, 0), true).hear(2, none).promises(b(2, 0));
    replica.rounds();
    expect(replica.election.live).toBe(false);
  });

  test("an owner that says nothing of being live, or is not heard, is not live", () => {
    const replica = new Replica(1).hear(0, b(1, 0)).hear(2, none).promises(b(1, 0));
    replica.rounds();
    expect(replica.election.live).toBe(false);
    replica.hear(0, b(1, 0), true).lose(0).rounds();
    expect(replica.election.live).toBe(false);
  });

  test("somebody just running is given time: a changed highest promise starts the patience anew", () => {
    const replica = new Replica(0).hear(1, none).hear(2, none);
    replica.rounds(PATIENCE - 1);
    replica.hear(1, b(1, 1));
    expect(replica.rounds(PATIENCE)).toBeNull();
    expect(replica.rounds()).toEqual({ kind: "campaign", ballot: b(2, 0) });
  });

  test("a moment of content starts the patience anew", () => {
    const replica = new Replica(0).hear(1, none).hear(2, none);
    replica.rounds(PATIENCE - 1);
    replica.hear(1, none, true).rounds();
    replica.hear(1, none);
    expect(replica.roundsUntil("campaign")).toBe(PATIENCE);
  });

  test("a restarted node holds no office, even when the promise is its own ballot", () => {
    const replica = new Replica(0).hear(1, b(1, 0)).hear(2, b(1, 0)).promises(b(1, 0));
    replica.rounds();
    expect(replica.election.live).toBe(false);
    expect(replica.roundsUntil("campaign")).toBe(PATIENCE);
  });

  test("when a group epoch begins the last epoch's writer campaigns at once", () => {
    expect(new Replica(1).election.groupBegins(none)).toEqual({ kind: "campaign", ballot: b(1, 1) });
  });
});

describe("working", () => {
  test("a writer works from the moment it is elected, before any report shows its ballot", () => {
    const replica = new Replica(0).hear(1, none).hear(2, none).hold(b(1, 0), false);
    expect(replica.election.working).toBe(false);
    replica.hold(b(1, 0), true, voteOf(0) | voteOf(1));
    expect(replica.election.working).toBe(true);
    expect(replica.election.live).toBe(true);
    replica.rounds();
    expect(replica.election.working).toBe(true);
  });

  test("a writer works only with a majority of exactly its ballot", () => {
    const replica = writer(0, 5);
    for (const place of [1, 2]) replica.hear(place, b(2, 4));
    replica.rounds();
    expect(replica.election.working).toBe(true);
    replica.hear(3, b(2, 4)).rounds();
    expect(replica.election.working).toBe(false);
  });

  test("a Promised counted long ago does not outweigh a newer report of a higher promise", () => {
    const replica = writer(0);
    replica.hear(1, b(2, 2)).hear(2, b(2, 2)).rounds();
    expect(replica.election.working).toBe(false);
  });

  test("a writer whose own promise was raised stops working at once", () => {
    const replica = writer(0).promises(b(2, 1));
    expect(replica.election.working).toBe(false);
    expect(replica.election.live).toBe(false);
  });

  test("a Nack makes the writer not live until the round's end, which judges", () => {
    const replica = writer(0);
    replica.election.nacked();
    expect(replica.election.live).toBe(false);
    replica.election.refresh(replica, replica.promise, replica.office);
    expect(replica.election.live).toBe(false);
    expect(replica.election.working).toBe(true);
    replica.rounds();
    expect(replica.election.live).toBe(true);
    replica.election.nacked();
    replica.hear(1, b(2, 2)).hear(2, b(2, 2)).rounds();
    expect(replica.election.live).toBe(false);
  });

  test("a report that arrives between rounds is taken in by refresh, and said to have changed something once", () => {
    const replica = new Replica(1).hear(0, none).hear(2, none).promises(b(1, 0));
    replica.rounds();
    replica.hear(0, b(1, 0), true);
    const { election } = replica;
    expect(election.refresh(replica, replica.promise, null)).toBe(true);
    expect(election.live).toBe(true);
    expect(election.refresh(replica, replica.promise, null)).toBe(false);
  });
});

describe("handing back", () => {
  test("the office is offered to the preferred replica after twenty rounds without a break", () => {
    const replica = new Replica(2).hear(0, b(1, 2), true).hear(1, b(1, 2), true).hold(b(1, 2));
    replica.rounds(10);
    replica.lose(0).rounds();
    replica.hear(0, b(1, 2), true);
    expect(replica.rounds(BASE_HOLD - 1)).toBeNull();
    expect(replica.rounds()).toEqual({ kind: "offer", place: 0 });
    expect(replica.election.handingOver).toBe(true);
    expect(replica.election.live).toBe(true);
  });

  test("the preferred replica never offers its office", () => {
    expect(writer(0).roundsUntil("offer")).toBe(0);
  });

  test("it must promise the ballot, be caught up, and hear everybody whom the writer hears", () => {
    expect(writer(1).hear(0, none, true).roundsUntil("offer")).toBe(0);
    expect(writer(1).hear(0, b(1, 1), true, [1]).roundsUntil("offer")).toBe(0);
    const behind = writer(1);
    behind.office = { ballot: b(1, 1), elected: true, promised: -1, caughtUp: ~voteOf(0) };
    expect(behind.roundsUntil("offer")).toBe(0);
    expect(writer(1).hear(0, b(1, 1), true, [1]).lose(2).roundsUntil("offer")).toBeGreaterThan(0);
  });

  test("while the node has enough offers under way this one waits", () => {
    const replica = writer(1);
    replica.mayOffer = false;
    expect(replica.roundsUntil("offer")).toBe(0);
    replica.mayOffer = true;
    expect(replica.rounds()).toEqual({ kind: "offer", place: 0 });
  });

  test("when nobody takes the office within two rounds the writer goes on, and waits twice as long for the next offer", () => {
    const replica = writer(1);
    let hold = BASE_HOLD;
    for (let offer = 0; offer < 3; offer++) {
      replica.roundsUntil("offer", 1000);
      replica.election.turnSent();
      expect(replica.roundsUntil("resume")).toBe(TURN_ROUNDS);
      expect(replica.election.handingOver).toBe(false);
      hold *= 2;
      replica.mayOffer = false;
      expect(replica.roundsUntil("offer", hold - 1)).toBe(0);
      replica.mayOffer = true;
      expect(replica.roundsUntil("offer", 1)).toBe(1);
      replica.election.offerAbandoned();
      hold *= 2;
    }
  });

  test("a higher ballot ends the offer: the writer steps down once it is live", () => {
    const replica = writer(1);
    replica.roundsUntil("offer");
    replica.election.turnSent();
    replica.hear(0, b(2, 0)).hear(2, b(2, 0)).promises(b(2, 0));
    expect(replica.rounds()).toBeNull();
    replica.hear(0, b(2, 0), true);
    expect(replica.rounds()).toEqual({ kind: "resign" });
    replica.office = null;
    replica.rounds();
    expect(replica.election.handingOver).toBe(false);
  });

  test("whoever is offered the office campaigns although a writer is live", () => {
    const replica = new Replica(0).hear(1, b(3, 1), true).hear(2, b(3, 1), true).promises(b(3, 1));
    replica.rounds();
    expect(replica.election.yourTurn(b(3, 1), replica, replica.promise, null)).toEqual({ kind: "campaign", ballot: b(4, 0) });
  });

  test("an offer of a ballot not promised any more, or without a majority heard, is let lapse", () => {
    const replica = new Replica(0).hear(1, b(3, 1), true).hear(2, b(3, 1), true).promises(b(3, 1));
    const turn = (offered: Ballot) => replica.election.yourTurn(offered, replica, replica.promise, replica.office);
    expect(turn(b(2, 1))).toBeNull();
    replica.lose(1, 2);
    expect(turn(b(3, 1))).toBeNull();
    replica.hear(1, b(3, 1)).hold(b(4, 0), false);
    expect(turn(b(3, 1))).toBeNull();
  });

  test("H falls back after the preferred replica has held the office ten times as long", () => {
    const replica = writer(1);
    replica.roundsUntil("offer"); // H is twice the base now
    replica.office = null;
    replica.promises(b(2, 0)).hear(0, b(2, 0), true).hear(2, b(2, 0), true);
    replica.rounds(HOLD_FALLS_AFTER * 2 * BASE_HOLD + 1);
    replica.hold(b(3, 1)).hear(0, b(3, 1)).hear(2, b(3, 1));
    expect(replica.roundsUntil("offer")).toBe(BASE_HOLD);
  });

  test("a transfer offers the office at once, to a replica that can take it", () => {
    const replica = writer(0);
    const transfer = (place: number) => replica.election.transfer(place, replica, replica.office);
    expect(transfer(0)).toBeNull();
    replica.hear(2, none);
    expect(transfer(2)).toBeNull();
    replica.hear(2, b(1, 0), true, [2]);
    expect(transfer(2)).toBeNull();
    expect(transfer(1)).toEqual({ kind: "offer", place: 1 });
    expect(transfer(1)).toBeNull();
    replica.election.turnSent();
    expect(replica.roundsUntil("resume")).toBe(TURN_ROUNDS);
  });
});

test("a group of one elects itself", () => {
  const replica = new Replica(0, 1);
  expect(majorityOf(1)).toBe(1);
  expect(replica.roundsUntil("campaign")).toBe(PATIENCE);
  replica.hold(b(1, 0)).rounds(3);
  expect(replica.election.working).toBe(true);
});
