/**
 * A node is killed at named steps of a move (kill -9), in clusters of real processes under load. It is the one that
 * takes over, one that it takes over from, or the proposer of a view of the drain. In other runs all nodes are killed
 * together. Once they are started again, the drain ends, nothing is lost, and the history is linearizable.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "vitest";
import { OperationState } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { WITHIN_MS } from "./growing-cluster.js";
import { eventually } from "./harness.js";
import { PausedDrain } from "./paused-drain.js";

let folder: string;
let drain: PausedDrain | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "onar-move-"));
});
afterEach(async () => {
  await drain?.stop();
  drain = null;
  rmSync(folder, { recursive: true, force: true });
});

const ENDS = [
  { step: "begun", who: "that node" },
  { step: "sealed", who: "that node" },
  { step: "source", who: "that node" },
  { step: "merged", who: "that node" },
  { step: "begun", who: "all nodes" },
  { step: "merged", who: "all nodes" },
] as const;

test.each(ENDS)(
  "nothing is lost when a node is at the step $step of a move, and a kill -9 ends $who",
  async ({ step, who }) => {
    drain = await PausedDrain.filled(folder);
    const victim = await drain.pausedAt(step, null);
    const victims = who === "all nodes" ? drain.cluster.nodes : [victim];
    await Promise.all(victims.map(({ process }) => process.kill()));
    for (const one of victims) one.restart();
    await drain.ends(`killed at ${step}`);
  },
  240_000,
);

/** The view of the drain, and how far the proposer is with it. */
const PROPOSED = [
  { view: "the view that carries the drain", later: 0, step: "asked" },
  { view: "the view that carries the drain", later: 0, step: "decided" },
  { view: "the first view with moves", later: 1, step: "voted" },
  { view: "the first view with moves", later: 1, step: "told" },
  { view: "a view that records who is ready", later: 2, step: "decided" },
] as const;

test.each(PROPOSED)(
  "$view: its proposer is killed at the step $step, the others go on with the drain, and it ends once",
  async ({ step, later }) => {
    drain = await PausedDrain.filled(folder);
    const { nodes } = drain.cluster;
    const victim = await drain.pausedAt(step, later);
    await victim.process.kill();
    for (const other of nodes.filter((node) => node !== victim))
      await eventually("the others know of the drain without it", WITHIN_MS, async () => {
        const state = await drain?.toldBy(other);
        return state === OperationState.PENDING || state === OperationState.DONE ? true : undefined;
      });
    victim.restart();
    await drain.ends(`proposer killed at ${step}`);
  },
  240_000,
);
