/**
 * How long the history checkers take: `npx tsx bench/check.ts [operations]`. Ten clients on one key, reads and writes
 * of every kind against an atomic register; with 1 % unknown outcomes in the second row. The first row is the figure
 * that the version witness is held to: 100,000 operations on one key in about a second.
 */
import type { Checker } from "../src/check/checker.js";
import type { Answer, Call, Operation } from "../src/check/history.js";
import { versionWitness } from "../src/check/version-witness.js";
import { wingGong } from "../src/check/wing-gong.js";

const clients = 10;
const budgetMs = 60_000;

function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * Each operation takes effect at a moment of its own, and lasts for about the time in which the other clients do one
 * each.
 */
function history(count: number, unknownPerMille: number): Operation[] {
  const below = chance(1);
  let entry: { value: string; version: number } | null = null;
  let revision = 0;
  return Array.from({ length: count }, (_, index): Operation => {
    const base = { key: "k", invoked: index - below(clients), returned: index + 0.5 + below(clients) };
    const isUnknown = below(1000) < unknownPerMille;
    const process = isUnknown ? clients + index : index % clients;
    const value = `v${index}`;
    let call: Call = { kind: "get" };
    let answer: Answer = entry === null ? { kind: "get", present: false } : { kind: "get", present: true, ...entry };
    const chosen = below(10);
    const next = revision + 1 + below(3);
    if (chosen < 3) {
      revision = next;
      call = { kind: "put", value };
      entry = { value, version: next };
      answer = { kind: "put", version: entry.version };
    } else if (chosen < 5 && entry !== null) {
      const fits = below(2) === 0;
      call = { kind: "cas", condition: { kind: "version", version: fits ? entry.version : entry.version + 1 }, value };
      if (fits) {
        revision = next;
        entry = { value, version: next };
        answer = { kind: "cas", swapped: true, version: entry.version };
      } else answer = { kind: "cas", swapped: false, found: entry };
    } else if (chosen === 5) {
      call = { kind: "delete" };
      answer = { kind: "delete", deleted: entry !== null, versionFound: entry?.version ?? 0 };
      if (entry !== null) revision++;
      entry = null;
    }
    return { ...base, process, call, outcome: isUnknown ? { status: "unknown" } : { status: "done", answer } };
  });
}

function row(name: string, checker: Checker, operations: readonly Operation[]): void {
  const start = performance.now();
  const verdict = checker.check(operations, { expired: () => performance.now() - start > budgetMs });
  const ms = Math.round(performance.now() - start);
  const by =
    verdict.kind === "out of time" || verdict.decidedBy === checker.name ? "" : ` (decided by ${verdict.decidedBy})`;
  console.log(`${name.padEnd(46)}${checker.name.padEnd(18)}${`${ms}`.padStart(7)} ms  ${verdict.kind}${by}`);
}

const count = Number(process.argv[2] ?? 100_000);
if (!Number.isSafeInteger(count) || count < 1) {
  console.error("usage: npx tsx bench/check.ts [operations]");
  process.exit(2);
}
for (const [name, unknownPerMille] of [
  ["every answer known", 0],
  ["1 % unknown outcomes", 10],
] as const) {
  const operations = history(count, unknownPerMille);
  for (const checker of [versionWitness, wingGong]) row(`${count} operations, ${name}`, checker, operations);
}
