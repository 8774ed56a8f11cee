/**
 * The cost of a large directory. A million keys are written through the storage itself (through clients it would take
 * an hour), each time in another order. Then a node is started on it as any other: how long until it serves, and how
 * much memory it takes? How much disk does it take after every key was written again ten times?
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Prng } from "../../src/base/prng.js";
import { positionOf } from "../../src/codec/api/position.js";
import { textOf } from "../../src/codec/bytes/bytes.js";
import { ballot } from "../../src/core/model/ballot.js";
import { CompletionRecords } from "../../src/core/model/completion-records.js";
import type { Entry } from "../../src/core/model/entry.js";
import { changeNumber, type Key, type Partition, revision } from "../../src/core/model/ids.js";
import { Register } from "../../src/core/model/register.js";
import { partitionOfPosition } from "../../src/core/placement/position.js";
import { diskHome, type Home } from "../../src/storage/home.js";
import { freeBasePort, PEER_PORT_OFFSET } from "../cluster.js";
import { median } from "../stats/summary.js";
import { progress, type SuiteOptions, type SuiteResult } from "./context.js";
import { tableOf } from "./table.js";

const BATCH = 500;
const MEBIBYTE = 1024 * 1024;
const START_LIMIT_MS = 60_000;
const MEMORY_MIB = 64;

export async function open(options: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "onar-bench-"));
  const path = join(folder, "node");
  const basePort = await freeBasePort(1);
  const args = [
    ...["start", "--listen", `127.0.0.1:${basePort}`, "--peer-listen", `127.0.0.1:${basePort + PEER_PORT_OFFSET}`],
    ...["--expect", "1", "--data", path, "--storage-memory", `${MEMORY_MIB}`, "--log-format", "text"],
  ];
  try {
    // A first start founds the cluster, and gives the view that keys are placed by.
    await serve(options, args);
    const { loads, registers } = await writeAll(path, options);
    const starts: Started[] = [];
    for (let i = 0; i < options.rounds; i++) starts.push(await serve(options, args));
    const measured = [
      { what: "start to ready, ms", values: starts.map(({ ms }) => ms) },
      { what: "resident, MiB", values: starts.map(({ resident }) => resident / MEBIBYTE) },
      { what: "of it not mapped from files, MiB", values: starts.map(({ anonymous }) => anonymous / MEBIBYTE) },
    ];
    return {
      tables: [
        tableOf(
          `a directory of ${options.openKeys} keys with values of ${valuesText(options)} B, opened ${options.rounds} times with --storage-memory ${MEMORY_MIB}`,
          measured,
          [
            ["", ({ what }) => what],
            ["median", ({ values }) => median(values).toFixed(0)],
            ["worst", ({ values }) => Math.max(...values).toFixed(0)],
          ],
        ),
        tableOf(`disk used; the registers alone are ${(registers / MEBIBYTE).toFixed(0)} MiB`, loads, [
          ["", ({ name }) => name],
          ["MiB", ({ bytes }) => (bytes / MEBIBYTE).toFixed(0)],
          ["of the registers", ({ bytes }) => (bytes / registers).toFixed(2)],
          ["seconds", ({ seconds }) => seconds.toFixed(0)],
        ]),
      ],
      notes: [
        "registers: as they are encoded, with key, timestamp and revisions; written in any order, with no completion records",
        "goals: ready in under 2,000 ms; after the rewrites at most 2 times the registers",
      ],
      figures: { starts, loads, registers },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const valuesText = ({ openValue, openMixed }: SuiteOptions): string =>
  `${openMixed ? `0 to ${2 * openValue}` : openValue}`;

interface Written {
  readonly name: string;
  /** Disk of all files together. */
  readonly bytes: number;
  readonly seconds: number;
}

/** Every key once, then again and again. `registers`: the bytes of all of them in one copy. */
async function writeAll(
  path: string,
  options: SuiteOptions,
): Promise<{ readonly loads: readonly Written[]; readonly registers: number }> {
  const { rewrites } = options;
  const loads: Written[] = [];
  let registers = 0;
  for (let pass = 0; pass <= rewrites; pass++) {
    const begun = performance.now();
    registers = await write(path, options, pass);
    const seconds = (performance.now() - begun) / 1_000;
    progress(`open: written ${pass + 1} of ${rewrites + 1} times, ${seconds.toFixed(0)} s`);
    if (pass === 0 || pass === rewrites) {
      loads.push({ name: pass === 0 ? "written once" : `rewritten ${pass} times`, bytes: sizeOf(path), seconds });
    }
  }
  return { loads, registers };
}

