/** What both checkers think of a history. It can be kept, with a timeline of the keys that are violated. */
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
  /** For each checker, whether it decided every key in time: the witness checker, then the search. */
  readonly decided: readonly boolean[];
  /** What each checker says, and of violated keys why. */
  readonly summary: string;
  /** Writes NAME.jsonl and NAME.html to a new folder, whose path it returns. */
  readonly keep: () => string;
}

/** The budget is each checker's, for each key. */
export function judge(history: readonly Operation[], name: string, budgetMs: number): Judgement {
  const reports = [versionWitness, wingGong].map((checker) => {
    const budget = (): Budget => {
      const giveUp = performance.now() + budgetMs;
      return { expired: () => performance.now() > giveUp };
    };
    return checkHistory(history, { checker, budget });
  });
  const [witness, search] = reports as [Report, Report];
  const summary = `${versionWitness.name}: ${witness.kind}, ${wingGong.name}: ${search.kind}`;
  const decided = reports.map(({ keys }) => keys.every(({ verdict }) => verdict.kind !== "out of time"));
  const violated = new Map<string, KeyReport>();
  for (const report of reports) {
    for (const key of report.keys)
      if (key.verdict.kind === "violation" && !violated.has(key.key)) violated.set(key.key, key);
  }
  const undecided = witness.keys.some((_, i) => reports.every(({ keys }) => keys[i]?.verdict.kind === "out of time"));
  const keep = (): string => {
    const folder = mkdtempSync(join(tmpdir(), "onar-history-"));
    writeFileSync(join(folder, `${name}.jsonl`), formatHistory(history));
    writeFileSync(join(folder, `${name}.html`), timelinePage([...violated.values()]));
    return folder;
  };
  const reasons = [...violated.values()].map(
    ({ key, verdict }) => `\n${key}: ${verdict.kind === "violation" ? verdict.reason : ""}`,
  );
  const kind = violated.size > 0 ? "violation" : undecided ? "out of time" : "ok";
  return { kind, decided, summary: `${summary}${reasons.join("")}`, keep };
}
