/** The verdicts of both checkers on a history. It can be kept, with a timeline of the keys that are violated. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkHistory, type KeyReport, type Report } from "../../src/check/check.js";
import type { Budget } from "../../src/check/checker.js";
import type { Operation } from "../../src/check/history.js";
import { formatHistory } from "../../src/check/jsonl.js";
import { timelinePage } from "../../src/check/timeline.js";
import { versionWitness } from "../../src/check/version-witness.js";
import { wingGong } from "../../src/check/wing-gong.js";

export interface Judgement {
  /** A violation that either checker found; else out of time if there is a key that neither decided. */
  readonly kind: Report["kind"];
  /** For each checker, whether it decided every key within its budget: the witness checker, then the search. */
  readonly decided: readonly boolean[];
  /** Keys that neither decided, however long it took. */
  readonly undecided: readonly string[];
  /** The verdict of each checker, and why keys are violated. */
  readonly summary: string;
  /** Writes NAME.jsonl and NAME.html to a new folder, whose path it returns. */
  readonly keep: () => string;
}

/**
 * A key that neither checker decided is searched once more, for as many times the budget: a busy machine is no verdict.
 */
const PATIENCE = 12;

/** The budget is each checker's, for each key. */
export function judge(history: readonly Operation[], name: string, budgetMs: number): Judgement {
  const reports = [versionWitness, wingGong].map((checker) =>
    checkHistory(history, { checker, budget: budgetOf(budgetMs) }),
  );
  const [witness, search] = reports as [Report, Report];
  const isOpen = ({ verdict }: KeyReport): boolean => verdict.kind === "out of time";
  const open = witness.keys.filter((key, i) => isOpen(key) && isOpen(search.keys[i] as KeyReport));
  const patient = checkHistory(
    open.flatMap(({ operations }) => operations),
    { checker: wingGong, budget: budgetOf(PATIENCE * budgetMs) },
  );
  const more =
    open.length === 0 ? "" : `, with more time for ${open.map(({ key }) => key).join(", ")}: ${patient.kind}`;
  const summary = `${versionWitness.name}: ${witness.kind}, ${wingGong.name}: ${search.kind}${more}`;
  const decided = reports.map(({ keys }) => !keys.some(isOpen));
  const violated = new Map<string, KeyReport>();
  for (const report of [...reports, patient]) {
    for (const key of report.keys)
      if (key.verdict.kind === "violation" && !violated.has(key.key)) violated.set(key.key, key);
  }
  const keep = (): string => {
    const folder = mkdtempSync(join(tmpdir(), "onar-history-"));
    writeFileSync(join(folder, `${name}.jsonl`), formatHistory(history));
    writeFileSync(join(folder, `${name}.html`), timelinePage([...violated.values()]));
    return folder;
  };
  const reasons = [...violated.values()].map(
    ({ key, verdict }) => `\n${key}: ${verdict.kind === "violation" ? verdict.reason : ""}`,
  );
  const kind = violated.size > 0 ? "violation" : patient.kind;
  const undecided = patient.keys.filter(isOpen).map(({ key }) => key);
  return { kind, decided, undecided, summary: `${summary}${reasons.join("")}`, keep };
}

const budgetOf = (ms: number) => (): Budget => {
  const giveUp = performance.now() + ms;
  return { expired: () => performance.now() > giveUp };
};
