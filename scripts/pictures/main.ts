/**
 * Makes the pictures of README and manual, in docs/images: `npx tsx scripts/pictures/main.ts`, after make build. They
 * show a real run of `onar demo` and a real verdict of `onar-check`. Parts that differ from run to run (ports, process
 * ids, ids of nodes and clusters, times) are replaced. So a picture changes only when the program does.
 */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { checkHistory } from "../../src/check/check.js";
import { parseHistory } from "../../src/check/jsonl.js";
import { timelinePicture } from "../../src/check/timeline.js";
import { versionWitness } from "../../src/check/version-witness.js";
import { askAll, asTable, summarize } from "../../src/cli/status/status.js";
import { paintOf } from "../../src/cli/terminal/paint.js";
import { columnsOf } from "../../src/cli/terminal/wrap.js";
import { addresses } from "../../src/config/values.js";
import { type Line, terminalSvg } from "./terminal.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const COLUMNS = 96;
const WAIT_MS = 60_000;

/** The history that docs/checking.md shows, as that page draws it. */
export function violation(): string {
  const page = readFileSync(`${root}docs/checking.md`, "utf8");
  const text = /```jsonl history\.jsonl\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  const history = parseHistory(text);
  if (history.kind === "corrupt")
    throw new Error(`docs/checking.md, line ${history.line} of the example: ${history.problem}`);
  const { keys } = checkHistory(history.operations, { checker: versionWitness });
  const picture = keys.map(timelinePicture).find((drawn) => drawn !== null);
  if (picture === undefined) throw new Error("docs/checking.md has no violation");
  return `${picture}\n`;
}

/** `onar demo` as a person would type it; its status at two moments. */
class Demo {
  private readonly child = spawn(process.execPath, [`${root}dist/bin/onar.cjs`, "demo"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  private readonly said: string[] = [];
  private taken = 0;

  constructor() {
    createInterface({ input: this.child.stdout }).on("line", (line) => this.said.push(line));
  }

  /** The lines that were printed since the last call, once one of them is as expected. */
  async until(expected: RegExp): Promise<string[]> {
    const giveUp = Date.now() + WAIT_MS;
    for (;;) {
      const found = this.said.findIndex((line, i) => i >= this.taken && expected.test(line));
      if (found >= 0) {
        const lines = this.said.slice(this.taken, found + 1);
        this.taken = found + 1;
        return lines;
      }
      if (Date.now() > giveUp) throw new Error(`the demo has not said ${expected}:\n${this.said.join("\n")}`);
      await sleep(20);
    }
  }

  type(command: string): void {
    this.child.stdin.write(`${command}\n`);
  }

  endpoints(): string {
    const found = this.said.map((line) => /^node \d+ +(\S+) +pid \d+ +running$/.exec(line)?.[1]);
    return found.filter((address) => address !== undefined).join(",");
  }

  async end(): Promise<void> {
    this.child.stdin.end();
    await new Promise((resolve) => this.child.once("close", resolve));
  }
}

async function status(endpoints: string, wanted: RegExp): Promise<string[]> {
  const giveUp = Date.now() + WAIT_MS;
  for (;;) {
    const target = { endpoints: addresses("endpoints", endpoints), timeoutMs: 5_000 };
    const summary = summarize(await askAll(target));
    const table = asTable(summary, paintOf({ terminal: true, env: {} }), COLUMNS).trimEnd();
    if (wanted.test(table) || Date.now() > giveUp) return table.split("\n");
    await sleep(200);
  }
}

/** Replaces, in the order in which they appear, what no two runs have in common. */
function steady(lines: readonly string[]): string[] {
  const ports = new Map<string, string>();
  const pids = new Map<string, string>();
  const ids = new Map<string, string>();
  const named = (names: Map<string, string>, name: string, first: number, step: number): string => {
    const known = names.get(name) ?? `${first + step * names.size}`;
    names.set(name, known);
    return known;
  };
  let odd = "22";
  // Three nodes share 64 partitions: which of them writes one more is chance.
  const share = (_: string, before: string): string => {
    const own = odd;
    odd = "21";
    return `│${before}${own} │`;
  };
  return lines.map((line) =>
    line
      .replace(/│( +)2[12] │/, share)
      .replace(/127\.0\.0\.1:(\d+)/g, (_, port) => `127.0.0.1:${named(ports, port, 4600, 1)}`)
      // Cells and columns keep their width.
      .replace(/(127\.0\.0\.1:\d{4}) (?=[ │p])/g, "$1  ")
      .replace(/pid (\d+)/g, (_, pid) => `pid ${named(pids, pid, 4711, 1)}`)
      .replace(/│( *)(\d{6,10}) │/g, (all, _, id) => `│ ${named(ids, id, 1001, 1001).padStart(all.length - 4)} │`)
      .replace(/\b[0-9a-f]{32}\b/g, "70f1cd24b35e4a0db61fd2ad77c0a4f1")
      .replace(/in \d+\.\d s$/, "in 9.5 s")
      .replace(/│( +)\d+ (s|min) │/g, (all) => `│ ${"20 s".padStart(all.length - 4)} │`),
  );
}

/** As the terminal does with a line that is longer than it is wide; such lines have no colours. */
function wrapped(line: Line): Line[] {
  if (columnsOf(line.text) <= COLUMNS || line.text.includes("│")) return [line];
  const rest = { text: line.text.slice(COLUMNS), after: 0 };
  return [{ ...line, text: line.text.slice(0, COLUMNS) }, rest];
}

async function record(): Promise<{ readonly demo: Line[]; readonly status: Line[] }> {
  const demo = new Demo();
  const shown: Line[] = [];
  const printed = (lines: readonly string[], first = 0.35): void => {
    for (const [i, text] of lines.entries()) shown.push({ text, after: i === 0 ? first : 0.06 });
  };
  const typed = (command: string): void => {
    shown.push({ text: command, typed: true, after: 1 });
    demo.type(command);
  };
  printed(await demo.until(/^node 3 .* running$/), 0);
  const endpoints = demo.endpoints();
  const well = await status(endpoints, /^64 partitions: 64 with a writer/m);
  typed("put city Paris");
  printed(await demo.until(/^version/));
  typed("add visits --times 1000");
  printed(await demo.until(/^adding 1 /));
  typed("kill 1");
  printed((await demo.until(/^node 1 is dead/)).filter((line) => !line.startsWith("  visits")));
  typed("get city");
  printed((await demo.until(/^Paris/)).filter((line) => !line.startsWith("  visits")));
  typed("wait");
  printed((await demo.until(/^visits is 1000/)).slice(-1), 1.5);
  shown.push({ text: "status", typed: true, after: 1 });
  printed(await status(endpoints.split(",").slice(1).join(","), /^64 partitions: 64 with a writer/m));
  await demo.end();
  const texts = steady(shown.map(({ text }) => text));
  const lines = shown.map((line, i) => ({ ...line, text: texts[i] ?? "" }));
  return { demo: lines.flatMap(wrapped), status: steady(well).flatMap((text) => wrapped({ text, after: 0 })) };
}

async function main(): Promise<void> {
  const { demo, status: well } = await record();
  const images = `${root}docs/images`;
  writeFileSync(`${images}/demo.svg`, terminalSvg("onar demo", "onar> ", demo, true));
  const table: Line[] = [{ text: "npx onar status", typed: true, after: 0 }, ...well];
  writeFileSync(`${images}/status.svg`, terminalSvg("onar status", "$ ", table, false));
  writeFileSync(`${images}/violation.svg`, violation());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
