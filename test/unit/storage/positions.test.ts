/**
 * Storage remembers peers' log positions (R10): at once in memory, durably with batches that are written anyway, and
 * seldom.
 */
import { afterEach, expect, test } from "vitest";
import { ballot } from "../../../src/core/model/ballot.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { groupEpoch, nodeId, partition } from "../../../src/core/model/ids.js";
import { DiskStorage } from "../../../src/storage/disk.js";
import { REMEMBER_MS } from "../../../src/storage/peer-positions.js";
import { FaultyFiles } from "../../conformance/faulty-files.js";
import { MemoryCheckpoint } from "../../conformance/memory-checkpoint.js";
import { LARGE } from "../../conformance/subjects.js";
import { plant } from "../../planted/planted.js";

afterEach(() => plant());

const SELF = nodeId(1);
const PEER = nodeId(2);
const OTHER = nodeId(3);

/** A node's storage whose files happen when told, over all its lives. */
class Rig {
  readonly files = new FaultyFiles();
  storage: DiskStorage;
  private readonly checkpoint = new MemoryCheckpoint();
  private timers: { readonly ms: number; readonly call: () => void }[] = [];
  private rounds = 0;

  constructor() {
    this.storage = this.open();
  }

  restart(): void {
    this.storage.close();
    this.files.crash();
    this.files.held = false;
    this.timers = [];
    this.storage = this.open();
  }

  append(): void {
    const promise: Entry = {
      kind: "promise",
      partition: partition(0),
      ballot: ballot(groupEpoch(1), ++this.rounds, SELF),
    };
    this.storage.append([promise], () => {});
  }

  /** The time between two writings of positions passes. */
  pass(): void {
    const due = this.timers.filter(({ ms }) => ms === REMEMBER_MS);
    this.timers = this.timers.filter(({ ms }) => ms !== REMEMBER_MS);
    for (const { call } of due) call();
  }

  private open(): DiskStorage {
    let opened: DiskStorage | null = null;
    DiskStorage.open(
      {
        files: this.files,
        checkpoint: this.checkpoint,
        node: SELF,
        settings: LARGE,
        salt: () => 7,
        later: (ms, call) => void this.timers.push({ ms, call }),
        events: { notice: () => {}, failed: () => {}, bad: () => {} },
      },
      (error, storage) => {
        if (error !== null) throw error;
        opened = storage;
      },
    );
    return opened as unknown as DiskStorage;
  }
}

test("the position counts what is on stable storage, and not what is on its way there", () => {
  const rig = new Rig();
  rig.append();
  expect(rig.storage.position).toBe(1);
  rig.files.held = true;
  rig.append();
  rig.append();
  expect(rig.storage.position).toBe(1);
  rig.files.step();
  expect(rig.storage.position).toBe(2);
});

test("whatever a crash leaves, a node comes back with no less than the position it had (log G1)", () => {
  for (let i = 0; i < 50; i++) {
    const rig = new Rig();
    rig.append();
    rig.files.held = true;
    for (let n = 0; n < 5; n++) rig.append();
    for (let n = 0; n < i % 3; n++) rig.files.step();
    const told = rig.storage.position;
    rig.restart();
    expect(rig.storage.position).toBeGreaterThanOrEqual(told);
  }
});

test("what a peer told is known at once, and nothing is written for it alone", () => {
  const rig = new Rig();
  rig.append();
  rig.storage.sawPosition(PEER, 40);
  rig.storage.append([], () => {});
  expect(rig.storage.highestPosition(PEER)).toBe(40);
  expect(rig.storage.position).toBe(1);
  rig.restart();
  expect(rig.storage.highestPosition(PEER)).toBe(0);
});

test("it goes with the next batch, and outlives the process", () => {
  const rig = new Rig();
  rig.storage.sawPosition(PEER, 40);
  rig.storage.sawPosition(OTHER, 7);
  rig.append();
  expect(rig.storage.position).toBe(3);
  rig.restart();
  expect([rig.storage.highestPosition(PEER), rig.storage.highestPosition(OTHER)]).toEqual([40, 7]);
});

test("a busy node writes a peer's position at most once in that time, and then the latest", () => {
  const rig = new Rig();
  for (let told = 1; told <= 500; told++) {
    rig.storage.sawPosition(PEER, told);
    rig.append();
  }
  expect(rig.storage.position).toBe(501);
  expect(rig.storage.highestPosition(PEER)).toBe(500);
  rig.pass();
  rig.append();
  expect(rig.storage.position).toBe(503);
  rig.restart();
  expect(rig.storage.highestPosition(PEER)).toBe(500);
});

test("a position that is told again, or a lower one, is not written again", () => {
  const rig = new Rig();
  rig.storage.sawPosition(PEER, 40);
  rig.append();
  rig.pass();
  rig.storage.sawPosition(PEER, 40);
  rig.storage.sawPosition(PEER, 39);
  rig.append();
  expect(rig.storage.position).toBe(3);
  expect(rig.storage.highestPosition(PEER)).toBe(40);
});

test("a position that leaps beyond what any log grows by is not remembered", () => {
  const told = (): number => {
    const rig = new Rig();
    rig.storage.sawPosition(PEER, Number.MAX_SAFE_INTEGER);
    return rig.storage.highestPosition(PEER);
  };
  expect(told()).toBe(0);
  plant("W2.any-position");
  expect(told()).toBe(Number.MAX_SAFE_INTEGER);
});
