/** Nodes on disk that are killed under load, one or all at once, some of them again while they recover. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Prng } from "../../src/base/prng.js";
import { Cluster } from "../e2e/harness.js";
import { type RoundsResult, runRounds, type Strike } from "./rounds.js";

const NODES = 3;
const PARTITIONS = 32;
/** Small, so that kills meet folds, too. */
const STORAGE_MIB = 16;
/** A share of the rounds in which all are killed, and of others. */
const TWICE = 0.4;
/** Recovery is over well before. */
const MAX_AGAIN_MS = 800;

export interface RestartsOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

export async function runRestarts({ seed, rounds, say, signal }: RestartsOptions): Promise<RoundsResult> {
  const data = mkdtempSync(join(tmpdir(), "onar-restarts-"));
  try {
    const args = ["--storage-memory", `${STORAGE_MIB}`];
    const cluster = await Cluster.start({ nodes: NODES, replicas: NODES, partitions: PARTITIONS, data, args });
    try {
      return await runRounds({
        cluster,
        seed,
        rounds,
        name: "kill",
        strike: (victims, _round, prng) => kill(cluster, victims, prng),
        say,
        ...(signal === undefined ? {} : { signal }),
      });
    } finally {
      await cluster.stop();
    }
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

function kill(cluster: Cluster, victims: readonly number[], prng: Prng): Strike {
  const again = prng.chance(TWICE) ? { againMs: prng.below(MAX_AGAIN_MS) } : {};
  return {
    how: again.againMs === undefined ? "once" : `and again ${again.againMs} ms after the start`,
    end: async () => {
      await Promise.all(victims.map((i) => cluster.node(i).process.kill()));
    },
    restore: async () => {},
    ...again,
  };
}
