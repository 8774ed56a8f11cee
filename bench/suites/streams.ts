/**
 * A source's cost of giving a whole copy in the order of keys, as a transfer asks for it. A million keys of one
 * partition are written through the storage itself, and read page by page. First all lies in the checkpoint, then some
 * of it in the memory table, too.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { Prng } from "../../src/base/prng.js";
import { ballot } from "../../src/core/model/ballot.js";
import { CompletionRecords } from "../../src/core/model/completion-records.js";
import type { Entry } from "../../src/core/model/entry.js";
import { changeNumber, groupEpoch, type Key, nodeId, partition, revision } from "../../src/core/model/ids.js";
import { Register } from "../../src/core/model/register.js";
import { bytesOfHeld, orderedPage } from "../../src/core/model/table.js";
import { diskHome, type Home } from "../../src/storage/home.js";
import { progress, type SuiteOptions, type SuiteResult } from "./context.js";
import { tableOf } from "./table.js";

const P = partition(0);
const BATCH = 500;
const MEBIBYTE = 1024 * 1024;
const MEMORY_MIB = 64;
const PAGE_KEYS = 512;
const PAGE_BYTES = 64 * 1024;
/** Keys that are written again and not folded. */
const UNFOLDED = 10_000;

interface Streamed {
  readonly what: string;
  readonly keys: number;
  readonly bytes: number;
  readonly ms: number;
  /** How many pages there were, and how long the longest took. */
  readonly pages: number;
  readonly longestMs: number;
  /** The most that was there beyond what was before, in bytes. */
  readonly memory: number;
}

export async function streams(options: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "onar-bench-"));
  const failed = (why: string): void => {
    throw new Error(why);
  };
  const events = { notice: () => {}, failed, bad: () => failed("a register is bad"), space: () => {} };
  const path = join(folder, "node");
  // Nothing of storage keeps a process alive.
  const alive = setInterval(() => {}, 1_000);
  const open = (): Promise<Home> => diskHome({ path, memoryMib: MEMORY_MIB, shortOfTime: () => false, events });
  try {
    const filled = await open();
    await write(filled, options, options.openKeys);
    await filled.fold();
    await filled.close();
    const home = await open();
    const results: Streamed[] = [];
    for (let round = 0; round < options.rounds; round++) results.push(await stream(home, "the checkpoint"));
    await write(home, options, Math.min(UNFOLDED, options.openKeys));
    results.push(await stream(home, "it and a memory table, first"));
    for (let round = 1; round < options.rounds; round++) results.push(await stream(home, "it and a memory table"));
    await home.close();
    const wrong = results.filter(({ keys }) => keys !== options.openKeys);
    return {
      tables: [
        tableOf(
          `a copy of ${options.openKeys} keys with values of ${options.openValue} B, in pages of ${PAGE_BYTES / 1_024} KiB`,
          results,
          [
            ["from", ({ what }) => what],
            ["µs a key", ({ ms, keys }) => ((ms * 1_000) / keys).toFixed(2)],
            ["MiB/s", ({ bytes, ms }) => (bytes / MEBIBYTE / (ms / 1_000)).toFixed(0)],
            ["pages", ({ pages }) => `${pages}`],
            ["longest page, ms", ({ longestMs }) => longestMs.toFixed(1)],
            ["memory beyond before, MiB", ({ memory }) => (memory / MEBIBYTE).toFixed(0)],
          ],
        ),
      ],
      notes: [
        "memory: anonymous memory of this process, garbage that waits to be collected included; pages of the file that the system maps are not",
        "goal: memory within 64 MiB, however large the copy",
      ],
      figures: { results },
      problems: wrong.map(({ what, keys }) => `${what}: ${keys} keys came, of ${options.openKeys}`),
    };
  } finally {
    clearInterval(alive);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function stream({ storage }: Home, what: string): Promise<Streamed> {
  const table = storage.table(P);
  const before = anonymous();
  let [keys, bytes, pages, longestMs, ms, memory] = [0, 0, 0, 0, 0, 0];
  let last: Key | null = null;
  for (let more = true; more; ) {
    const begun = performance.now();
    const page = orderedPage(table, last, PAGE_KEYS, PAGE_BYTES);
    const took = performance.now() - begun;
    ms += took;
    longestMs = Math.max(longestMs, took);
    pages++;
    keys += page.found.length;
    for (const held of page.found) bytes += bytesOfHeld(held);
    last = page.found.at(-1)?.key ?? last;
    ({ more } = page);
    if (pages % 64 === 0) {
      memory = Math.max(memory, anonymous() - before);
      await turn();
    }
  }
  progress(`streams: ${what}, ${keys} keys, ${(ms / 1_000).toFixed(1)} s`);
  return { what, keys, bytes, ms, pages, longestMs, memory };
}

/** So many keys, in any order, as a replica would. */
async function write({ storage }: Home, { openKeys, openValue }: SuiteOptions, count: number): Promise<void> {
  const table = storage.table(P);
  const order = new Prng(count).shuffle(Array.from({ length: openKeys }, (_, i) => i)).slice(0, count);
  const of = ballot(groupEpoch(1), 1, nodeId(7));
  for (let at = 0; at < count; at += BATCH) {
    const entries: Entry[] = [];
    for (const i of order.slice(at, at + BATCH)) {
      const change = changeNumber(table.lastChange + 1);
      const key = `key-${String(i).padStart(12, "0")}` as Key;
      const timestamp = { ballot: of, seq: change };
      const value = Buffer.alloc(openValue, 97);
      const register = new Register(
        key,
        timestamp,
        value,
        revision(1),
        revision(1),
        revision(0),
        CompletionRecords.none,
      );
      table.put(register, change);
      entries.push({ kind: "register", partition: P, register, change });
    }
    await new Promise<void>((durable) => storage.append(entries, durable));
  }
  progress(`streams: ${count} keys written`);
}

/** Bytes of this process that are not mapped from files. */
function anonymous(): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}
