/**
 * Directories of earlier formats open, and hold what they held; whatever is left of a conversion that was cut short.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytesOf } from "../../../src/codec/bytes/bytes.js";
import type { CopyEntry } from "../../../src/core/model/copy-entry.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { changeNumber, partition } from "../../../src/core/model/ids.js";
import { FORGOTTEN } from "../../../src/core/model/removals.js";
import { BAD } from "../../../src/core/model/table.js";
import type { CopyStorage } from "../../../src/ports/storage.js";
import { checkpointFolder } from "../../../src/storage/checkpoint/convert.js";
import { DIRECTORY_FORMAT } from "../../../src/storage/directory.js";
import type { Home } from "../../../src/storage/home.js";
import { StoppedNode } from "../../../src/storage/inspect.js";
import { MemoryStorage } from "../../../src/storage/memory.js";
import { appendAll, keyOf, pictureOf, removalsIn, statesAfter } from "../../conformance/operations.js";
import { viewOf } from "../node/cluster.js";
import { COPIES, FOLDED, LIVES, LOGGED, layOut, openHome, SEEN, VOTES } from "./format-fixture.js";

const ENTRIES = [...FOLDED, ...LOGGED];
let path = "";
let home: Home | null = null;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "onar-format-"));
});
afterEach(async () => {
  await home?.close();
  home = null;
  rmSync(path, { recursive: true, force: true });
});

/** Opens the directory, and looks at all that is in it. */
async function opensWhole(node: number, entries: readonly (Entry | CopyEntry)[] = ENTRIES): Promise<void> {
  home = await openHome(path);
  expect(home.node).toBe(node);
  expect(home.view?.view).toEqual(viewOf(3));
  expect(home.votes).toEqual(VOTES);
  const memory = new MemoryStorage();
  appendAll(memory, entries);
  expect(withoutRemovals(home.storage)).toEqual(withoutRemovals(memory));
  // Those that an earlier version folded were not kept, and those who ask are told so.
  for (const entry of FOLDED)
    if (entry.kind === "removed") expect(removalsIn(home.storage.table(entry.partition), 10)).toBe(FORGOTTEN);
  expect(pictureOf(home.storage).states).toEqual(statesAfter(entries));
  expect(home.storage.highestPosition(SEEN.node)).toBe(SEEN.position);
  expect(home.storage.position).toBe(entries.length + 2);
  // Part of it came from the checkpoint, part from the log.
  expect(home.figures()?.checkpointPosition).toBe(FOLDED.length + 2);
  expect(formatOf()).toBe(DIRECTORY_FORMAT);
  expect(existsSync(join(path, "checkpoint-new"))).toBe(false);
}

const withoutRemovals = (storage: CopyStorage) => pictureOf(storage).partitions.map(({ removals: _, ...part }) => part);

const formatOf = (): number => (JSON.parse(readFileSync(join(path, "onar.json"), "utf8")) as { format: number }).format;

const FIXTURES = [
  ["format-1.json", ENTRIES],
  ["format-2.json", ENTRIES],
  ["format-3.json", [...ENTRIES, ...COPIES]],
  ["format-3-lives.json", [...ENTRIES, ...LIVES]],
] as const;

test.each(FIXTURES)("%s", async (fixture, entries) => {
  const node = layOut(fixture, path);
  await opensWhole(node, entries);
  await home?.close();
  await opensWhole(node, entries);
  await home?.fold();
  await home?.close();
  home = await openHome(path);
  expect(home.figures()?.checkpointPosition).toBe(entries.length + 2);
});

test.each(FIXTURES)("%s is inspected as it is", async (fixture, entries) => {
  const node = layOut(fixture, path);
  const before = readFileSync(join(path, "onar.json"), "utf8");
  const stopped = await StoppedNode.open(path);
  try {
    expect(stopped.facts).toMatchObject({ node, format: Number(fixture.at(7)), lastRecord: entries.length + 2 });
    expect(stopped.facts.checkpoint.lastRecord).toBe(FOLDED.length + 2);
    const second = { partition: 7, copy: 3, table: 65_536, dropped: true };
    const first = { partition: 7, copy: 1, table: 7, dropped: false };
    expect(stopped.facts.otherCopies).toEqual(fixture.startsWith("format-3") ? [first, second] : []);
    const p = ENTRIES.find((entry) => entry.kind === "register")?.partition;
    expect(await stopped.partition(p as NonNullable<typeof p>)).toMatchObject({ keys: 3, tombstones: 1, bad: 0 });
  } finally {
    await stopped.close();
  }
  expect(readFileSync(join(path, "onar.json"), "utf8")).toBe(before);
});

