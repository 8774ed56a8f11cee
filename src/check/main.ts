#!/usr/bin/env node
/** The program `onar-check`: history in, verdict out. Its output is for people; its exit code is for scripts. */
import { readFileSync, writeFileSync } from "node:fs";
import { type CommandLine, parseArguments, usage } from "./arguments.js";
import { checkHistory, type KeyReport, type Report } from "./check.js";
import type { Checker, CheckerName } from "./checker.js";
import { quoted } from "./describe.js";
import { corruptionInWords, parseHistory } from "./jsonl.js";
import { timelinePage } from "./timeline.js";
import { versionWitness } from "./version-witness.js";
import { wingGong } from "./wing-gong.js";

const exitCodes = { ok: 0, violation: 1, unusable: 2, "out of time": 4 } as const;

/** Keys listed one by one; the rest is counted. Violations are always listed. */
const keysListed = 20;

function main(argv: readonly string[]): number {
  const parsed = parseArguments(argv);
  if (parsed.kind === "help") {
    process.stdout.write(usage);
    return exitCodes.ok;
  }
  if (parsed.kind === "mistake") return unusable(`${parsed.problem}\n${usage.trimEnd()}`);
  const text = contents(parsed.file);
  if (text.kind === "unreadable") return unusable(`cannot read ${parsed.file}: ${text.problem}`);
  const history = parseHistory(text.text);
  if (history.kind === "corrupt")
    return unusable(`${parsed.file === "-" ? "stdin" : parsed.file}: ${corruptionInWords(history)}`);

  const checkers: Checker[] = parsed.checker === "both" ? [versionWitness, wingGong] : [named(parsed.checker)];
  const reports = checkers.map((checker) => {
    const deadlineMs = performance.now() + parsed.budgetSeconds * 1000;
    const report = checkHistory(history.operations, {
      checker,
      budget: () => ({ expired: () => performance.now() > deadlineMs }),
    });
    print(checker.name, report);
    return report;
  });
  if (parsed.html !== null) {
    const problem = writeHtml(parsed.html, reports);
    if (problem !== null) return unusable(problem);
  }
  return exitCodes[worst(reports)];
}

function writeHtml(file: string, reports: readonly Report[]): string | null {
  // The first checker to report a violation of a key explains it: the witness comes first and is the more specific.
  const violated = new Map<string, KeyReport>();
  for (const report of reports) {
    for (const key of report.keys)
      if (key.verdict.kind === "violation" && !violated.has(key.key)) violated.set(key.key, key);
  }
  try {
    writeFileSync(file, timelinePage([...violated.values()]));
    return null;
  } catch (error) {
    return `cannot write ${file}: ${messageOf(error)}`;
  }
}

function worst(reports: readonly Report[]): Report["kind"] {
  if (reports.some(({ kind }) => kind === "violation")) return "violation";
  // With both, one that decides is enough: neither says ok without proof.
  const undecided = (key: number): boolean => reports.every(({ keys }) => keys[key]?.verdict.kind === "out of time");
  return reports[0]?.keys.some((_, key) => undecided(key)) === true ? "out of time" : "ok";
}

function print(name: CheckerName, { kind, keys }: Report): void {
  const operations = keys.reduce((sum, key) => sum + key.operations.length, 0);
  const lines = [`${name}: ${kind}, ${counted(operations, "operation")} on ${counted(keys.length, "key")}`];
  const first = keys.filter(({ verdict }) => verdict.kind !== "ok");
  const rest = keys.filter(({ verdict }) => verdict.kind === "ok");
  for (const key of [...first, ...rest.slice(0, keysListed)]) lines.push(`  ${keyLine(name, key)}`);
  if (rest.length > keysListed) lines.push(`  and ${rest.length - keysListed} more keys that are ok`);
  process.stdout.write(`${lines.join("\n")}\n`);
}

function keyLine(name: CheckerName, { key, operations, verdict }: KeyReport): string {
  const by = verdict.decidedBy === name ? "" : ` (decided by ${verdict.decidedBy})`;
  const head = `${quoted(key)}: ${verdict.kind}, ${counted(operations.length, "operation")}${by}`;
  if (verdict.kind === "violation") return `${head}\n    ${verdict.reason}`;
  return verdict.kind === "ok" ? head : `${head}, ${verdict.explained} explained so far`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function named(name: CheckerName): Checker {
  return name === "wing-gong" ? wingGong : versionWitness;
}

type Contents =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "unreadable"; readonly problem: string };

function contents(file: CommandLine["file"]): Contents {
  try {
    // Replaced bytes could make two keys one: what is not UTF-8 is refused.
    return {
      kind: "text",
      text: new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file === "-" ? 0 : file)),
    };
  } catch (error) {
    return { kind: "unreadable", problem: messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function unusable(message: string): number {
  process.stderr.write(`onar-check: ${message}\n`);
  return exitCodes.unusable;
}

// Whoever reads the output may stop early: the exit code still tells.
process.stdout.on("error", () => {});
process.exitCode = main(process.argv.slice(2));
