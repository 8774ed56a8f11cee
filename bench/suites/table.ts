import type { Table } from "./context.js";

/** The text above a column, and what of a row stands in it. */
export type Column<Row> = readonly [head: string, cell: (row: Row) => string];

export function tableOf<Row>(title: string, rows: readonly Row[], columns: readonly Column<Row>[]): Table {
  return {
    title,
    head: columns.map(([head]) => head),
    rows: rows.map((row) => columns.map(([, cell]) => cell(row))),
  };
}

/** A table in plain text: the first column to the left, the others to the right. */
export function formatTable(table: Table): string {
  const lines = [table.head, ...table.rows];
  const widths = table.head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  const format = (line: readonly string[]): string =>
    widths
      .map((width, column) =>
        column === 0 ? (line[column] ?? "").padEnd(width) : (line[column] ?? "").padStart(width),
      )
      .join("  ");
  const rule = widths.map((width) => "─".repeat(width)).join("──");
  return [table.title, rule, format(table.head), rule, ...table.rows.map(format), rule].join("\n");
}
