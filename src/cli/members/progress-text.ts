/** How far an operation that moves replicas is: a bar and numbers for people, and the same as JSON. */
import type { MoveProgress, Operation } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { byteText } from "../../base/byte-text.js";
import type { Io } from "../terminal/io.js";
import { columnsOf } from "../terminal/wrap.js";

const BAR_COLUMNS = 20;
/** The time between two lines, where no bar can be drawn. */
const LINE_MS = 5_000;

/** From 0 to 1: by bytes where they are known, otherwise by partitions. */
export function partDone({ partitions, partitionsDone, bytes = 0n, bytesMoved = 0n }: MoveProgress): number {
  const part = bytes > 0n ? Number(bytesMoved) / Number(bytes) : partitionsDone / Math.max(1, partitions);
  return Math.min(1, Math.max(0, part));
}

/** Whole percents, and 100 only once all is done. */
export const percentOf = (progress: MoveProgress): string => `${Math.floor(100 * partDone(progress))} %`;

/** "12 %, 3 of 12 partitions, 1.0 MiB of 8.0 MiB, 2 min left, 10 of 80 keys", as much of it as fits. */
export function progressText(progress: MoveProgress, columns = Number.POSITIVE_INFINITY): string {
  const { partitions, partitionsDone, keys, keysMoved, bytes, bytesMoved, timeLeftMs } = progress;
  const parts = [percentOf(progress), `${partitionsDone} of ${partitions} partitions`];
  if (bytes !== undefined && bytesMoved !== undefined)
    parts.push(`${byteText(Number(bytesMoved))} of ${byteText(Number(bytes))}`);
  if (timeLeftMs !== undefined) parts.push(`${timeText(Number(timeLeftMs))} left`);
  if (keys !== undefined && keysMoved !== undefined) parts.push(`${keysMoved} of ${keys} keys`);
  while (parts.length > 1 && columnsOf(parts.join(", ")) > columns) parts.pop();
  return parts.join(", ");
}

/** The same behind a bar, in a line of a terminal so wide. */
export function progressBar(progress: MoveProgress, columns: number): string {
  const full = Math.floor(BAR_COLUMNS * partDone(progress));
  const bar = "█".repeat(full) + "░".repeat(BAR_COLUMNS - full);
  return `${bar} ${progressText(progress, columns - BAR_COLUMNS - 1)}`;
}

/** "3 min": one unit, rounded up. */
function timeText(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}

/** Numbers of 64 bits as strings; what is not known is left out. */
export function progressJson({ progress }: Pick<Operation, "progress">): object {
  if (progress === undefined) return {};
  const { partitions, partitionsDone, ...long } = progress;
  const { keys, keysMoved, bytes, bytesMoved, timeLeftMs } = long;
  const texts = Object.entries({ keys, keysMoved, bytes, bytesMoved, timeLeftMs })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, String(value)]);
  return { progress: { partitions, partitionsDone, ...Object.fromEntries(texts) } };
}

/** Tells now and then on standard error how far a change is, where that is no terminal. */
export class ProgressLines {
  private saidAt = performance.now();
  private last = "";

  constructor(
    /** null: nothing is told. */
    private readonly io: Pick<Io, "error" | "errorTerminal"> | null,
    private readonly name: string,
    private readonly everyMs = LINE_MS,
  ) {}

  say(text: string): void {
    if (this.io === null || this.io.errorTerminal === true || text === this.last) return;
    if (performance.now() - this.saidAt < this.everyMs) return;
    this.saidAt = performance.now();
    this.last = text;
    this.io.error(`${this.name}: ${text}`);
  }
}
