/**
 * Clocks that are wrong: each node's process runs under libfaketime (package faketime). A node whose clock drifts has
 * all of its clocks run at another speed, so its timeouts do. For the others only the time of day jumps, as a clock
 * that is set does.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FOLDERS = ["/usr/lib", "/usr/local/lib", "/usr/lib64"];
const SHARED_MEMORY = "/dev/shm";
const NAME = "faketime/libfaketime.so.1";

export const NO_FAKETIME =
  "skipped: clocks are right, as libfaketime is not here (install the package faketime, or name the library in LIBFAKETIME)";

/** The path of the library; null where there is none. */
export function findFaketime(): string | null {
  const named = process.env["LIBFAKETIME"];
  if (named !== undefined && named !== "") return named;
  for (const folder of FOLDERS) {
    for (const path of [folder, ...subfoldersOf(folder)].map((one) => join(one, NAME))) if (isFile(path)) return path;
  }
  return null;
}

export class Clocks {
  private readonly folder = mkdtempSync(join(tmpdir(), "onar-clocks-"));

  constructor(
    private readonly library: string,
    private readonly rates: readonly number[],
  ) {
    for (const node of rates.keys()) this.set(node, 0);
  }

  /** Its time of day cannot be set as well. */
  drifts(node: number): boolean {
    return this.rates[node] !== 1;
  }

  /** Seconds that the node's time of day is ahead of ours. */
  set(node: number, seconds: number): void {
    const rate = this.rates[node] ?? 1;
    writeFileSync(this.file(node), `${seconds < 0 ? "" : "+"}${seconds}s${rate === 1 ? "" : ` x${rate.toFixed(3)}`}\n`);
  }

  env(node: number): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.library,
      FAKETIME_TIMESTAMP_FILE: this.file(node),
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: this.drifts(node) ? "0" : "1",
      DONT_FAKE_MONOTONIC: this.drifts(node) ? "0" : "1",
    };
  }

  /** Also what the library leaves behind of processes that were killed. */
  remove(pids: readonly number[]): void {
    rmSync(this.folder, { recursive: true, force: true });
    for (const pid of pids) {
      for (const name of ["faketime_shm_", "sem.faketime_sem_"])
        rmSync(join(SHARED_MEMORY, `${name}${pid}`), { force: true });
    }
  }

  private file(node: number): string {
    return join(this.folder, `node-${node}`);
  }
}

function subfoldersOf(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(folder, name));
  } catch {
    return [];
  }
}

function isFile(path: string): boolean {
  try {
    return readFileSync(path).length > 0;
  } catch {
    return false;
  }
}
