/**
 * A child process that says by a line on its standard output that it is ready. Whatever happens to the
 * benchmark, the children it has started end with it, each by its own process id.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const running = new Set<ChildProcess>();
process.on("exit", () => {
  // Not SIGKILL: a child may have children of its own to end.
  for (const child of running) child.kill("SIGTERM");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

export interface Child {
  readonly pid: number;
  /** The lines it printed up to and including the awaited one. */
  readonly lines: readonly string[];
  /** SIGTERM, and SIGKILL if it is still there after `patienceMs`; resolves when it is gone. */
  stop(patienceMs?: number): Promise<void>;
  /** SIGKILL, at once; resolves when it is gone. */
  kill(): Promise<void>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Starts `node ARGS` and waits for a line that begins with `ready`. Rejects, with what it said, if none comes.
 * Variables are added to those of this process.
 */
export async function startChild(
  args: readonly string[],
  limitMs: number,
  variables: Readonly<Record<string, string>> = {},
): Promise<Child> {
  const env = { ...process.env, ...variables };
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env });
  running.add(child);
  const lines: string[] = [];
  const complaints: string[] = [];
  const gone = exitOf(child);
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      // Lines after the awaited one are read, so that the pipe never fills, and dropped.
      if (lines.at(-1)?.startsWith("ready") !== true) lines.push(line);
      if (line.startsWith("ready")) resolve();
    });
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (complaints.push(line) > 20) complaints.shift();
  });
  const stop = async (patienceMs = 5000): Promise<void> => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    await gone;
    clearTimeout(timer);
  };
  const failed = (why: string): Error =>
    new Error(`node ${args.join(" ")}: ${why}\n${[...lines, ...complaints].join("\n")}`.trimEnd());
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), limitMs);
  });
  const first = await Promise.race([ready, gone, late]);
  clearTimeout(timer);
  if (first === "late" || child.pid === undefined) {
    await stop(500);
    throw failed(`not ready within ${limitMs} ms`);
  }
  if (first !== undefined) throw failed(`ended with ${first.signal ?? first.code} before it was ready`);
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await gone;
  };
  return { pid: child.pid, lines, stop, kill };
}

/**
 * Starts another program. `isReady` is asked every 100 ms whether it is ready.
 * Rejects when the program ends before that or is not ready in time, with its last words.
 */
export async function startProgram(
  program: string,
  args: readonly string[],
  isReady: () => Promise<boolean>,
  limitMs: number,
): Promise<Omit<Child, "lines">> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  running.add(child);
  const complaints: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (complaints.push(line) > 20) complaints.shift();
  });
  let ended = false;
  const gone = exitOf(child).then(() => {
    ended = true;
  });
  const stop = async (patienceMs = 5000): Promise<void> => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    await gone;
    clearTimeout(timer);
  };
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await gone;
  };
  const giveUp = performance.now() + limitMs;
  while (!(await isReady().catch(() => false))) {
    const late = performance.now() > giveUp;
    if (!ended && !late) {
      await sleep(100);
      continue;
    }
    await stop(500);
    const why = ended && !late ? "ended before it was ready" : `not ready within ${limitMs} ms`;
    throw new Error(`${program}: ${why}\n${complaints.join("\n")}`.trimEnd());
  }
  return { pid: child.pid ?? 0, stop, kill };
}

/** Runs `node ARGS` to its end and returns what it printed. Its standard error goes to this one's. */
export async function runChild(args: readonly string[], limitMs: number): Promise<{ output: string; exit: Exit }> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  const gone = exitOf(child);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
  const exit = await gone;
  clearTimeout(timer);
  return { output: Buffer.concat(chunks).toString("utf8"), exit };
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    const end = (exit: Exit): void => {
      running.delete(child);
      resolve(exit);
    };
    child.on("error", () => end({ code: null, signal: null }));
    // "close" comes after the last output was read.
    child.on("close", (code, signal) => end({ code, signal }));
  });
}
