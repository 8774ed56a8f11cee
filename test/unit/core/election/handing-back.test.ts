import { describe, expect, test } from "vitest";
import { voteOf } from "../../../../src/base/votes.js";
import { BASE_HOLD, HOLD_FALLS_AFTER, TURN_ROUNDS } from "../../../../src/core/election/handing-back.js";
import type { Ballot } from "../../../../src/core/model/ballot.js";
import { b, none, Replica, writer } from "./replica.js";

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

  test("one that still catches up is handed nothing back", () => {
    const replica = writer(1).lag(0);
    expect(replica.roundsUntil("offer")).toBe(0);
    expect(replica.lag(0, false).roundsUntil("offer")).toBeGreaterThan(0);
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
    replica.roundsUntil("offer");
    for (let hold = 2 * BASE_HOLD; hold <= 8 * BASE_HOLD; hold *= 2) {
      replica.election.turnSent();
      expect(replica.roundsUntil("resume")).toBe(TURN_ROUNDS);
      expect(replica.election.handingOver).toBe(false);
      expect(replica.roundsUntil("offer", 1000)).toBe(hold);
    }
  });

  test("the wait for the next offer stops doubling at its bound", () => {
    const replica = writer(1, 3, 3 * BASE_HOLD);
    for (const hold of [BASE_HOLD - 2, 2 * BASE_HOLD, 3 * BASE_HOLD, 3 * BASE_HOLD]) {
      expect(replica.roundsUntil("offer", 1000)).toBe(hold);
      replica.election.offerAbandoned();
    }
  });

  test("one offer at a time, however long the writer takes to complete its Writes", () => {
    const replica = writer(1);
    replica.roundsUntil("offer");
    expect(replica.roundsUntil("offer", 10 * BASE_HOLD)).toBe(0);
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
    expect(replica.election.yourTurn(b(3, 1), replica, replica.promise, null)).toEqual({
      kind: "campaign",
      ballot: b(4, 0),
    });
  });

  test("whoever is offered the office campaigns above what it has just heard, too", () => {
    const replica = new Replica(0).hear(1, b(3, 1), true).hear(2, b(3, 1), true).promises(b(3, 1));
    replica.rounds();
    replica.hear(2, b(8, 2));
    expect(replica.election.yourTurn(b(3, 1), replica, replica.promise, null)).toEqual({
      kind: "campaign",
      ballot: b(9, 0),
    });
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
