import { describe, expect, test } from "vitest";
import { groupEpoch, nodeId } from "../../../src/core/model/ids.js";
import { isWhole } from "../../../src/server/surviving.js";

const nodes = (...ids: number[]) => ids.map(nodeId);
const here = (...ids: number[]) => new Set(nodes(...ids));

describe("a partition is whole", () => {
  const still = { replicas: nodes(1, 2, 3), groupEpoch: groupEpoch(4) };

  test.each([
    [[1, 2, 3], true],
    [[1, 3], true],
    [[2], false],
    [[2, 4, 5], false],
    [[], false],
  ])("with the copies of nodes %j of a group of nodes 1, 2, 3: %s", (ids, whole) => {
    expect(isWhole(still, here(...ids))).toBe(whole);
  });

  const previous = { groupEpoch: groupEpoch(4), replicas: nodes(1, 2, 3) };
  const moving = { replicas: nodes(1, 2, 4), groupEpoch: groupEpoch(5), previous };

  test("while it moves, with a majority of both groups alone", () => {
    expect(isWhole(moving, here(1, 2))).toBe(true);
    // The newcomer may hold nothing yet of what 2 and 3 acknowledged.
    expect(isWhole(moving, here(1, 4))).toBe(false);
    expect(isWhole(moving, here(1, 3))).toBe(false);
  });

  test("while it moves, with a replica that the view records as ready: it has what the group before acknowledged", () => {
    const told = { ...moving, ready: [{ node: nodeId(4), bad: 0 }] };
    expect(isWhole(told, here(1, 4))).toBe(true);
    expect(isWhole(told, here(4))).toBe(false);
  });
});
