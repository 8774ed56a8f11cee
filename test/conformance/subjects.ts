/** The storages there are, opened for a test. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Prng } from "../../src/base/prng.js";
import { nodeId } from "../../src/core/model/ids.js";
import { LmdbCheckpoint } from "../../src/storage/checkpoint/lmdb.js";
import { DiskStorage } from "../../src/storage/disk.js";
import type { DiskEvents, DiskOptions } from "../../src/storage/disk-options.js";
import { MemoryStorage } from "../../src/storage/memory.js";
import { NodeFiles } from "../../src/storage/node-files.js";
import type { StorageSettings } from "../../src/storage/settings.js";
import { SimDisk } from "../sim/disk.js";
import { Schedule } from "../sim/schedule.js";
import { FaultyFiles } from "./faulty-files.js";
import { MemoryCheckpoint } from "./memory-checkpoint.js";
import type { CopySubject, Subject } from "./storage-suite.js";

export const SMALL: StorageSettings = {
  segmentBytes: 4_096,
  foldLogBytes: 16_384,
  foldMemoryBytes: 65_536,
  foldKeys: 7,
  maxMemoryBytes: 131_072,
  cacheBytes: 65_536,
  scrubMs: 0,
  sweepBlocks: 3,
};

/** Never folds by itself. */
export const LARGE: StorageSettings = {
  ...SMALL,
  foldLogBytes: Number.POSITIVE_INFINITY,
  foldMemoryBytes: Number.POSITIVE_INFINITY,
};

export const QUIET: DiskEvents = {
  notice: () => {},
  failed: (why) => {
    throw new Error(why);
  },
  bad: () => {},
};

export const openDisk = (options: DiskOptions): Promise<DiskStorage> =>
  new Promise((resolve, reject) => {
    DiskStorage.open(options, (error, storage) => (storage === null ? reject(error) : resolve(storage)));
  });

const soon = (ms: number, call: () => void): void => {
  setTimeout(call, ms).unref();
};

export async function memorySubject(): Promise<CopySubject> {
  const storage = new MemoryStorage();
  return { storage, settle: async () => {}, end: async () => storage.close() };
}

const drained = (storage: DiskStorage): Promise<void> => new Promise((resolve) => storage.append([], resolve));
const folded = (storage: DiskStorage): Promise<void> => new Promise((resolve) => storage.foldNow(resolve));

/** The disk's storage on files and a checkpoint in memory. */
export async function virtualSubject(settings: StorageSettings): Promise<CopySubject> {
  const files = new FaultyFiles();
  const checkpoint = new MemoryCheckpoint();
  const open = () =>
    openDisk({ files, checkpoint, node: nodeId(9), settings, salt: () => 77, later: soon, events: QUIET });
  const subject = {
    storage: await open(),
    settle: () => drained(subject.storage),
    fold: () => folded(subject.storage),
    restart: async () => {
      subject.storage.close();
      subject.storage = await open();
    },
    end: async () => subject.storage.close(),
  };
  return subject;
}

/** The simulator's, whose time runs by itself here. */
export async function simulatedSubject(syncMs: number): Promise<Subject> {
  const schedule = new Schedule();
  const disk = new SimDisk({
    schedule,
    chance: new Prng(1),
    faults: { syncMs, slow: 0, slowMs: 0 },
    tell: (call) => call(),
    appended: () => {},
    durable: () => {},
  });
  const time = setInterval(() => schedule.runUntil(schedule.now + 10), 1);
  const settled = (): Promise<void> => new Promise((resolve) => subject.storage.append([], resolve));
  const subject = {
    storage: disk.open(),
    settle: settled,
    restart: async () => {
      await settled();
      disk.crash();
      subject.storage = disk.open();
    },
    end: async () => clearInterval(time),
  };
  return subject;
}

/** The real one, in a folder of its own. */
export async function diskSubject(
  settings: StorageSettings,
): Promise<Required<CopySubject> & { checkpointBytes(): number; freeBytes(): number }> {
  const folder = mkdtempSync(join(tmpdir(), "onar-storage-"));
  const log = join(folder, "log");
  mkdirSync(log);
  let checkpoint: LmdbCheckpoint;
  let files: NodeFiles;
  const open = () => {
    checkpoint = new LmdbCheckpoint(join(folder, "checkpoint"));
    files = new NodeFiles(log);
    const salt = (): number => Math.floor(Math.random() * 2 ** 32);
    return openDisk({ files, checkpoint, node: nodeId(9), settings, salt, later: soon, events: QUIET });
  };
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      subject.storage.close();
      files.close(() => checkpoint.close(resolve));
    });
  const subject = {
    storage: await open(),
    settle: () => drained(subject.storage),
    fold: () => folded(subject.storage),
    freeBytes: () => checkpoint.freeBytes,
    checkpointBytes: () => subject.storage.figures().checkpointBytes,
    restart: async () => {
      await close();
      subject.storage = await open();
    },
    end: async () => {
      await close();
      rmSync(folder, { recursive: true });
    },
  };
  return subject;
}
