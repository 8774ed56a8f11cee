/**
 * Where everything on a timeline goes. Moments are laid out from left to right, each as far to the right as the labels
 * of the bars that end there need. Operations of one process that overlap get rows of their own within the lane.
 */
import { latest } from "./checker.js";
import type { Operation } from "./history.js";

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly lanes: readonly { readonly name: string; readonly y: number; readonly height: number }[];
  readonly bars: readonly Bar[];
  readonly moments: readonly { readonly x: number; readonly time: string }[];
  /** An SVG path from the first marked bar to the second. */
  readonly link: string | null;
}

export interface Bar {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly kind: "read" | "write" | "remove" | "failed";
  /** The outcome is unknown: it has no right end. */
  readonly isOpen: boolean;
  readonly mark: number | null;
  readonly label: string;
  readonly title: string;
}

export interface Words {
  readonly label: string;
  readonly title: string;
  readonly lane: string;
}

const top = 26;
const barHeight = 26;
const rowHeight = 36;
const gap = 16;
const characterWidth = 7.4;
const labelLongest = 44;
const timeWidth = 44;

export function drawing(
  chosen: readonly Operation[],
  marks: ReadonlyMap<Operation, number>,
  wordsOf: (operation: Operation) => Words,
): Picture {
  const operations = chosen.toSorted((left, right) => left.invoked - right.invoked);
  const words = new Map(operations.map((operation) => [operation, cut(wordsOf(operation))]));
  const labelOf = (operation: Operation): Words => words.get(operation) ?? { label: "", title: "", lane: "" };
  const names = [...new Set(operations.map((operation) => labelOf(operation).lane))].sort((one, other) =>
    one.localeCompare(other, "en", { numeric: true }),
  );
  const left = 28 + Math.max(...names.map((name) => name.length), 0) * 7;
  const widthOf = (operation: Operation): number =>
    labelOf(operation).label.length * characterWidth + (marks.has(operation) ? 36 : 18);

  const { at, end } = momentsLaidOut(operations, left + gap, widthOf);
  const lanes: { name: string; y: number; height: number }[] = [];
  const bars: Bar[] = [];
  let y = top;
  for (const name of names) {
    const ownRows: number[] = [];
    for (const operation of operations.filter((one) => labelOf(one).lane === name)) {
      const x = at.get(operation.invoked) ?? 0;
      const right = Number.isFinite(endOf(operation)) ? (at.get(endOf(operation)) ?? end) : end;
      let row = ownRows.findIndex((taken) => taken <= x);
      if (row < 0) row = ownRows.push(0) - 1;
      ownRows[row] = right;
      bars.push({
        x,
        y: y + row * rowHeight + (rowHeight - barHeight) / 2,
        width: Math.max(right - x - 2, 6),
        height: barHeight,
        kind: kindOf(operation),
        isOpen: operation.outcome.status === "unknown",
        mark: marks.get(operation) ?? null,
        label: labelOf(operation).label,
        title: labelOf(operation).title,
      });
    }
    lanes.push({ name, y, height: ownRows.length * rowHeight });
    y += ownRows.length * rowHeight;
  }
  return { width: Math.ceil(end + gap), height: y + 8, lanes, bars, moments: labelled(at), link: linkOf(bars) };
}

function cut(words: Words): Words {
  const { label } = words;
  if (label.length <= labelLongest) return words;
  // The answer at the end says most.
  return { ...words, label: `${label.slice(0, labelLongest / 2)}…${label.slice(1 - labelLongest / 2)}` };
}

/** The right end of a bar: that of an operation that was not executed is its answer. */
function endOf(operation: Operation): number {
  return operation.outcome.status === "failed" ? (operation.returned ?? operation.invoked) : latest(operation);
}

function momentsLaidOut(
  operations: readonly Operation[],
  start: number,
  widthOf: (operation: Operation) => number,
): { at: Map<number, number>; end: number } {
  const times = new Set(
    operations.flatMap((operation) => [operation.invoked, endOf(operation)]).filter(Number.isFinite),
  );
  const ending = new Map<number, Operation[]>();
  for (const operation of operations)
    ending.set(endOf(operation), [...(ending.get(endOf(operation)) ?? []), operation]);
  const at = new Map<number, number>();
  let x = start - gap;
  for (const time of [...times].sort((left, right) => left - right)) {
    x += gap;
    for (const operation of ending.get(time) ?? []) {
      // An operation without duration has its invocation at this very moment.
      if (operation.invoked < time) x = Math.max(x, (at.get(operation.invoked) ?? start) + widthOf(operation));
    }
    at.set(time, Math.round(x));
  }
  let end = x + gap;
  for (const operation of operations) {
    const isLast = !Number.isFinite(endOf(operation)) || endOf(operation) === operation.invoked;
    if (isLast) end = Math.max(end, (at.get(operation.invoked) ?? start) + widthOf(operation));
  }
  return { at, end: Math.round(end) };
}

/** Only as many times as can be read. */
function labelled(at: ReadonlyMap<number, number>): { x: number; time: string }[] {
  const shown: { x: number; time: string }[] = [];
  let free = 0;
  for (const [moment, x] of at) {
    if (x < free) continue;
    const time = `${moment}`;
    shown.push({ x, time });
    free = x + Math.max(timeWidth, time.length * 6.5 + 8);
  }
  return shown;
}

function kindOf({ call, outcome }: Operation): Bar["kind"] {
  if (outcome.status === "failed") return "failed";
  if (outcome.status === "done" && outcome.answer.kind === "cas" && !outcome.answer.swapped) return "failed";
  if (call.kind === "get") return "read";
  return call.kind === "delete" ? "remove" : "write";
}

/** From the middle of one bar to the other's, on the sides that face each other. */
function linkOf(bars: readonly Bar[]): string | null {
  const one = bars.find(({ mark }) => mark === 1);
  const two = bars.find(({ mark }) => mark === 2);
  if (one === undefined || two === undefined) return null;
  const [first, last] = one.x <= two.x ? [one, two] : [two, one];
  const x1 = first.x + first.width;
  const y1 = first.y + first.height / 2;
  const y2 = last.y + last.height / 2;
  if (x1 <= last.x) {
    const bend = Math.max(20, (last.x - x1) / 2);
    return `M${x1} ${y1} C${x1 + bend} ${y1} ${last.x - bend} ${y2} ${last.x} ${y2}`;
  }
  const x = Math.max(first.x, last.x) + 13;
  return first.y <= last.y
    ? `M${x} ${first.y + first.height} L${x} ${last.y}`
    : `M${x} ${first.y} L${x} ${last.y + last.height}`;
}
