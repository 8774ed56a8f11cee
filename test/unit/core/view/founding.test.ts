/** View 1 exists once (F1–F3), whoever crashes, restarts or is wiped on the way. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodedView } from "../../../../src/codec/peer/encoded-view.js";
import { nodeId } from "../../../../src/core/model/ids.js";
import type { EncodedView } from "../../../../src/core/view/encoded-view.js";
import {
  type AcceptedView,
  compareStartBallots,
  Founder,
  type FounderPromise,
  NO_START_BALLOT,
  proposalOf,
  type StartBallot,
} from "../../../../src/core/view/founding.js";
import type { View } from "../../../../src/core/view/view.js";
import { bugNamed, plant } from "../../../planted/planted.js";
import { A, B, C, viewOf } from "../../node/cluster.js";

const LIST = ["p10:2", "p11:2", "p12:2"];
const OTHER = ["p10:2", "p11:2", "p13:2"];
const s = (round: number, node = A): StartBallot => ({ round, node });
const named = (clusterId: string, size = 3): EncodedView => encodedView({ ...viewOf(size), clusterId });
const one = named("01");
const two = named("02");

let founder: Founder;
afterEach(() => plant());
beforeEach(() => {
  founder = new Founder(LIST);
});

describe("a founder", () => {
  test("promises a ballot and reports what it accepted", () => {
    expect(founder.onPrepare(s(1), LIST)).toEqual({ kind: "promised", accepted: null });
    expect(founder.onAccept(s(1), one, LIST)).toEqual({ kind: "accepted" });
    expect(founder.onPrepare(s(2, B), LIST)).toEqual({ kind: "promised", accepted: { ballot: s(1), view: one } });
  });

  test("refuses a lower ballot and names its promise", () => {
    founder.onPrepare(s(2), LIST);
    expect(founder.onPrepare(s(1, C), LIST)).toEqual({ kind: "lower-ballot", promised: s(2) });
    expect(founder.onAccept(s(1, C), one, LIST)).toEqual({ kind: "lower-ballot", promised: s(2) });
    expect(founder.accepted).toBeNull();
  });

  test("that accepts in any ballot may decide a second view after it was wiped: F2.any-ballot shows", () => {
    // A counts on the wiped C for the first view, while the others went on in B's ballot, in which C had promised.
    plant(bugNamed("F2.any-ballot"));
    expect(founder.onAccept(s(1), one, LIST)).toEqual({ kind: "accepted" });
    expect(founder.onAccept(s(2, B), two, LIST)).toEqual({ kind: "accepted" });
    plant();
    expect(new Founder(LIST).onAccept(s(2, B), two, LIST)).toEqual({ kind: "not-promised" });
  });

  test("of one round the higher node's ballot wins", () => {
    founder.onPrepare(s(1, B), LIST);
    expect(founder.onPrepare(s(1, A), LIST).kind).toBe("lower-ballot");
    expect(founder.onPrepare(s(1, C), LIST).kind).toBe("promised");
  });

  test("gives the same promise again: an answer may have been lost", () => {
    founder.onPrepare(s(1), LIST);
    expect(founder.onPrepare(s(1), LIST).kind).toBe("promised");
    founder.onAccept(s(1), one, LIST);
    expect(founder.onAccept(s(1), one, LIST).kind).toBe("accepted");
  });

  test("accepts only in a ballot that it promised itself: a wiped one promised nothing (F2)", () => {
    expect(founder.onAccept(s(5), one, LIST)).toEqual({ kind: "not-promised" });
    founder.onPrepare(s(4), LIST);
    expect(founder.onAccept(s(5), one, LIST)).toEqual({ kind: "not-promised" });
    expect(founder.accepted).toBeNull();
    expect(founder.promised).toEqual(s(4));
  });

  test("refuses another list of founders, and shows its own (F1)", () => {
    for (const list of [OTHER, LIST.slice(1), [...LIST, "p13:2"], [...LIST].reverse(), []]) {
      expect(founder.onPrepare(s(1), list)).toEqual({ kind: "other-list", peers: LIST });
      expect(founder.onAccept(NO_START_BALLOT, one, list)).toEqual({ kind: "other-list", peers: LIST });
    }
    expect(founder.promised).toEqual(NO_START_BALLOT);
  });

  test("that has a view answers with it and with nothing else, whoever asks (F3)", () => {
    founder.onPrepare(s(1), LIST);
    founder.onView(one);
    expect(founder.onPrepare(s(9), LIST)).toEqual({ kind: "view", view: one });
    expect(founder.onAccept(s(1), two, LIST)).toEqual({ kind: "view", view: one });
    expect(founder.onPrepare(s(9), OTHER)).toEqual({ kind: "view", view: one });
    founder.onView(two);
    expect(founder.view).toBe(one);
  });
});

describe("a proposal", () => {
  const accepted = (ballot: StartBallot, view: EncodedView): AcceptedView => ({ ballot, view });
  const promises = (...of: (AcceptedView | null)[]): FounderPromise[] =>
    of.map((value, i) => ({ member: viewOf(of.length).members[i] as View["members"][number], accepted: value }));
  const own = named("0f");
  const proposed = (list: FounderPromise[]): string => proposalOf(list, () => own).view.clusterId;

  test("is its own when nobody accepted any", () => {
    expect(proposed(promises(null, null, null))).toBe("0f");
  });

  test("finishes a view that all the founders accepted: it may be decided", () => {
    const a = accepted(s(1), one);
    expect(proposed(promises(a, a, a))).toBe("01");
  });

  test("takes the accepted view of the highest ballot", () => {
    const high = accepted(s(2, B), two);
    const same = accepted(s(3, C), two);
    expect(proposed(promises(high, same, high))).toBe("02");
  });

  test("is its own when a founder named in the view never accepted it: then it cannot have been decided", () => {
    const a = accepted(s(1), one);
    expect(proposed(promises(a, a, null))).toBe("0f");
    expect(proposed(promises(a, a, accepted(s(2), two)))).toBe("0f");
  });

  test("finishes it when the one without it is another incarnation, whose predecessor may have accepted it", () => {
    const a = accepted(s(1), one);
    const [first, second, third] = promises(a, a, null);
    if (first === undefined || second === undefined || third === undefined) throw new Error("three promises");
    const wiped = { ...third, member: { ...third.member, id: nodeId(99) } };
    expect(proposed([first, second, wiped])).toBe("01");
  });

  test("a view accepted again in a higher ballot is the same view", () => {
    expect(proposed(promises(accepted(s(1), one), accepted(s(2), one), accepted(s(1), one)))).toBe("01");
  });
});

test("start ballots are ordered by round, then node", () => {
  const sorted = [s(2, A), s(1, C), s(1, B), NO_START_BALLOT].sort(compareStartBallots);
  expect(sorted).toEqual([NO_START_BALLOT, s(1, B), s(1, C), s(2, A)]);
  expect(compareStartBallots(s(1), s(1))).toBe(0);
});
