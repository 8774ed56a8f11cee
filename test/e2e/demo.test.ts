/** The demo: nodes die while it counts, the count is exact, and nothing is left behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildIfStale, eventually, PROGRAM } from "./harness.js";

beforeAll(() => buildIfStale());

let temporary: string;
let demos: ChildProcess[];
beforeEach(() => {
  // The demo makes its directory here, so that a test sees whether it is gone.
  temporary = mkdtempSync(join(tmpdir(), "onar-demo-test-"));
  demos = [];
});
afterEach(async () => {
  for (const demo of demos) demo.kill("SIGKILL");
  rmSync(temporary, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

interface Demo {
  readonly child: ChildProcess;
  shown: string;
  readonly end: Promise<number | string | null>;
}

function start(args: readonly string[] = []): Demo {
  const child = spawn(process.execPath, [PROGRAM, "demo", ...args], {
    env: { ...process.env, TMPDIR: temporary, ONAR_ENDPOINT: "127.0.0.1:1", ONAR_ZONE: "not a zone" },
  });
  demos.push(child);
  const end = new Promise<number | string | null>((resolve) =>
    child.once("close", (code, signal) => resolve(signal ?? code)),
  );
  const demo: Demo = { child, shown: "", end };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      demo.shown += chunk;
    });
  }
  return demo;
}

const shows = (demo: Demo, what: RegExp, withinMs = 45_000): Promise<RegExpMatchArray> =>
  eventually(`it shows ${what}: ${demo.shown}`, withinMs, () => demo.shown.match(what) ?? undefined);

/** The processes of the nodes, as the demo told. */
const pidsOf = (demo: Demo): number[] => [
  ...new Set([...demo.shown.matchAll(/ pid (\d+)/g)].map((match) => Number(match[1]))),
];

/** A process that has ended and was waited for is not there any more. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function nothingIsLeft(demo: Demo): Promise<void> {
  const pids = pidsOf(demo);
  expect(pids.length).toBeGreaterThanOrEqual(3);
  await eventually("the nodes have ended", 10_000, () => (pids.some(runs) ? undefined : true));
  expect(readdirSync(temporary)).toEqual([]);
}

describe("the demo", () => {
  test("counts exactly while nodes are killed, started again and frozen, and leaves nothing behind", {
    timeout: 180_000,
  }, async () => {
    const demo = start();
    await shows(demo, /node 3 {2}\S+ {2}pid \d+ {2}running/);
    const script = [
      "put hello world",
      "add hits --times 500",
      "sleep 0.5",
      "kill 1",
      "get hello",
      "restart 1",
      "sleep 1",
      "pause 2",
      "processes",
      "get hello",
      "sleep 1",
      "resume 2",
      "wait",
      "get hits",
      "add-node",
      "nodes",
    ];
    demo.child.stdin?.write(`${script.join("\n")}\n`);
    await shows(demo, /node 4 has joined/, 80_000);
    // A busy node may not have heard the others again yet, and then says that.
    await eventually(`all is well: ${demo.shown}`, 30_000, async () => {
      demo.child.stdin?.write("status\n");
      await sleep(1_000);
      return demo.shown.includes("well: all 4 nodes are there") ? true : undefined;
    });
    demo.child.stdin?.end();
    expect([await demo.end, demo.shown]).toEqual([0, demo.shown]);
    expect(demo.shown).toContain("hits is 500: 0 before, and 1 added exactly 500 times");
    expect(demo.shown).toMatch(/^500$/m);
    expect(demo.shown.match(/^world$/gm)).toHaveLength(2);
    expect(demo.shown).toMatch(/node 1 .* dead \(SIGKILL\); 2 of 3 run/);
    expect(demo.shown).toMatch(/node 2 {2}\S+ {2}pid \d+ {2}paused/);
    expect(demo.shown).toMatch(/node 4 has joined, \S+: it keeps no data and answers every client/);
    expect(demo.shown).toContain("well: all 4 nodes are there");
    expect(demo.shown).toContain("64 partitions: 64 with a writer");
    await nothingIsLeft(demo);
  });

  test("does not add to a key twice at the same time: neither could say what is to be expected", {
    timeout: 90_000,
  }, async () => {
    const demo = start();
    await shows(demo, /node 3 {2}\S+ {2}pid \d+ {2}running/);
    demo.child.stdin?.end("add hits --times 100\nadd hits --times 5\n");
    expect([await demo.end, demo.shown]).toEqual([1, demo.shown]);
    expect(demo.shown).toContain("hits is being added to in the background; wait waits for it");
    expect(demo.shown).toContain("hits is 100: 0 before, and 1 added exactly 100 times");
    await nothingIsLeft(demo);
  });

  test("ends everything on Ctrl-C, also while it starts", { timeout: 90_000 }, async () => {
    const demo = start();
    await shows(demo, /node 3 {2}\S+ {2}pid \d+ {2}running/);
    demo.child.kill("SIGINT");
    expect(await demo.end).toBe(130);
    await nothingIsLeft(demo);
    const early = start(["--nodes", "5"]);
    await eventually("it has begun", 20_000, () => (readdirSync(temporary).length > 0 ? true : undefined));
    early.child.kill("SIGTERM");
    expect(await early.end).toBe(130);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test("says what it cannot do, ends with that exit code, and leaves nothing behind", { timeout: 90_000 }, async () => {
    const demo = start();
    demo.child.stdin?.end("resume 1\nget never\n");
    expect(await demo.end).toBe(1);
    expect(demo.shown).toContain("error: node 1 is running, not paused");
    await nothingIsLeft(demo);
    const wrong = start(["--nodes", "32"]);
    expect(await wrong.end).toBe(2);
    expect(wrong.shown).toBe('error: --nodes must be a whole number from 1 to 31; it is "32"\n');
    expect(readdirSync(temporary)).toEqual([]);
  });
});
