/**
 * The content that recovery finds once it finds again, also when it has cut off what told it (docs/testing-findings.md,
 * seed 722767).
 */
import { expect, test } from "vitest";
import { changeNumber, type Key, nodeId, partition } from "../../../src/core/model/ids.js";
import { BAD } from "../../../src/core/model/table.js";
import type { DiskStorage } from "../../../src/storage/disk.js";
import { FaultyFiles } from "../../conformance/faulty-files.js";
import { MemoryCheckpoint } from "../../conformance/memory-checkpoint.js";
import { register } from "../../conformance/operations.js";
import { LARGE, openDisk, QUIET } from "../../conformance/subjects.js";
import { plant } from "../../planted/planted.js";

const PLENTY = Number.POSITIVE_INFINITY;
const P = partition(0);
const [FIRST, SECOND] = ["first", "second"] as [Key, Key];

/**
 * The state of a register once it has rotted before a write that was cut short. The disk has so much space at each
 * start.
 */
async function starts(...space: readonly number[]): Promise<unknown[]> {
  const files = new FaultyFiles();
  const checkpoint = new MemoryCheckpoint();
  const options = {
    files,
    checkpoint,
    node: nodeId(1),
    settings: LARGE,
    salt: () => 7,
    later: () => {},
    events: QUIET,
  };
  const write = (storage: DiskStorage, key: Key, number: number): void => {
    const change = changeNumber(number);
    const one = register(key, { value: "v".repeat(40), seq: number });
    storage.table(P).put(one, change);
    storage.append([{ kind: "register", partition: P, register: one, change }], () => {});
  };
  const last = (): Buffer => [...files.content.values()].at(-1) as Buffer;
  const flip = (at: number): void => {
    last().writeUInt8(last().readUInt8(at) ^ 1, at);
  };

  const storage = await openDisk(options);
  write(storage, FIRST, 1);
  const end = last().length;
  write(storage, SECOND, 2);
  storage.close();
  // The second write was cut short, but its head is there and proves the first, which has rotted.
  flip(last().length - 1);
  flip(end - 1);

  const found: unknown[] = [];
  for (const bytes of space) {
    files.space = bytes;
    const again = await openDisk(options);
    found.push([again.position, again.table(P).get(FIRST)]);
    again.close();
  }
  return found;
}

test("a rotten register is still known to be bad when the node is started once more", async () => {
  const bad = [1, BAD];
  expect(await starts(PLENTY, PLENTY)).toEqual([bad, bad]);
});

test("it is also when the disk is full, and when there is space again", async () => {
  const bad = [1, BAD];
  expect(await starts(0, 0, PLENTY, PLENTY)).toEqual([bad, bad, bad, bad]);
});

test("the planted bug shows: once its proof is cut off, it is taken for torn", async () => {
  plant("R11.proof-cut-off");
  expect(await starts(PLENTY, PLENTY)).toEqual([
    [1, BAD],
    [0, null],
  ]);
});
