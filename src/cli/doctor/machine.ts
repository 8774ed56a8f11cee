/** Possible faults of the machine that the doctor runs on: Node.js, the disk, the ports. */
import { open, rm, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Address, formatAddress, quote } from "../../config/values.js";
import { askStatus } from "../status/status.js";
import { type Finding, fail, ok, warn } from "./finding.js";

/** package.json says the same. */
const LEAST_NODE = [20, 20] as const;
const TRIED_NODES = [20, 22, 24];

export function nodeVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const text = `Node.js ${version}`;
  if (major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1])) {
    return fail(text, `install Node.js ${LEAST_NODE.join(".")} or newer: https://nodejs.org`);
  }
  if (!TRIED_NODES.includes(major)) return warn(text, `Onar is tested on Node.js ${TRIED_NODES.join(", ")}`);
  return ok(text);
}

const SYNCS = 20;
const BLOCK_BYTES = 4_096;
/** A write waits for a sync; above the first it is slow, above the second something is broken. */
const SLOW_MS = 10;
const BROKEN_MS = 100;
const TMPFS = 0x01_02_19_94;
const LOW_SPACE = 0.05;

/** How long a sync takes in this directory, and what room there is. `asked`: people named the directory. */
export async function disk(directory: string, asked: boolean): Promise<Finding[]> {
  const name = `directory ${quote(directory)}`;
  let times: number[];
  try {
    times = await syncTimes(directory);
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const text = `${name} cannot be written to (${why})`;
    const todo = "a node needs a directory of its own that it may write to: --dir names another one to try";
    return [asked ? fail(text, todo) : warn(text, todo)];
  }
  times.sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)] ?? 0;
  const worst = times.at(-1) ?? 0;
  const text = `${name}: a sync to disk takes ${ms(median)}, at worst ${ms(worst)} of ${SYNCS}`;
  const findings: Finding[] = [];
  if (median > BROKEN_MS) findings.push(fail(text, "each write waits so long: look for a broken or overloaded disk"));
  else if (median > SLOW_MS)
    findings.push(warn(text, "each write waits so long: a disk with a faster sync helps (SSD, not a network drive)"));
  else findings.push(ok(text));
  const { type, blocks, bavail, bsize } = await statfs(directory);
  if (type === TMPFS) {
    findings.push(
      warn(`${name} is in memory (tmpfs)`, "nothing there survives a power cut: give nodes a directory on a disk"),
    );
  }
  const room = `${name} has ${((Number(bavail) * bsize) / 2 ** 30).toFixed(1)} GiB free`;
  if (Number(bavail) < Number(blocks) * LOW_SPACE)
    findings.push(warn(room, "less than 5 %: make room before the disk is full"));
  else findings.push(ok(room));
  return findings;
}

async function syncTimes(directory: string): Promise<number[]> {
  const path = join(directory, `.onar-doctor-${process.pid}`);
  const file = await open(path, "wx", 0o600);
  try {
    const block = Buffer.alloc(BLOCK_BYTES, 1);
    const times: number[] = [];
    for (let i = 0; i < SYNCS; i++) {
      const began = performance.now();
      await file.write(block);
      await file.datasync();
      times.push(performance.now() - began);
    }
    return times;
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
}

const ASK_MS = 1_000;

export interface WantedPort {
  readonly address: Address;
  /** Why it is looked at: a flag, a setting. */
  readonly why: string;
}

/** Whether a node could listen there. */
export async function port({ address, why }: WantedPort): Promise<Finding> {
  const name = `port ${formatAddress(address)} (${why})`;
  const code = await tryToListen(address);
  if (code === null) return ok(`${name} is free`);
  if (code === "EADDRINUSE") {
    const node = await askStatus([address], ASK_MS).catch(() => null);
    if (node !== null) return ok(`${name} has an Onar node, ${node.header?.nodeId ?? "?"}`);
    return fail(`${name} is in use`, "end the program that listens there, or choose another port");
  }
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    return fail(
      `${name}: this machine has no such address`,
      "listen at one that it has, or at 0.0.0.0 with --advertise",
    );
  }
  if (code === "EACCES") return fail(`${name}: not allowed`, "ports below 1024 need privileges: choose a higher one");
  return fail(`${name} cannot be listened at (${code})`, "choose another address");
}

function tryToListen({ host, port }: Address): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown reason"));
    probe.listen(port, host, () => probe.close(() => resolve(null)));
  });
}

const ms = (time: number): string => `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
