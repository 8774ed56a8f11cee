/** Runs seeds on all cores by worker processes. */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { POINTS } from "./sometimes.js";
import type { Range, RangeReport } from "./worker.js";

const CHUNK = 25;
const WORKER = fileURLToPath(new URL("worker.js", import.meta.url));

export interface PoolOptions {
  readonly from: number;
  readonly count: number;
  readonly bugs?: readonly string[];
  readonly ignored?: Range["ignored"];
  readonly stopAtFirst?: boolean;
  /** In worlds in which partitions move. */
  readonly moving?: boolean;
  readonly jobs?: number;
  /** After every chunk; returning false ends it all. */
  readonly progress?: (report: RangeReport) => boolean;
}

/** Reports in the order in which chunks ended. */
export function runPool(options: PoolOptions): Promise<RangeReport[]> {
  const { from, count, progress } = options;
  const jobs = Math.max(1, Math.min(options.jobs ?? availableParallelism(), Math.ceil(count / CHUNK)));
  const reports: RangeReport[] = [];
  let next = from;
  let over = false;
  const take = (): Range | null => {
    if (over || next >= from + count) return null;
    const size = Math.min(CHUNK, from + count - next);
    next += size;
    return {
      from: next - size,
      count: size,
      bugs: options.bugs ?? [],
      ignored: options.ignored ?? [],
      stopAtFirst: options.stopAtFirst ?? false,
      moving: options.moving ?? false,
    };
  };
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = fork(WORKER, ["worker"]);
      const feed = (): void => {
        const range = take();
        if (range === null) worker.disconnect();
        else worker.send(range);
      };
      worker.on("message", (report: RangeReport) => {
        reports.push(report);
        if (progress?.(report) === false || (options.stopAtFirst === true && report.failures.length > 0)) over = true;
        feed();
      });
      worker.on("error", reject);
      worker.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
      feed();
    });
  return Promise.all(Array.from({ length: jobs }, work)).then(() => reports);
}

/** In how many runs each point was reached, rarest first. */
export function coverage(reports: readonly RangeReport[]): { readonly point: string; readonly runs: number }[] {
  return POINTS.map((point) => ({
    point,
    runs: reports.reduce((sum, { sometimes }) => sum + (sometimes[point] ?? 0), 0),
  })).sort((a, b) => a.runs - b.runs);
}

/** A whole number from the environment; an error names the variable. */
export function numberFrom(name: string, fallback: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return fallback;
  if (!/^[0-9]{1,10}$/.test(text)) throw new Error(`${name} must be a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}
