/** Concurrent clients on few, contended keys, and what both checkers think of what they saw. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Call, Condition } from "../../src/check/history.js";
import { inWords } from "./clients.js";
import type { Node } from "./harness.js";
import type { Recorded, Recorder } from "./recorder.js";
import { judge } from "./verdict.js";

export interface WorkloadOptions {
  readonly recorder: Recorder;
  readonly nodes: readonly Node[];
  readonly keys: readonly string[];
  readonly workersPerNode: number;
  /**
   * The beginning of the names of the workers and of their values, where several loads write one history; "" when
   * missing.
   */
  readonly named?: string;
  readonly deadlineMs: number;
  /** Between an answer and the worker's next request, at most. */
  readonly thinkMs: number;
  /** A worker that was connected to a node that ended goes on at another. It goes back when the node is there again. */
  readonly moveOn?: boolean;
  /** For each worker by name, numbers from 0 to 1; Math.random when missing. */
  readonly random?: (worker: string) => () => number;
}

/** Workers on every node until `stop`, which resolves when the last answer is there. */
export class Workload {
  private readonly stopping = new AbortController();
  private readonly workers: Promise<void>[] = [];
  private values = 0;

  constructor(private readonly options: WorkloadOptions) {
    for (const node of options.nodes) {
      for (let i = 0; i < options.workersPerNode; i++) {
        this.workers.push(this.work(node, `${options.named ?? ""}${options.nodes.indexOf(node)}-${i}`));
      }
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.workers);
  }

  private async work(first: Node, name: string): Promise<void> {
    const { recorder, nodes, keys, deadlineMs, thinkMs } = this.options;
    const random = this.options.random?.(name) ?? Math.random;
    const known = new Map<string, Entry>();
    let home = first;
    while (!this.stopping.signal.aborted) {
      if (first.process.ended === null) home = first;
      else if (this.options.moveOn === true && home.process.ended !== null) {
        home = pick(nodes.filter(({ process }) => process.ended === null).concat(first), random);
      }
      const key = pick(keys, random);
      const safe = random() < 0.6;
      const others = nodes.filter((node) => node !== home).sort(() => random() - 0.5);
      const call = this.draw(key, known, random);
      const done = await recorder.ask({
        process: name,
        key,
        call,
        nodes: safe ? [home, ...others] : [home],
        deadlineMs,
        safe,
      });
      remember(done, known);
      await sleep(random() * thinkMs);
      // A node that is gone answers at once that it is: no busy loop.
      if (done.error !== null) await sleep(50);
    }
  }

  private draw(key: string, known: ReadonlyMap<string, Entry>, random: () => number): Call {
    const counter = key.startsWith("counter");
    const dice = random();
    if (dice < 0.35) return { kind: "get" };
    if (dice < 0.4) return { kind: "get", consistency: "local" };
    if (counter) {
      if (dice < 0.9) return { kind: "add", delta: String(Math.floor((random() - 0.25) * DELTAS)) };
      return { kind: "delete" };
    }
    if (dice < 0.6) return { kind: "put", value: this.value() };
    const entry = known.get(key);
    if (dice < 0.9) return { kind: "cas", condition: drawCondition(entry, random), value: this.value() };
    return dice < 0.95 ? { kind: "delete" } : { kind: "delete", condition: drawCondition(entry, random) };
  }

  /** Never the same twice, so that whoever reads it knows who wrote it. */
  private value(): string {
    return `${this.options.named ?? ""}v${++this.values}`;
  }
}

/**
 * So many that no two sums are alike. Which additions of unknown outcome ran can be read from any sum, and the checkers
 * need no search.
 */
const DELTAS = 2 ** 32;

/** The last that a worker saw of a key. */
interface Entry {
  readonly version: number;
  readonly value: string;
}

function drawCondition(entry: Entry | undefined, random: () => number): Condition {
  const dice = random();
  if (entry === undefined || dice < 0.1) return { kind: dice < 0.05 ? "present" : "absent" };
  return dice < 0.7 ? { kind: "version", version: entry.version } : { kind: "value", value: entry.value };
}

function remember({ key, call, outcome }: Recorded, known: Map<string, Entry>): void {
  if (outcome.status !== "done") return;
  const { answer } = outcome;
  if (answer.kind === "get" && answer.present) known.set(key, answer);
  else if (answer.kind === "put" && call.kind === "put") known.set(key, { version: answer.version, value: call.value });
  else if (answer.kind === "cas" && call.kind === "cas" && answer.swapped)
    known.set(key, { version: answer.version, value: call.value });
}

const pick = <T>(from: readonly T[], random: () => number): T => from[Math.floor(random() * from.length)] as T;

/** Both checkers say ok; otherwise the history and a timeline are kept and the error names them. */
export function expectLinearizable(recorder: Recorder, name: string, budgetMs = 15_000): void {
  const { summary, keep, decided, kind } = judge(recorder.history(), name, budgetMs);
  if (kind !== "ok" || !decided.every((one) => one)) throw new Error(`${summary}; history and timeline: ${keep()}`);
}

/** How a history went, for people. */
export function summaryOf(operations: readonly Recorded[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of operations) counts.set(outcome.status, (counts.get(outcome.status) ?? 0) + 1);
  const errors = new Map<string, number>();
  for (const { error } of operations) {
    if (error === null) continue;
    const name = `${error.status}/${error.info?.reason ?? "bare"}`;
    errors.set(name, (errors.get(name) ?? 0) + 1);
  }
  const listed = (map: ReadonlyMap<string, number>): string => [...map].map(([k, n]) => `${n} ${k}`).join(", ");
  return `${operations.length} operations: ${listed(counts)}${errors.size === 0 ? "" : `; errors: ${listed(errors)}`}`;
}

/** The answers of the operations that failed, for the message of an expectation. */
export const errorsOf = (operations: readonly Recorded[]): string[] =>
  operations.flatMap((one) =>
    one.error === null ? [] : [`${one.call.kind} ${one.key} at ${Math.round(one.invoked)} ms: ${inWords(one.error)}`],
  );
