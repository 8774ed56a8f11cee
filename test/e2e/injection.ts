/**
 * Injects errors and delays into the system calls of a node, where the machine lets us: `strace` on the running
 * process.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { eventually, type Node } from "./harness.js";

const canInject = spawnSync("strace", ["-e", "inject=getpid:error=EIO", "true"]).status === 0;

/** The things that this machine lacks, in words; null: it can. */
export const whyNoInjection = canInject ? null : "strace cannot inject errors on this machine";

/** The fate of a call: it fails, or it is held for so many seconds. */
export type Injected = "error=EIO" | `delay_enter=${number}s`;

/**
 * From now on this system call of the node is injected into, as long as the process returned lives. On that file or
 * folder only, unless it is null.
 */
export async function injecting(
  { process: { child } }: Node,
  call: string,
  path: string | null,
  injected: Injected = "error=EIO",
): Promise<ChildProcess> {
  const only = path === null ? [] : ["-P", path];
  const what = ["-e", `trace=${call}`, "-e", `inject=${call}:${injected}`];
  const strace = spawn("strace", ["-f", "-p", String(child.pid), ...only, ...what], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  strace.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await eventually("strace is there", 10_000, () => (said.includes("attached") ? true : undefined));
  return strace;
}
