/** A process of its own that runs seeds for the pool: takes ranges, tells what came of them. */
import { plant } from "../planted/planted.js";
import type { CheckName } from "./checks.js";
import { drawMoving, drawWorld } from "./moving.js";
import { run } from "./run.js";
import type { Point } from "./sometimes.js";
import type { Violation } from "./world.js";

/** Seeds from `from` on, `count` of them. */
export interface Range {
  readonly from: number;
  readonly count: number;
  readonly bugs: readonly string[];
  readonly ignored: readonly CheckName[];
  /** The rest of the range is left out after the first failure. */
  readonly stopAtFirst: boolean;
  /** In worlds in which partitions move. */
  readonly moving: boolean;
}

export interface RangeReport {
  readonly range: Range;
  readonly ran: number;
  readonly failures: readonly Failure[];
  readonly sometimes: Partial<Record<Point, number>>;
  readonly operations: number;
  readonly events: number;
  readonly outOfTime: number;
}

export interface Failure {
  readonly seed: number;
  readonly violation: Violation;
}

export function runRange(range: Range): RangeReport {
  plant(...range.bugs);
  const failures: Failure[] = [];
  const sometimes: Partial<Record<Point, number>> = {};
  let operations = 0;
  let events = 0;
  let outOfTime = 0;
  let ran = 0;
  for (let seed = range.from; seed < range.from + range.count; seed++) {
    const report = run({ seed, ignored: range.ignored, swarm: range.moving ? drawMoving(seed) : drawWorld(seed) });
    ran++;
    operations += report.operations;
    events += report.events;
    if (report.outOfTime) outOfTime++;
    for (const point of Object.keys(report.sometimes) as Point[]) {
      sometimes[point] = (sometimes[point] ?? 0) + 1;
    }
    if (report.violation === null) continue;
    failures.push({ seed, violation: report.violation });
    if (range.stopAtFirst) break;
  }
  return { range, ran, failures, sometimes, operations, events, outOfTime };
}

if (process.send !== undefined && process.argv[2] === "worker") {
  process.on("message", (range: Range) => process.send?.(runRange(range)));
}
