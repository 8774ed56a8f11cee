/** Each rule of the round's end by itself. */
import { describe, expect, test } from "vitest";
import { majorityOf, voteOf } from "../../../../src/base/votes.js";
import { MAX_MISSED, PATIENCE, PATIENCE_PER_RANK } from "../../../../src/core/election/election.js";
import { b, none, Replica, writer } from "./replica.js";

describe("rule 1: no majority", () => {
  test("without a majority heard nobody campaigns, however long (E5)", () => {
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
  test("a candidate repeats its Prepare in the same ballot to everyone heard who has not answered (E2)", () => {
    const replica = new Replica(0, 5)
      .hear(1, none)
      .hear(2, none)
      .hear(3, b(1, 0))
      .lose(4)
      .hold(b(1, 0), false, voteOf(0) | voteOf(2));
    expect(replica.rounds()).toEqual({ kind: "prepare", places: voteOf(1) | voteOf(3) });
    expect(replica.rounds()).toEqual({ kind: "prepare", places: voteOf(1) | voteOf(3) });
  });

  test("a writer repeats it to those who report less, and not to one whose Promised came later than its report", () => {
    const replica = new Replica(0)
      .hear(1, none)
      .hear(2, none)
      .hold(b(1, 0), true, voteOf(0) | voteOf(1));
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
    expect(wait(new Replica(2, 5).hear(0, none, false, [2]).hear(1, none).hear(3, none))).toBe(
      PATIENCE + PATIENCE_PER_RANK,
    );
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

  test("what the owner of the promise says of another ballot does not make it live (E3)", () => {
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

  test("a restarted node holds no office, even when the promise is its own ballot (E4)", () => {
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

test("a group of one elects itself", () => {
  const replica = new Replica(0, 1);
  expect(majorityOf(1)).toBe(1);
  expect(replica.roundsUntil("campaign")).toBe(PATIENCE);
  replica.hold(b(1, 0)).rounds(3);
  expect(replica.election.working).toBe(true);
});
