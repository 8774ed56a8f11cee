/**
 * Tables that fit the terminal: columns are left out, in an order that whoever shows the table decides, and that is
 * said below it. Where that is not enough, lists in cells go on in a further line.
 */
import type { Io } from "./io.js";
import { columnsOf, wrapped } from "./wrap.js";

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
    const cells = rows.map((row) => shown.map(({ text }) => text(row)));
    const lines = drawn(shown, cells);
    const beyond = (lines[0]?.length ?? 0) - width;
    if (beyond > 0 && left < leftOut.length) continue;
    const note =
      without.length === 0
        ? []
        : [wrapped(`(a wider terminal shows ${without.join(", ")}, too; -o json has everything)`, width)];
    return [...(beyond > 0 ? drawn(shown, narrowed(cells, beyond)) : lines), ...note];
  }
}

/** A cell may have several lines. */
function drawn(columns: readonly Column<never>[], cells: readonly (readonly string[])[]): string[] {
  const rows = [columns.map(({ name }) => name), ...cells].map((row) => row.map((text) => text.split("\n")));
  const widths = columns.map((_, i) =>
    rows.reduce((most, row) => (row[i] ?? []).reduce((max, line) => Math.max(max, columnsOf(line)), most), 0),
  );
  const rule = (left: string, between: string, right: string): string =>
    `${left}${widths.map((width) => "─".repeat(width + 2)).join(between)}${right}`;
  const padded = (line: string, i: number): string => {
    const space = " ".repeat((widths[i] ?? 0) - columnsOf(line));
    return columns[i]?.align === "right" ? ` ${space}${line} ` : ` ${line}${space} `;
  };
  const linesOf = (row: readonly (readonly string[])[]): string[] =>
    Array.from(
      { length: Math.max(...row.map(({ length }) => length)) },
      (_, at) => `│${row.map((lines, i) => padded(lines[at] ?? "", i)).join("│")}│`,
    );
  const [head = [], ...body] = rows;
  return [rule("┌", "┬", "┐"), ...linesOf(head), rule("├", "┼", "┤"), ...body.flatMap(linesOf), rule("└", "┴", "┘")];
}

/** The column of the longest lists becomes so much narrower, as far as it can. */
function narrowed(cells: readonly (readonly string[])[], by: number): readonly (readonly string[])[] {
  const listAt = (row: readonly string[], column: number): number =>
    row[column]?.includes(" ") === true ? row[column].length : 0;
  const lengths = (cells[0] ?? []).map((_, column) =>
    cells.reduce((most, row) => Math.max(most, listAt(row, column)), 0),
  );
  const longest = Math.max(...lengths);
  const column = lengths.indexOf(longest);
  return cells.map((row) => row.map((text, i) => (i === column ? wrapped(text, Math.max(1, longest - by)) : text)));
}
