/** Settings of the cluster: they are carried from view to view, and count at every node. */
import { afterEach, describe, expect, test } from "vitest";
import { duration } from "../../../../src/base/time.js";
import { nodeId } from "../../../../src/core/model/ids.js";
import { MOVE_CAPS } from "../../../../src/core/placement/moves.js";
import { wrongIn } from "../../../../src/core/view/check.js";
import type { EncodedView } from "../../../../src/core/view/encoded-view.js";
import { fateOf, operationFault, type ViewOperation } from "../../../../src/core/view/operation.js";
import { plannedView } from "../../../../src/core/view/planner.js";
import {
  type ClusterSettings,
  capsOf,
  changedSettings,
  replaceAfterOf,
  SETTING_BOUNDS,
  SETTING_NAMES,
  type SettingName,
} from "../../../../src/core/view/settings.js";
import type { View } from "../../../../src/core/view/view.js";
import { plant } from "../../../planted/planted.js";
import { encoded } from "../../../views/views.js";
import { cluster, follow, last } from "./ways.js";

afterEach(() => plant());

const ID = "ab".repeat(16);
const changing = (of: EncodedView, settings: ClusterSettings, unset: readonly SettingName[] = []): ViewOperation => ({
  kind: "change-settings",
  id: ID,
  epoch: of.view.epoch,
  node: nodeId(1),
  settings,
  unset,
});
const IDLE = { wishing: [], operations: [], mayVote: () => true, isLost: () => false };
const changed = (of: EncodedView, operation: ViewOperation): EncodedView =>
  encoded(plannedView(of, { ...IDLE, operations: [operation] }) as View);

describe("the settings of a cluster (settings C1)", () => {
  test("are changed by one view, which did the operation, and carried by all that follow", () => {
    const first = cluster(3, 3, 16, 1);
    const set = changed(first, changing(first, { movesPerNode: 2, replaceAfterMs: 0 }));
    expect(set.view.settings).toEqual({ movesPerNode: 2, replaceAfterMs: 0 });
    expect(fateOf(set.view, ID, 1)).toMatchObject({ state: "done", record: { kind: "change-settings", doneIn: 2 } });
    const rebalance = { kind: "rebalance", id: "cd".repeat(16), epoch: set.view.epoch, node: nodeId(1) } as const;
    const way = follow(set, rebalance);
    expect(way.views.length).toBeGreaterThan(3);
    for (const view of way.views) expect(view.settings).toEqual(set.view.settings);
    plant("C1.dropped");
    expect(last(follow(set, rebalance)).settings).toBeUndefined();
  });

  test("keep what a change does not name, and lose what it leaves to the nodes", () => {
    const first = cluster(3, 3, 4);
    const set = changed(first, changing(first, { movesPerNode: 2, transferRateMib: 64 }));
    const again = changed(set, { ...changing(set, { movesPerNode: 3 }, ["transferRateMib"]), id: "ac".repeat(16) });
    expect(again.view.settings).toEqual({ movesPerNode: 3 });
    const none = changed(again, { ...changing(again, {}, ["movesPerNode"]), id: "ad".repeat(16) });
    expect("settings" in none.view).toBe(false);
    expect(changedSettings(undefined, { settings: {}, unset: ["movesPerNode"] })).toBeUndefined();
  });

  test("have bounds: what is beyond them is refused, and no view with it is believed", () => {
    const first = cluster(3, 3, 4);
    for (const name of SETTING_NAMES) {
      const [least, most] = SETTING_BOUNDS[name];
      for (const value of [least, most])
        expect(operationFault(first.view, changing(first, { [name]: value }))).toBeNull();
      for (const [value, bound] of [
        [least - 1, least],
        [most + 1, most],
        [least + 0.5, least],
      ] as const) {
        const fault = operationFault(first.view, changing(first, { [name]: value }));
        expect(fault).toBe(`${name} must not be beyond ${bound}; it is ${value}`);
        expect(wrongIn({ ...first.view, clusterId: ID, operationId: ID, settings: { [name]: value } })).toBe(
          `its setting ${name} is beyond ${bound}`,
        );
      }
    }
    expect(SETTING_BOUNDS.replaceAfterMs[0]).toBe(0);
    for (const name of SETTING_NAMES.filter((one) => one !== "replaceAfterMs")) expect(SETTING_BOUNDS[name][0]).toBe(1);
    expect(operationFault(first.view, changing(first, {}))).toBe("no setting is named");
    expect(operationFault(first.view, changing(first, { movesPerNode: 1 }, ["movesPerNode"]))).toBe(
      "movesPerNode cannot get a value and none",
    );
  });
});

test("settings C2: what the view says counts, whatever a node's own configuration says, and only that", () => {
  const { view } = cluster(3, 3, 4);
  const says = (settings: ClusterSettings): View => ({ ...view, settings });
  expect(capsOf(view, MOVE_CAPS)).toEqual(MOVE_CAPS);
  expect(capsOf(says({ movesPerNode: 1 }), MOVE_CAPS)).toEqual({ ...MOVE_CAPS, perNode: 1 });
  expect(capsOf(says({ movesPerNode: 1, movesPerCluster: 2 }), MOVE_CAPS)).toEqual({ perNode: 1, perCluster: 2 });
  expect(replaceAfterOf(view, duration(7))).toBe(7);
  expect(replaceAfterOf(says({ movesPerNode: 1 }), duration(7))).toBe(7);
  expect(replaceAfterOf(says({ replaceAfterMs: 0 }), duration(7))).toBe(0);
  plant("C2.own-flags");
  expect(capsOf(says({ movesPerNode: 1 }), MOVE_CAPS)).toEqual(MOVE_CAPS);
  expect(replaceAfterOf(says({ replaceAfterMs: 0 }), duration(7))).toBe(7);
});
