import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { majorityOf } from "../../../src/base/votes.js";
import { keepsState, Life, type Turn, turnOf } from "../../../src/core/life.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { groupEpoch, type NodeId, nodeId, partition } from "../../../src/core/model/ids.js";
import type { Placement } from "../../../src/core/view/view.js";
import { plant } from "../../planted/planted.js";

const P = partition(0);
const ids = (...numbers: number[]): NodeId[] => numbers.map(nodeId);

afterEach(() => plant());

function subsets(of: readonly NodeId[]): NodeId[][] {
  const all: NodeId[][] = [[]];
  for (const id of of) all.push(...all.map((one) => [...one, id]));
  return all;
}

/**
 * As the rule says it: each majority of the new group that is made of stayers alone contains a majority of the old one.
 */
const byTheRule = (before: readonly NodeId[], after: readonly NodeId[]): boolean =>
  subsets(after.filter((id) => before.includes(id)))
    .filter((some) => some.length >= majorityOf(after.length))
    .every((some) => some.filter((id) => before.includes(id)).length >= majorityOf(before.length));

const anyGroup = fc.uniqueArray(fc.integer({ min: 1, max: 8 }).map(nodeId), { minLength: 1, maxLength: 7 });

describe("stayers keep what they hold", () => {
  test("exactly when every majority that is made of them alone contains one of the group before", () => {
    fc.assert(
      fc.property(anyGroup, anyGroup, (before, after) => {
        expect(keepsState(before, after)).toBe(byTheRule(before, after));
      }),
    );
  });

  test.each<[number[], number[], boolean]>([
    [[1, 2, 3], [1, 2, 4], true],
    [[1, 2, 3, 4, 5], [1, 2, 3, 4, 6], true],
    [[1, 2], [1, 3], true],
    [[1, 2, 3], [1, 2], true],
    [[1, 2, 3, 4], [1, 2, 3], false],
    [[1, 2, 3, 4, 5], [1, 2, 3], false],
    [[1, 2], [1], false],
  ])("%j → %j: %s", (before, after, keeps) => {
    expect(keepsState(ids(...before), ids(...after))).toBe(keeps);
  });

  test("planted: majorities that only meet are told from those that contain", () => {
    plant("stayer.intersects");
    expect(keepsState(ids(1, 2, 3, 4), ids(1, 2, 3))).not.toBe(byTheRule(ids(1, 2, 3, 4), ids(1, 2, 3)));
  });
});

describe("a view", () => {
  const placement = (epoch: number, replicas: number[], before?: [number, number[]]): Placement => ({
    replicas: ids(...replicas),
    groupEpoch: groupEpoch(epoch),
    ...(before === undefined ? {} : { previous: { groupEpoch: groupEpoch(before[0]), replicas: ids(...before[1]) } }),
  });
  const lifeOf = (copy: number, ...entries: [kind: "stays" | "leaves" | "ready", epoch: number][]): Life => {
    const life = new Life(groupEpoch(copy));
    for (const [kind, epoch] of entries) {
      const common = { partition: P, epoch: groupEpoch(epoch) };
      const entry: Entry =
        kind === "ready" ? { kind: "ready", ...common } : { kind: "sealed", ...common, stays: kind === "stays" };
      life.restore(entry);
    }
    return life;
  };
  const turn = (life: Life | null, where: Placement): Turn => turnOf(life, where, nodeId(1));

  test.each<[string, Turn, Life | null, Placement]>([
    ["does not name this node", "none", null, placement(7, [2, 3, 4], [1, [2, 3, 5]])],
    ["names this node as a newcomer", "begins", null, placement(7, [1, 2, 3], [1, [2, 3, 4]])],
    ["keeps the group", "none", lifeOf(1), placement(1, [1, 2, 3])],
    ["keeps this node in another group", "stays", lifeOf(1), placement(7, [1, 2, 4], [1, [1, 2, 3]])],
    ["keeps this node once more", "stays", lifeOf(1, ["stays", 7]), placement(9, [1, 2, 5], [7, [1, 2, 4]])],
    ["keeps a newcomer that became ready", "stays", lifeOf(7, ["ready", 7]), placement(9, [1, 2, 5], [7, [1, 2, 4]])],
    ["keeps a newcomer that is not ready", "begins", lifeOf(7), placement(9, [1, 2, 5], [7, [1, 2, 4]])],
    ["leaves this node out", "leaves", lifeOf(1), placement(7, [2, 3, 4], [1, [1, 2, 3]])],
    ["left it out before", "none", lifeOf(1, ["leaves", 7]), placement(7, [2, 3, 4], [1, [1, 2, 3]])],
    ["names it again", "begins", lifeOf(1, ["leaves", 7]), placement(9, [1, 3, 4], [7, [2, 3, 4]])],
    ["of a later group finds an old copy", "begins", lifeOf(1), placement(9, [1, 3, 4], [7, [1, 2, 3]])],
    ["was let count before", "none", lifeOf(1, ["stays", 7]), placement(7, [1, 2, 4], [1, [1, 2, 3]])],
  ])("that %s: %s", (_, expected, life, where) => {
    expect(turn(life, where)).toBe(expected);
  });

  test("planted: a replica of some earlier group counts as one that stays", () => {
    plant("stayer.returns");
    expect(turn(lifeOf(1), placement(9, [1, 3, 4], [7, [1, 2, 3]]))).toBe("stays");
  });

  test("L1, L2: seals a copy once", () => {
    const life = lifeOf(1, ["leaves", 7]);
    expect(() => life.seal(groupEpoch(9), true)).toThrow("L1");
    expect(() => lifeOf(1, ["stays", 7]).seal(groupEpoch(7), true)).toThrow("L1");
  });
});
