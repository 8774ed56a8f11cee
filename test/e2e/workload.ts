/** Concurrent clients on few, contended keys, and the verdict of both checkers on what they saw. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { checkHistory, type KeyReport } from "../../src/check/check.js";
import type { Call, Condition } from "../../src/check/history.js";
import { formatHistory } from "../../src/check/jsonl.js";
import { timelinePage } from "../../src/check/timeline.js";
import { versionWitness } from "../../src/check/version-witness.js";
import { wingGong } from "../../src/check/wing-gong.js";
import { inWords } from "./clients.js";
import type { Node } from "./harness.js";
import type { Recorded, Recorder } from "./recorder.js";

export interface WorkloadOptions {
  readonly recorder: Recorder;
  readonly nodes: readonly Node[];
  readonly keys: readonly string[];
  readonly workersPerNode: number;
  readonly deadlineMs: number;
  /** Between an answer and the worker's next request, at most. */
  readonly thinkMs: number;
}

/** Workers on every node until `stop`, which resolves when the last answer is there. */
export class Workload {
  private readonly stopping = new AbortController();
  private readonly workers: Promise<void>[] = [];
  private values = 0;

  constructor(private readonly options: WorkloadOptions) {
    for (const node of options.nodes) {
      for (let i = 0; i < options.workersPerNode; i++) {
        this.workers.push(this.work(node, `${options.nodes.indexOf(node)}-${i}`));
      }
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.workers);
  }

  private async work(home: Node, name: string): Promise<void> {
    const { recorder, nodes, keys, deadlineMs, thinkMs } = this.options;
    const known = new Map<string, { readonly version: number; readonly value: string }>();
    while (!this.stopping.signal.aborted) {
      const key = pick(keys);
      const safe = Math.random() < 0.6;
      const others = nodes.filter((node) => node !== home).sort(() => Math.random() - 0.5);
      const call = this.draw(key, known);
      const done = await recorder.ask({
        process: name,
        key,
        call,
        nodes: safe ? [home, ...others] : [home],
        deadlineMs,
        safe,
      });
      remember(done, known);
      await sleep(Math.random() * thinkMs);
      // A node that is gone answers at once that it is: no busy loop.
      if (done.error !== null) await sleep(50);
    }
  }

  private draw(key: string, known: ReadonlyMap<string, { readonly version: number; readonly value: string }>): Call {
    const counter = key.startsWith("counter");
    const dice = Math.random();
    if (dice < 0.35) return { kind: "get" };
    if (dice < 0.4) return { kind: "get", consistency: "local" };
    if (counter) {
      if (dice < 0.9) return { kind: "add", delta: String(Math.floor(Math.random() * 20) - 5) };
      return { kind: "delete" };
    }
    if (dice < 0.6) return { kind: "put", value: this.value() };
    const entry = known.get(key);
    if (dice < 0.9) return { kind: "cas", condition: drawCondition(entry), value: this.value() };
    return dice < 0.95 ? { kind: "delete" } : { kind: "delete", condition: drawCondition(entry) };
  }

  /** Never the same twice, so that whoever reads it knows who wrote it. */
  private value(): string {
    return `v${++this.values}`;
  }
}

function drawCondition(entry: { readonly version: number; readonly value: string } | undefined): Condition {
  const dice = Math.random();
  if (entry === undefined || dice < 0.1) return { kind: dice < 0.05 ? "present" : "absent" };
  return dice < 0.7 ? { kind: "version", version: entry.version } : { kind: "value", value: entry.value };
}

function remember(
  { key, call, outcome }: Recorded,
  known: Map<string, { readonly version: number; readonly value: string }>,
): void {
  if (outcome.status !== "done") return;
  const { answer } = outcome;
  if (answer.kind === "get" && answer.present) known.set(key, answer);
  else if (answer.kind === "put" && call.kind === "put") known.set(key, { version: answer.version, value: call.value });
  else if (answer.kind === "cas" && call.kind === "cas" && answer.swapped)
    known.set(key, { version: answer.version, value: call.value });
}

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;

/** Both checkers say ok; otherwise the history and a timeline are kept and the error names them. */
export function expectLinearizable(recorder: Recorder, name: string, budgetMs = 15_000): void {
  const history = recorder.history();
  const summary: string[] = [];
  const violated: KeyReport[] = [];
  let undecided = false;
  for (const checker of [versionWitness, wingGong]) {
    const giveUp = performance.now() + budgetMs;
    const report = checkHistory(history, { checker, budget: { expired: () => performance.now() > giveUp } });
    summary.push(`${checker.name}: ${report.kind}`);
    violated.push(...report.keys.filter(({ verdict }) => verdict.kind === "violation"));
    if (report.kind !== "ok") undecided = true;
  }
  if (!undecided) return;
  const folder = mkdtempSync(join(tmpdir(), "onar-e2e-"));
  writeFileSync(join(folder, `${name}.jsonl`), formatHistory(history));
  writeFileSync(join(folder, `${name}.html`), timelinePage(violated));
  const reasons = violated.map(({ key, verdict }) => `${key}: ${verdict.kind === "violation" ? verdict.reason : ""}`);
  expect.fail(`${summary.join(", ")}; history and timeline: ${folder}\n${reasons.join("\n")}`);
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

/** What the operations that failed say, for the message of an expectation. */
export const errorsOf = (operations: readonly Recorded[]): string[] =>
  operations.flatMap((one) =>
    one.error === null ? [] : [`${one.call.kind} ${one.key} at ${Math.round(one.invoked)} ms: ${inWords(one.error)}`],
  );
