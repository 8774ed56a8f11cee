/** The sum of a run, for people and for its last assertion. */

/** Kinds of faults of the plan, and the drift that a node's clock has from the beginning. */
export const KINDS = [
  "cut",
  "one-way cut",
  "delay",
  "reset",
  "pause",
  "kill",
  "drain",
  "restart",
  "blackout",
  "join",
  "leave",
  "clock jump",
  "clock drift",
] as const;
export type Kind = (typeof KINDS)[number];
export const CLOCK_KINDS: ReadonlySet<Kind> = new Set(["clock jump", "clock drift"]);

/**
 * How often each kind was tried, and how often it was seen that it happened. Traffic met it, a process ended by it, or
 * a clock was wrong.
 */
export class FaultCounts {
  readonly tried = new Map<Kind, number>();
  readonly seen = new Map<Kind, number>();

  try(kind: Kind): void {
    this.tried.set(kind, (this.tried.get(kind) ?? 0) + 1);
  }

  see(kind: Kind): void {
    this.seen.set(kind, (this.seen.get(kind) ?? 0) + 1);
  }

  add(other: FaultCounts): void {
    for (const [kind, count] of other.tried) this.tried.set(kind, (this.tried.get(kind) ?? 0) + count);
    for (const [kind, count] of other.seen) this.seen.set(kind, (this.seen.get(kind) ?? 0) + count);
  }

  inWords(): string {
    return KINDS.filter((kind) => this.tried.has(kind))
      .map((kind) => `${this.seen.get(kind) ?? 0} of ${this.tried.get(kind)} ${kind}`)
      .join(", ");
  }
}

export interface EpochResult {
  readonly epoch: number;
  readonly operations: number;
  readonly unknown: number;
  readonly failed: number;
  readonly faults: FaultCounts;
  /** The longest time in which no write of some key succeeded. */
  readonly longestOutageMs: number;
  /** From the end of the last fault until every key had been written and read through every node left. */
  readonly servedAgainMs: number | null;
  /** Keys that one of the two checkers did not decide in time; the other did. */
  readonly outOfTime: boolean;
  /** Keys that neither decided: no violation, and no proof of the contrary. */
  readonly undecided: readonly string[];
  /** Things that must not be; empty when all is well. */
  readonly problems: readonly string[];
}

export interface RunResult {
  readonly epochs: readonly EpochResult[];
  readonly faults: FaultCounts;
  readonly problems: readonly string[];
  readonly undecided: readonly string[];
  /** The last line. */
  readonly summary: string;
}

export function sumUp(epochs: readonly EpochResult[], seconds: number): RunResult {
  const faults = new FaultCounts();
  for (const epoch of epochs) faults.add(epoch.faults);
  const total = (of: (epoch: EpochResult) => number): number => epochs.reduce((sum, epoch) => sum + of(epoch), 0);
  const most = (of: (epoch: EpochResult) => number): number => Math.max(0, ...epochs.map(of));
  const problems = epochs.flatMap((epoch) => epoch.problems.map((problem) => `epoch ${epoch.epoch}: ${problem}`));
  const operations = total((epoch) => epoch.operations);
  const undecided = epochs.flatMap((epoch) => epoch.undecided.map((key) => `epoch ${epoch.epoch}: ${key}`));
  const byOne = total((epoch) => (epoch.outOfTime ? 1 : 0));
  const summary = [
    `${epochs.length} epochs in ${Math.round(seconds)} s`,
    `${operations} operations (${total((epoch) => epoch.unknown)} unknown, ${total((epoch) => epoch.failed)} failed)`,
    `faults seen: ${faults.inWords()}`,
    `longest write outage of a key ${(most((epoch) => epoch.longestOutageMs) / 1000).toFixed(1)} s`,
    `served again at the latest ${(most((epoch) => epoch.servedAgainMs ?? 0) / 1000).toFixed(1)} s after the last fault`,
    ...(byOne === 0 ? [] : [`${byOne} epochs not decided by both checkers`]),
    ...(undecided.length === 0 ? [] : [`UNDECIDED by both: ${undecided.join(", ")}`]),
    `verdict: ${problems.length === 0 ? "linearizable, no problems" : `${problems.length} PROBLEMS`}`,
  ].join("; ");
  return { epochs, faults, problems, undecided, summary };
}
