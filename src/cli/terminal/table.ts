/**
 * Tables that fit the terminal: columns are left out, in an order that whoever shows the table decides, and that is
 * said below it.
 */
import Table from "cli-table3";
import type { Io } from "./io.js";

export interface Column<Row> {
  readonly name: string;
  readonly align: "left" | "right";
  readonly text: (row: Row) => string;
}

export interface TableOptions<Row> {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Left out first where a terminal is too narrow for a line of it. */
  readonly leftOut: readonly string[];
  /** How wide a line may be; infinite where that is not known. */
  readonly width: number;
}

export const widthOf = (io: Io): number => io.columns?.() ?? Number.POSITIVE_INFINITY;

/** The lines of the table, and of what was left out. */
export function tableLines<Row>({ columns, rows, leftOut, width }: TableOptions<Row>): string[] {
  for (let left = 0; ; left++) {
    const without = leftOut.slice(0, left);
    const shown = columns.filter(({ name }) => !without.includes(name));
    const table = new Table({
      head: shown.map(({ name }) => name),
      style: { head: [], border: [], compact: true },
      colAligns: shown.map(({ align }) => align),
    });
    for (const row of rows) table.push(shown.map(({ text }) => text(row)));
    const lines = table.toString().split("\n");
    if ((lines[0]?.length ?? 0) > width && left < leftOut.length) continue;
    if (without.length > 0) lines.push(`(a wider terminal shows ${without.join(", ")}, too; -o json has everything)`);
    return lines;
  }
}
