/** The tables of the suite `peers`: medians of its samples, and ratios to etcd taken within each round. */

import { median } from "../stats/summary.js";
import type { SuiteOptions, Table } from "./context.js";
import { type Column, tableOf } from "./table.js";

export interface Cell {
  readonly call: "put" | "get" | "cas" | "pipelined put" | "pipelined get";
  readonly spread: "uniform" | "hot";
  readonly shape: string;
  readonly valueBytes: number;
}

/** One load on one store. */
export interface Sample {
  readonly cell: Cell;
  readonly store: string;
  readonly round: number;
  readonly rate: number;
  /** CPU of all server processes for each answer, µs. */
  readonly micros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly errors: Readonly<Record<string, number>>;
}

export interface Row extends Omit<Sample, "cell" | "store" | "round" | "errors"> {
  readonly cell: Cell;
  readonly store: string;
  readonly title: string;
  /** Its rate in etcd's; undefined where etcd has no sample. */
  readonly ofEtcd: { readonly ratio: number; readonly least: number; readonly most: number } | undefined;
}

/** The cell of etcd that a cell is compared with: a stream of calls with etcd's unary ones of the same shape. */
function baseOf(cell: Cell): Cell {
  if (cell.call === "pipelined put") return { ...cell, call: "put" };
  return cell.call === "pipelined get" ? { ...cell, call: "get" } : cell;
}

const sameCell = (a: Cell, b: Cell): boolean =>
  a.call === b.call && a.spread === b.spread && a.shape === b.shape && a.valueBytes === b.valueBytes;

export function summarize(
  cells: readonly Cell[],
  stores: readonly { readonly name: string; readonly title: string }[],
  samples: readonly Sample[],
): Row[] {
  return cells.flatMap((cell) =>
    stores.flatMap(({ name, title }): Row[] => {
      const own = samples.filter((one) => one.store === name && sameCell(one.cell, cell));
      if (own.length === 0) return [];
      const middle = (pick: (sample: Sample) => number): number => median(own.map(pick));
      const ratios = own.flatMap((one) => {
        const base = samples.find(
          (other) => other.store === "etcd" && other.round === one.round && sameCell(other.cell, baseOf(cell)),
        );
        return base === undefined ? [] : [one.rate / base.rate];
      });
      const ofEtcd =
        ratios.length === 0
          ? undefined
          : { ratio: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
      return [
        {
          cell,
          store: name,
          title,
          rate: middle((one) => one.rate),
          micros: middle((one) => one.micros),
          p50Ms: middle((one) => one.p50Ms),
          p99Ms: middle((one) => one.p99Ms),
          p999Ms: middle((one) => one.p999Ms),
          ofEtcd,
        },
      ];
    }),
  );
}

const COLUMNS: readonly Column<Row>[] = [
  [
    "",
    (row) =>
      `${row.cell.call.replace(/^(pipelined )?(\w+)$/, (_, way = "", call: string) => `${way}${call.toUpperCase()}`)} ${row.cell.shape}`,
  ],
  ["store", (row) => row.title],
  ["calls/s", (row) => row.rate.toFixed(0)],
  ["of etcd", (row) => row.ofEtcd?.ratio.toFixed(2) ?? "–"],
  [
    "(min–max)",
    (row) => (row.ofEtcd === undefined ? "–" : `${row.ofEtcd.least.toFixed(2)}–${row.ofEtcd.most.toFixed(2)}`),
  ],
  ["CPU µs/call", (row) => row.micros.toFixed(0)],
  ["p50 ms", (row) => row.p50Ms.toFixed(2)],
  ["p99 ms", (row) => row.p99Ms.toFixed(2)],
  ["p99.9 ms", (row) => (Number.isNaN(row.p999Ms) ? "–" : row.p999Ms.toFixed(2))],
];

const SPREADS = {
  uniform: "uniform keys, calls spread over the nodes",
  hot: "one key, calls at its writer's node or its leader",
} as const;

export function tablesOf(options: SuiteOptions, rows: readonly Row[]): Table[] {
  const tables: Table[] = [];
  for (const valueBytes of new Set(rows.map(({ cell }) => cell.valueBytes))) {
    for (const spread of ["uniform", "hot"] as const) {
      const some = rows.filter(({ cell }) => cell.spread === spread && cell.valueBytes === valueBytes);
      const keys = spread === "uniform" ? `${options.keys} ` : "";
      const title = `${keys}${SPREADS[spread]}; values of ${valueBytes} B; medians of ${options.rounds} rounds of ${options.seconds} s`;
      if (some.length > 0) tables.push(tableOf(title, some, COLUMNS));
    }
  }
  return tables;
}

export function memoryTable(
  stores: readonly { readonly title: string; readonly residentBytes: readonly number[] }[],
): Table {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  return tableOf("resident memory of a node after all loads, MB", stores, [
    ["", ({ title }) => title],
    ["smallest", ({ residentBytes }) => megabytes(Math.min(...residentBytes))],
    ["largest", ({ residentBytes }) => megabytes(Math.max(...residentBytes))],
  ]);
}
