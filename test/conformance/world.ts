/** A disk with faults and the processes that live on it one after the other, at the pace of a seed. */
import { expect } from "vitest";
import { Prng } from "../../src/base/prng.js";
import type { CopyEntry } from "../../src/core/model/copy-entry.js";
import type { Entry } from "../../src/core/model/entry.js";
import type { Key, Partition } from "../../src/core/model/ids.js";
import { nodeId } from "../../src/core/model/ids.js";
import { DiskStorage } from "../../src/storage/disk.js";
import { MemoryStorage } from "../../src/storage/memory.js";
import { FaultyFiles } from "./faulty-files.js";
import { MemoryCheckpoint } from "./memory-checkpoint.js";
import { appendAll, Dice, type Picture, pictureOf, statesAfter } from "./operations.js";
import { QUIET, SMALL } from "./subjects.js";

/** A disk, and the process that lives on it, over several lives. */
export class World {
  readonly chance: Prng;
  readonly files: FaultyFiles;
  readonly checkpoint: MemoryCheckpoint;
  readonly notices: string[] = [];
  readonly failures: string[] = [];
  storage: DiskStorage | null = null;
  /** All that was ever appended and is not lost. */
  history: (Entry | CopyEntry)[] = [];
  /** How many of them were said to be durable. */
  promised = 0;
  private readonly dice: Dice;
  /** The work of other threads: commits and timers. */
  private jobs: (() => void)[] = [];
  private life = 0;
  private readonly haste: Prng;

  constructor(
    readonly seed: number,
    private readonly foldLogBytes = 4_000 + (seed % 7) * 1_000,
    private readonly foldKeys = SMALL.foldKeys,
    copies = false,
  ) {
    this.chance = new Prng(seed);
    this.files = new FaultyFiles(this.chance.fork("disk"), true, seed % 2 === 0 ? 0 : 200);
    this.haste = this.chance.fork("haste");
    this.dice = new Dice(this.chance.fork("operations"), copies);
    this.checkpoint = new MemoryCheckpoint((commit) => this.jobs.push(commit));
  }

  /** Recovers; a crash may come in the middle of that, too. Returns the error that says why it cannot. */
  open(crashes = 0.1): Error | null {
    for (;;) {
      let result: { error: Error | null; storage: DiskStorage | null } | null = null;
      this.begin((error, storage) => {
        result = { error, storage };
      });
      while (result === null && this.files.pending > 0) {
        if (this.chance.chance(crashes)) {
          this.files.crash();
          break;
        }
        this.files.step();
      }
      const ended = result as { error: Error | null; storage: DiskStorage | null } | null;
      if (ended === null) continue;
      this.storage = ended.storage;
      if (ended.storage === null) return ended.error;
      this.dice.resume(ended.storage);
      return null;
    }
  }

  turn(): void {
    const { storage } = this;
    if (storage === null) throw new Error("the node is down");
    const entries = this.dice.turn();
    const before = this.history.length;
    this.history.push(...entries);
    const { life } = this;
    appendAll(storage, entries, (count) => {
      const upTo = before + count;
      expect(life, "nobody is called after a crash").toBe(this.life);
      expect(upTo, "durable comes in order").toBeGreaterThanOrEqual(this.promised);
      this.promised = upTo;
    });
  }

  /** The disk or another thread gets on with something. */
  work(): void {
    if (this.jobs.length > 0 && this.chance.chance(0.3)) this.jobs.shift()?.();
    else this.files.step();
  }

  /** Other threads get on with so many things, and the disk with nothing. */
  workBeside(jobs: number): void {
    for (let n = 0; n < jobs; n++) this.jobs.shift()?.();
  }

  finishAll(): void {
    for (let n = 0; n < 10_000 && (this.files.pending > 0 || this.jobs.length > 0); n++) {
      this.files.step();
      this.jobs.shift()?.();
    }
  }

  crash(): void {
    this.storage?.close();
    this.storage = null;
    this.life++;
    this.jobs = [];
    this.files.crash();
  }

  /** Bad registers that were told of. */
  readonly bad: string[] = [];

  private begin(opened: (error: Error | null, storage: DiskStorage | null) => void): void {
    DiskStorage.open(
      {
        files: this.files,
        checkpoint: this.checkpoint,
        node: nodeId(9),
        settings: { ...SMALL, segmentBytes: 1_500, foldLogBytes: this.foldLogBytes, foldKeys: this.foldKeys },
        salt: () => this.chance.next(),
        later: (_ms, call) => this.jobs.push(call),
        shortOfTime: () => this.haste.chance(0.3),
        events: {
          ...QUIET,
          notice: (text) => this.notices.push(text),
          failed: (why) => this.failures.push(why),
          bad: (partition: Partition, key: Key) => this.bad.push(`${partition}/${key}`),
        },
      },
      opened,
    );
  }
}

/** The state that these entries give. */
export function pictureAfter(history: readonly (Entry | CopyEntry)[]): Picture {
  const memory = new MemoryStorage();
  appendAll(memory, history);
  const { partitions } = pictureOf(memory);
  return { partitions: partitions.map(withSortedTombstones), states: statesAfter(history) };
}

type Part = Picture["partitions"][number];
const withSortedTombstones = (part: Part): Part => ({ ...part, tombstones: [...part.tombstones].sort() });

export function shown(storage: DiskStorage): Picture {
  const { partitions, states } = pictureOf(storage);
  return { partitions: partitions.map(withSortedTombstones), states };
}
