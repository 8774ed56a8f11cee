/**
 * A cluster on disks whose power is cut again and again while clients write. Either it is one node's, and the others go
 * on, or all nodes' at once. The nodes come back on what each cut has left.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Cluster, ROOT } from "../e2e/harness.js";
import { type RoundsResult, runRounds, type Strike } from "../restarts/rounds.js";
import { type Disk, Rack } from "./disk.js";

const NODES = 3;
const PARTITIONS = 32;
/** Folds begin at a quarter of it, so that cuts meet them, too. */
const STORAGE_MIB = 16;

/**
 * The nodes answer before what they say is written (`sync`), or their file systems never tell the disks to flush their
 * caches (`flush`).
 */
export type Broken = "sync" | "flush";

export interface CutsOptions {
  readonly seed: number;
  readonly cuts: number;
  /** The rule that is broken on purpose, so that the cuts must show it. */
  readonly broken?: Broken;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

export async function runCuts({ seed, cuts, broken, say, signal }: CutsOptions): Promise<RoundsResult> {
  const rack = await Rack.make(NODES, { flushes: broken !== "flush" });
  try {
    const cluster = await Cluster.start({
      nodes: NODES,
      replicas: NODES,
      partitions: PARTITIONS,
      data: rack.root,
      args: ["--storage-memory", `${STORAGE_MIB}`],
      ...(broken === "sync" ? { env: () => WITHOUT_SYNC } : {}),
    });
    try {
      return await runRounds({
        cluster,
        seed,
        rounds: cuts,
        name: "cut",
        strike: (victims, round) => cut(cluster, rack, victims, round),
        keepHistory: broken === undefined,
        say,
        ...(signal === undefined ? {} : { signal }),
      });
    } finally {
      await cluster.stop();
    }
  } finally {
    rack.remove();
  }
}

const WITHOUT_SYNC = {
  NODE_OPTIONS: `--import=${pathToFileURL(join(ROOT, "test/powercut/without-sync.mjs")).href}`,
};

/** Cuts of all and of one, with the cache lost and kept: each comes within four rounds. */
function cut(cluster: Cluster, rack: Rack, victims: readonly number[], round: number): Strike {
  const cache = (round >> 1) % 2 === 0 ? "lost" : "kept";
  let swap = async (): Promise<void> => {};
  return {
    how: `the disk's cache ${cache}`,
    end: async () => {
      const processes = victims.map((i) => cluster.node(i).process);
      const disks = victims.map((i) => rack.disks[i] as Disk);
      swap = await rack.cut(disks, cache, () => {
        for (const { child } of processes) child.kill("SIGKILL");
      });
      await Promise.all(processes.map(({ end }) => end));
    },
    restore: () => swap(),
  };
}
