/** A system that is short of file descriptors or memory: what was to be written waits, and the disk has not failed. */
import { expect, test } from "vitest";
import { ballot } from "../../../src/core/model/ballot.js";
import { groupEpoch, nodeId, partition } from "../../../src/core/model/ids.js";
import type { DiskStorage } from "../../../src/storage/disk.js";
import { isShortage } from "../../../src/storage/files.js";
import { FULL_RETRY_MS } from "../../../src/storage/log/log.js";
import { errorOf, FaultyFiles } from "../../conformance/faulty-files.js";
import { MemoryCheckpoint } from "../../conformance/memory-checkpoint.js";
import { LARGE, openDisk } from "../../conformance/subjects.js";

const NODE = nodeId(1);

async function rig(): Promise<{
  readonly files: FaultyFiles;
  readonly storage: DiskStorage;
  readonly told: string[];
  append(): void;
  wait(): void;
}> {
  const files = new FaultyFiles();
  const told: string[] = [];
  let timers: (() => void)[] = [];
  const storage = await openDisk({
    files,
    checkpoint: new MemoryCheckpoint(),
    node: NODE,
    settings: LARGE,
    salt: () => 7,
    later: (ms, call) => {
      if (ms === FULL_RETRY_MS) timers.push(call);
    },
    events: {
      notice: () => {},
      bad: () => {},
      failed: (why) => told.push(`failed: ${why}`),
      short: (error) => told.push(error === null ? "over" : String((error as NodeJS.ErrnoException).code)),
    },
  });
  let round = 0;
  return {
    files,
    storage,
    told,
    append: () => {
      const promise = {
        kind: "promise",
        partition: partition(0),
        ballot: ballot(groupEpoch(1), ++round, NODE),
      } as const;
      storage.append([promise], () => told.push(`durable ${round}`));
    },
    wait: () => {
      const due = timers;
      timers = [];
      for (const call of due) call();
    },
  };
}

test.each(["EMFILE", "ENFILE", "ENOMEM", "EAGAIN"])(
  "%s is waited out, for a new segment and for a write to one, and told once",
  async (code) => {
    const { files, storage, told, append, wait } = await rig();
    for (const round of [1, 2]) {
      files.nextError = errorOf(code);
      append();
      files.nextError = errorOf(code);
      wait();
      expect(told).toEqual([code]);
      wait();
      expect(told).toEqual([code, "over", `durable ${round}`]);
      told.length = 0;
    }
    expect(storage.position).toBe(2);
    expect(storage.figures().shortages).toBe(4);
  },
);

test("a bad disk is none of it, nor is a sync that fails for whatever reason", async () => {
  const { files, told, append } = await rig();
  files.nextError = errorOf("EIO");
  append();
  expect(told).toEqual([expect.stringContaining("failed: the disk failed: EIO")]);
  expect(isShortage(Object.assign(errorOf("ENOMEM"), { syscall: "fsync" }))).toBe(false);
  expect(isShortage(Object.assign(errorOf("EMFILE"), { syscall: "open" }))).toBe(true);
});
