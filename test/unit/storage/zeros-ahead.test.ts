/** Files that are longer than what was written to them, by zeros (docs/adr/2026-11-21-zeros-ahead.md). */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { changeNumber, type Key, nodeId, partition } from "../../../src/core/model/ids.js";
import type { DiskStorage } from "../../../src/storage/disk.js";
import { isRecord, scan } from "../../../src/storage/log/segment.js";
import { NodeFiles, STEP_BYTES } from "../../../src/storage/node-files.js";
import { FaultyFiles } from "../../conformance/faulty-files.js";
import { MemoryCheckpoint } from "../../conformance/memory-checkpoint.js";
import { register } from "../../conformance/operations.js";
import { LARGE, openDisk, QUIET } from "../../conformance/subjects.js";

const P = partition(0);
const SALT = 7;

describe("recovery", () => {
  const AHEAD = 500;
  let files: FaultyFiles;
  let notices: string[];
  const checkpoint = new MemoryCheckpoint();
  const open = (): Promise<DiskStorage> => {
    notices = [];
    const events = { ...QUIET, notice: (text: string) => notices.push(text) };
    return openDisk({ files, checkpoint, node: nodeId(1), settings: LARGE, salt: () => SALT, later: () => {}, events });
  };
  const write = (storage: DiskStorage, number: number): void => {
    const change = changeNumber(number);
    // Ends with a zero of its own.
    const one = register(`key ${number}` as Key, { value: "v\0", seq: number });
    storage.table(P).put(one, change);
    storage.append([{ kind: "register", partition: P, register: one, change }], () => {});
  };
  const segments = (): Buffer[] => [...files.content].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, bytes]) => bytes);
  const zerosOf = (bytes: Buffer): number => bytes.length - bytes.findLastIndex((byte) => byte !== 0) - 1;

  beforeEach(async () => {
    files = new FaultyFiles(undefined, false, AHEAD);
    const storage = await open();
    for (let number = 1; number <= 5; number++) write(storage, number);
    storage.close();
  });

  test("takes zeros behind the last record for nothing: no word to the operator, and they are given back", async () => {
    expect(zerosOf(segments().at(-1) as Buffer)).toBeGreaterThan(100);
    const storage = await open();
    expect(notices).toEqual([]);
    expect([storage.position, storage.table(P).size]).toEqual([5, 5]);
    for (const bytes of segments()) expect(zerosOf(bytes)).toBeLessThan(32);
    write(storage, 6);
    storage.close();
    expect((await open()).position).toBe(6);
    expect(notices).toEqual([]);
  });

  test("cuts off what stands among them, and says so once", async () => {
    const bytes = segments().at(-1) as Buffer;
    bytes.writeUInt8(1, bytes.length - 100);
    expect((await open()).position).toBe(5);
    expect(notices).toEqual([expect.stringMatching(/was not finished: \d+ bytes behind record 5 were cut off/)]);
    expect((await open()).position).toBe(5);
    expect(notices).toEqual([]);
  });

  test.each([
    ["a part", 4, 1, /record 5 cannot be read/],
    ["all", 3, 0, /records 4 to 5 are missing before log\/\w+\.log: a file of the log was removed, or lost its end/],
  ])(
    "says what is lost where %s of what was durable has turned into zeros",
    async (_what, firstRecord, lastByte, message) => {
      const again = await open();
      write(again, 6);
      again.close();
      // In the older segment, whose records the younger one proves.
      const [older] = segments() as [Buffer];
      const records = [...scan(older, SALT)].filter(isRecord);
      older.fill(0, records[firstRecord]?.at);
      older.writeUInt8(lastByte, older.length - 10);
      await expect(open()).rejects.toThrow(message);
    },
  );
});

describe("a real file", () => {
  let folder: string;
  let files: NodeFiles;
  const NAME = "file";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "onar-zeros-"));
    files = new NodeFiles(folder);
  });
  afterEach(async () => {
    await new Promise<void>((closed) => files.close(closed));
    rmSync(folder, { recursive: true });
  });
  const done = (begin: (told: (error: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => begin((error) => (error === null ? resolve() : reject(error))));
  const create = (bytes: Buffer) => done((told) => files.create(NAME, bytes, told));
  const write = (at: number, bytes: Buffer) => done((told) => files.write(NAME, at, bytes, told));
  const size = (): number => statSync(join(folder, NAME)).size;
  const content = (): Buffer => readFileSync(join(folder, NAME));

  test("grows in steps by small writes, and holds them and zeros", async () => {
    await create(Buffer.from("head"));
    expect(size()).toBe(4);
    await write(4, Buffer.from("one"));
    expect(size()).toBe(STEP_BYTES);
    await write(7, Buffer.from("two"));
    expect(size()).toBe(STEP_BYTES);
    expect(content().equals(Buffer.concat([Buffer.from("headonetwo"), Buffer.alloc(STEP_BYTES - 10)]))).toBe(true);
    const across = Buffer.alloc(100, 1);
    await write(STEP_BYTES - 50, across);
    expect(size()).toBe(2 * STEP_BYTES);
    expect(content().subarray(STEP_BYTES - 50, STEP_BYTES + 51)).toEqual(Buffer.concat([across, Buffer.alloc(1)]));
  });

  test("takes no zeros along with a large write", async () => {
    await create(Buffer.from("head"));
    const large = Buffer.alloc(STEP_BYTES, 1);
    await write(4, large);
    expect(size()).toBe(4 + STEP_BYTES);
    await write(4 + STEP_BYTES, Buffer.from("small"));
    expect(size()).toBe(2 * STEP_BYTES);
  });

  test("keeps what stands before, when it is opened anew", async () => {
    await create(Buffer.from("head"));
    await write(4, Buffer.from("one"));
    await new Promise<void>((closed) => files.close(closed));
    files = new NodeFiles(folder);
    await write(7, Buffer.from("two"));
    expect(content().subarray(0, 12).toString()).toBe("headonetwo\0\0");
    await done((told) => files.truncate(NAME, 10, told));
    expect(content().toString()).toBe("headonetwo");
    await write(10, Buffer.from("three"));
    expect(content().subarray(0, 16).toString()).toBe("headonetwothree\0");
  });
});
