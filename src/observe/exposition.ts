/**
 * Figures for Prometheus that are counted in plain arrays. Counting by prom-client costs half a microsecond each, and
 * three of them happen in every call. Everything that is only read when somebody asks is prom-client's
 * (node-metrics.ts).
 */

export type Labels = Readonly<Record<string, string>>;

export interface Series {
  readonly labels: Labels;
  readonly value: number;
}

export interface HistogramSeries {
  readonly labels: Labels;
  /** One per bound, and a last one for what lies above all bounds; not cumulative. */
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

export function counterText(name: string, help: string, series: Iterable<Series>): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} counter`];
  for (const { labels, value } of series) lines.push(`${name}${braces(labels)} ${value}`);
  return `${lines.join("\n")}\n`;
}

/** `bounds` ascend; what equals a bound lies below it. */
export function histogramText(
  name: string,
  help: string,
  bounds: readonly number[],
  series: Iterable<HistogramSeries>,
): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  for (const { labels, counts, sum } of series) {
    let below = 0;
    for (const [i, bound] of [...bounds, Number.POSITIVE_INFINITY].entries()) {
      below += counts[i] ?? 0;
      const le = bound === Number.POSITIVE_INFINITY ? "+Inf" : String(bound);
      lines.push(`${name}_bucket${braces({ ...labels, le })} ${below}`);
    }
    lines.push(`${name}_sum${braces(labels)} ${sum}`, `${name}_count${braces(labels)} ${below}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Counts of values by bounds, with their sum. */
export class Distribution {
  readonly counts: Float64Array;
  sum = 0;

  constructor(readonly bounds: readonly number[]) {
    this.counts = new Float64Array(bounds.length + 1);
  }

  add(value: number): void {
    const { bounds } = this;
    let i = 0;
    while (i < bounds.length && value > (bounds[i] ?? 0)) i++;
    this.counts[i] = (this.counts[i] ?? 0) + 1;
    this.sum += value;
  }
}

function braces(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
