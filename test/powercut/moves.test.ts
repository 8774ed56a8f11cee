/** The power of all nodes is cut at once while a partition moves: what their disks kept is enough to end the move. */
import { afterEach, describe, test } from "vitest";
import { buildIfStale } from "../e2e/harness.js";
import { PausedDrain } from "../e2e/paused-drain.js";
import { type Cache, Rack, whyNoPowerCuts } from "./disk.js";

const why = whyNoPowerCuts();
const skipped = why === null ? "" : ` (skipped: this machine cannot cut the power of a disk: ${why})`;

let rack: Rack | null = null;
let drain: PausedDrain | null = null;
afterEach(async () => {
  await drain?.stop();
  drain = null;
  rack?.remove();
  rack = null;
});

const CUTS: readonly { readonly step: string; readonly cache: Cache }[] = [
  { step: "begun", cache: "lost" },
  { step: "sealed", cache: "kept" },
  { step: "sealed", cache: "lost" },
  { step: "source", cache: "lost" },
  { step: "merged", cache: "lost" },
  { step: "merged", cache: "kept" },
];

describe.skipIf(why !== null)(`the power of all nodes is cut in the middle of a move${skipped}`, () => {
  test.each(CUTS)(
    "at the step $step, the disks' caches $cache: the drain ends and nothing is lost",
    async ({ step, cache }) => {
      buildIfStale();
      const { root, disks } = (rack = await Rack.make(4));
      drain = await PausedDrain.filled(root, ["--storage-memory", "16"]);
      const { nodes } = drain.cluster;
      await drain.pausedAt(step, null);
      const swap = await rack.cut(disks, cache, () => {
        for (const { process } of nodes) process.child.kill("SIGKILL");
      });
      await Promise.all(nodes.map(({ process }) => process.end));
      await swap();
      for (const node of nodes) node.restart();
      await drain.ends(`power cut at ${step}`);
    },
    240_000,
  );
});