describe("the conversion of what has rotted", () => {
  const P = partition(2);
  function rot(find: Buffer, behind: number): void {
    const file = join(path, "checkpoint", "data.mdb");
    const bytes = readFileSync(file);
    const at = bytes.indexOf(find);
    expect(at).toBeGreaterThan(0);
    bytes[at + behind] = (bytes[at + behind] as number) ^ 1;
    writeFileSync(file, bytes);
  }

  test.each<[string, number, Buffer, number]>([
    ["a register", 1, Buffer.from("under a long key"), 3],
    // Behind its name come checksum and change number.
    ["a register's head", 3, Buffer.concat([Buffer.from([0, 0, 0, 2, 0]), bytesOf(keyOf(2))]), 5 + keyOf(2).length + 4],
  ])("%s is bad afterwards, with its change, until it is mended", async (_, change, find, behind) => {
    layOut("format-1.json", path);
    rot(find, behind);
    const key = change === 1 ? keyOf(0) : keyOf(2);
    for (let i = 0; i < 2; i++) {
      home = await openHome(path);
      const table = home.storage.table(P);
      expect(table.get(key)).toBe(BAD);
      expect([...home.bad()]).toEqual([{ partition: P, key }]);
      expect(table.changesAfter(changeNumber(0), 9)).toContainEqual({ change, key, timestamp: null });
      expect(table.size).toBe(4);
      expect(table.get(keyOf(1))).not.toBe(BAD);
      await home.close();
    }
  });

  test("what was promised keeps the node from starting, as ever, and the directory stays as it was", async () => {
    layOut("format-1.json", path);
    rot(Buffer.from("position"), "position".length);
    const { message } = await openHome(path).then(
      () => new Error("it started"),
      (error: Error) => error,
    );
    expect(message).toContain("This node counts as lost");
    expect(formatOf()).toBe(1);
  });
});

test("a copy whose drop the checkpoint knows, and that was not swept yet, is inspected without a write", async () => {
  layOut("format-3.json", path);
  home = await openHome(path);
  // It is closed before the first transaction of the sweep.
  await home.fold();
  await home.close();
  home = null;
  const before = readFileSync(join(path, "checkpoint", "data.mdb"));
  const stopped = await StoppedNode.open(path);
  const { notices, otherCopies } = stopped.facts;
  expect(otherCopies).toContainEqual({ partition: 7, copy: 3, table: 65_536, dropped: true });
  expect(await stopped.partition(partition(7))).toMatchObject({ copy: 5, keys: 1, bad: 0 });
  await stopped.close();
  expect(notices).toEqual([]);
  expect(readFileSync(join(path, "checkpoint", "data.mdb")).equals(before)).toBe(true);
});

test("a start that was killed while format 2 became format 3 costs nothing", async () => {
  const node = layOut("format-2.json", path);
  const old = readFileSync(join(path, "onar.json"), "utf8");
  // Left by the kill of the file that was to take its place.
  writeFileSync(join(path, "onar.json.new"), old.slice(0, 40).replace("2", "3"));
  expect(formatOf()).toBe(2);
  await opensWhole(node);
});

describe("a conversion that was cut short", () => {
  /** The values before, and after it. */
  async function both(): Promise<{ readonly node: number; readonly converted: string }> {
    const converted = mkdtempSync(join(tmpdir(), "onar-format-"));
    const node = layOut("format-1.json", converted);
    const once = await openHome(converted);
    await once.close();
    layOut("format-1.json", path);
    return { node, converted };
  }

  test("while the new checkpoint was written: it is written again", async () => {
    const { node, converted } = await both();
    mkdirSync(join(path, "checkpoint-new"));
    writeFileSync(join(path, "checkpoint-new", "data.mdb"), Buffer.alloc(12_288, 7));
    await opensWhole(node);
    rmSync(converted, { recursive: true });
  });

  test("when it was written but did not count yet: it is written again", async () => {
    const { node, converted } = await both();
    cpSync(join(converted, "checkpoint"), join(path, "checkpoint-new"), { recursive: true });
    await opensWhole(node);
    rmSync(converted, { recursive: true });
  });

  test.each<[string, () => void]>([
    ["the old one is there", () => {}],
    ["a part of the old one is there", () => rmSync(join(path, "checkpoint", "data.mdb"))],
    ["the old one is gone", () => rmSync(join(path, "checkpoint"), { recursive: true })],
  ])("when the new one counted: it takes the old one's place, %s", async (_, leave) => {
    const { node, converted } = await both();
    cpSync(join(converted, "onar.json"), join(path, "onar.json"));
    renameSync(join(converted, "checkpoint"), join(path, "checkpoint-new"));
    leave();
    expect(checkpointFolder(path, 2)).toBe(join(path, "checkpoint-new"));
    const stopped = await StoppedNode.open(path);
    expect(stopped.facts.checkpoint.lastRecord).toBe(FOLDED.length + 2);
    await stopped.close();
    // The log has the node's id and its own salts: it is the same in both.
    await opensWhole(node);
    rmSync(converted, { recursive: true });
  });
});
