/** Settings of a cluster of real processes that change while it runs. */
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { DeepPartial } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import {
  type ChangeSettingsRequest,
  ClusterSetting,
  OperationState,
  type View,
} from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { GrowingCluster, idOf, viewOf, WITHIN_MS } from "./growing-cluster.js";
import { eventually, type Node } from "./harness.js";
import { onar } from "./programs.js";

/** On a machine that does much else. */
const SETTLED_WITHIN_MS = 120_000;

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(() => growing.end());

const set = async (at: Node, ...words: readonly string[]): Promise<string> => {
  const ran = await onar(["settings", ...words, "--endpoint", at.address]);
  expect(ran).toMatchObject({ code: 0, stderr: "" });
  return ran.stdout;
};
const keptBy = ({ partitions }: View, id: number): number =>
  partitions.filter(({ replicas }) => replicas.includes(id)).length;
const movingIn = ({ partitions }: View): number => partitions.filter(({ previous }) => previous !== undefined).length;
const settled = (at: Node, holds: (view: View) => boolean): Promise<View> =>
  eventually("moves are over", SETTLED_WITHIN_MS, async () => {
    const view = await viewOf(at).catch(() => null);
    return view !== null && movingIn(view) === 0 && view.wishes.length === 0 && holds(view) ? view : undefined;
  });

test("a cap on moves counts in the view after it, at every node, also for those who propose later", async () => {
  const three = await growing.start(3, 3);
  const at = three.node(0);
  expect(await set(at, "moves-per-cluster=1", "moves-per-node=1")).toContain("moves-per-cluster is 1, since view");
  const moving: number[] = [];
  const end = new AbortController();
  const watched = (async () => {
    for await (const { view } of at.clients.cluster.watchView({}, { signal: end.signal }))
      if (view !== undefined) moving.push(movingIn(view));
  })().catch(() => {});
  const newcomer = await growing.joined("d", three, true, undefined, true);
  const id = await idOf(newcomer);
  const view = await settled(at, (now) => keptBy(now, id) === 6);
  end.abort();
  await watched;
  expect(moving.length).toBeGreaterThan(6);
  expect(Math.max(...moving)).toBe(1);
  expect(view.settings).toMatchObject({ movesPerNode: 1, movesPerCluster: 1 });
  // All processes end; those who propose then have flags of their own, and never were told.
  for (const node of three.nodes) await node.process.kill();
  await newcomer.process.kill();
  for (const node of three.nodes) node.restart();
  newcomer.restart();
  for (const node of [...three.nodes, newcomer]) {
    const known = await eventually("it serves", WITHIN_MS, () => viewOf(node).catch(() => undefined));
    expect(known.settings).toMatchObject({ movesPerNode: 1, movesPerCluster: 1 });
  }
  const json = await eventually("it is told", WITHIN_MS, async () => {
    const ran = await onar(["settings", "-o", "json", "--endpoint", newcomer.address]);
    return ran.code === 0 ? JSON.parse(ran.stdout) : undefined;
  });
  expect(json.settings).toEqual({
    movesPerNode: 1,
    movesPerCluster: 1,
    transferRateMib: null,
    transferPartitions: null,
    replaceAfterMs: null,
  });
}, 300_000);

test("nodes that never replace anybody begin to when the cluster is told to", async () => {
  const four = await growing.start(4, 3, ["--replace-after", "0"]);
  const at = four.node(0);
  const dead = four.node(3);
  const id = await idOf(dead);
  await dead.process.kill();
  await eventually("it is not heard", WITHIN_MS, async () => {
    const { nodes } = await at.clients.cluster.status({});
    return nodes.some((node) => node.id === id && !node.heard) ? true : undefined;
  });
  expect(keptBy(await viewOf(at), id)).toBe(6);
  await set(at, "replace-after=1");
  await at.process.said("replaceAfterMs is 1000", WITHIN_MS);
  const healed = await eventually("others have its replicas", SETTLED_WITHIN_MS, async () => {
    const view = await viewOf(at);
    return movingIn(view) === 0 && keptBy(view, id) === 0 ? view : undefined;
  });
  expect(healed.settings?.replaceAfterMs).toBe(1_000);
}, 200_000);

test("what cannot be is refused with the field and its bound, and nothing is changed", async () => {
  const three = await growing.start(3, 3);
  const at = three.node(1);
  const { epoch } = await viewOf(at);
  const asked = (request: DeepPartial<ChangeSettingsRequest>) =>
    at.clients.cluster.changeSettings({ operationId: randomBytes(16), epoch, ...request });
  const refusals: readonly (readonly [DeepPartial<ChangeSettingsRequest>, string])[] = [
    [{ settings: { movesPerNode: 0 } }, "moves_per_node must be between 1 and 1024; it is 0"],
    [{ settings: { movesPerCluster: 65_537 } }, "moves_per_cluster must be between 1 and 65536; it is 65537"],
    [{ settings: { transferRateMib: 0 } }, "transfer_rate_mib must be between 1 and 10000; it is 0"],
    [{ settings: { transferPartitions: 1_025 } }, "transfer_partitions must be between 1 and 1024; it is 1025"],
    [{ settings: { replaceAfterMs: 3_600_001 } }, "replace_after_ms must be between 0 and 3600000; it is 3600001"],
    [{}, "settings must have one at least"],
    [{ settings: { movesPerNode: 1 }, unset: [ClusterSetting.MOVES_PER_NODE] }, "to get a value and none"],
    [{ unset: [99 as ClusterSetting] }, "unset names a setting that this node does not know"],
  ];
  for (const [request, text] of refusals)
    await expect(asked(request), text).rejects.toMatchObject({ details: expect.stringContaining(text) });
  const dry = await asked({ settings: { replaceAfterMs: 0 }, dryRun: true });
  expect(dry.operation?.state).toBe(OperationState.POSSIBLE);
  expect(dry.view?.settings).toMatchObject({ replaceAfterMs: 0 });
  expect(await viewOf(at)).toMatchObject({ epoch, settings: undefined });
  const done = await asked({ settings: { replaceAfterMs: 0, transferRateMib: 64 } });
  expect(done.operation).toMatchObject({ state: OperationState.DONE, doneEpoch: epoch + 1n });
  expect((await viewOf(at)).settings).toMatchObject({ replaceAfterMs: 0, transferRateMib: 64 });
}, 60_000);