interface Started {
  /** From the start of the process to its line `ready`. */
  readonly ms: number;
  /** In bytes, half a second later. */
  readonly resident: number;
  /** The part of it that is not mapped from files. */
  readonly anonymous: number;
}

/** Starts the node, waits until it serves and ends it as a crash does. */
async function serve(options: SuiteOptions, args: readonly string[]): Promise<Started> {
  const begun = performance.now();
  const child = spawn(process.execPath, [options.program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let said = "";
  const ready = new Promise<boolean>((resolve) => {
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (/^ready/m.test(said)) resolve(true);
    });
  });
  const came = await Promise.race([ready, gone.then(() => false), sleep(START_LIMIT_MS).then(() => false)]);
  const ms = performance.now() - begun;
  await sleep(500);
  const status = came && child.pid !== undefined ? readFileSync(`/proc/${child.pid}/status`, "utf8") : "";
  child.kill("SIGKILL");
  await gone;
  if (!came) throw new Error(`the node did not become ready: ${said}`);
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  return { ms, resident: kilobytes("VmRSS") * 1_024, anonymous: kilobytes("RssAnon") * 1_024 };
}

/**
 * Writes every key once in an order of its own, as the replica of a writer would. Returns how many bytes the registers
 * are.
 */
async function write(path: string, options: SuiteOptions, pass: number): Promise<number> {
  const { openKeys: keys } = options;
  const order = new Prng(pass).shuffle(Array.from({ length: keys }, (_, i) => i));
  const failed = (why: string): void => {
    throw new Error(why);
  };
  const events = { notice: () => {}, failed, bad: () => failed("a register is bad"), space: () => {} };
  const home = await diskHome({ path, memoryMib: MEMORY_MIB, shortOfTime: () => false, events });
  const partitions = home.view?.view.partitions.length ?? 0;
  const last = new Map<Partition, number>();
  const next = (partition: Partition): number => {
    const change = (last.get(partition) ?? home.storage.table(partition).lastChange) + 1;
    last.set(partition, change);
    return change;
  };
  let bytes = 0;
  for (let at = 0; at < keys; at += BATCH) {
    const entries: Entry[] = [];
    for (const i of order.slice(at, at + BATCH)) {
      const name = Buffer.from(`key-${String(i).padStart(12, "0")}${options.openMixed ? "-".repeat(i % 100) : ""}`);
      const partition = partitionOfPosition(positionOf(name), partitions);
      const change = next(partition);
      const register = registerOf(textOf<Key>(name), home, valueFor(options, i, pass), change);
      home.storage.table(partition).put(register, changeNumber(change));
      entries.push({ kind: "register", partition, register, change: changeNumber(change) });
    }
    await new Promise<void>((resolve) => home.storage.append(entries, resolve));
    for (const entry of entries) if (entry.kind === "register") bytes += entry.register.encoded?.length ?? 0;
  }
  await home.close();
  return bytes;
}

/** In the ballot of the first office, which this node has promised; a writer to come has a higher one. */
function registerOf(key: Key, home: Home, value: Buffer, change: number): Register {
  const group = home.view?.view.partitions[0];
  if (group === undefined) throw new Error("the directory has no view");
  const timestamp = { ballot: ballot(group.groupEpoch, 1, home.node), seq: 1_000_000 + change };
  return new Register(key, timestamp, value, revision(1), revision(1), revision(0), CompletionRecords.none);
}

/** With mixed lengths, a key's changes each time. */
function valueFor({ openValue, openMixed }: SuiteOptions, i: number, pass: number): Buffer {
  const length = openMixed ? ((i + pass) * 7_919) % (2 * openValue + 1) : openValue;
  return Buffer.alloc(length, 97 + (pass % 26));
}

/** On disk, all files below; what is reserved for a full disk is not counted. */
function sizeOf(path: string): number {
  let sum = 0;
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && entry.name !== "reserve") sum += statSync(join(entry.parentPath, entry.name)).blocks * 512;
  }
  return sum;
}
