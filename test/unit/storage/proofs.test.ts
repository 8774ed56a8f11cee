/** What recovery makes of a proof that it cuts off itself: an open finding, see docs/testing-findings.md. */
import { expect, test } from "vitest";
import { changeNumber, type Key, nodeId, partition } from "../../../src/core/ids.js";
import { BAD } from "../../../src/core/register/table.js";
import type { DiskStorage } from "../../../src/storage/disk.js";
import { FaultyFiles } from "../../conformance/faulty-files.js";
import { MemoryCheckpoint } from "../../conformance/memory-checkpoint.js";
import { register } from "../../conformance/operations.js";
import { LARGE, openDisk, QUIET } from "../../conformance/subjects.js";

const P = partition(0);
const [FIRST, SECOND] = ["first", "second"] as [Key, Key];

test.fails("a rotten register is still known to be bad when the node is started once more", async () => {
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

  const once = await openDisk(options);
  expect([once.position, once.table(P).get(FIRST)]).toEqual([1, BAD]);
  once.close();
  // The second is cut off now, and with it the proof: the first is taken for torn, and is absent.
  const again = await openDisk(options);
  expect([again.position, again.table(P).get(FIRST)]).toEqual([1, BAD]);
});
