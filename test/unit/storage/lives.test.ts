import { expect, test } from "vitest";
import { bodyOf, KIND, type StateEntry, stateFrom } from "../../../src/codec/disk/entry.js";
import { FIRST_COPY, tableId } from "../../../src/codec/disk/table-id.js";
import { Life } from "../../../src/core/life.js";
import { ballot } from "../../../src/core/model/ballot.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { groupEpoch, nodeId, partition } from "../../../src/core/model/ids.js";
import { CopyState } from "../../../src/storage/copy-state.js";

type Sealed = Extract<Entry, { kind: "sealed" | "ready" | "promise" }>;

const P = partition(3);
const sealed = (epoch: number, stays: boolean): Sealed => ({
  kind: "sealed",
  partition: P,
  epoch: groupEpoch(epoch),
  stays,
});
const ready = (epoch: number): Sealed => ({ kind: "ready", partition: P, epoch: groupEpoch(epoch) });
const promise = (epoch: number): Sealed => ({
  kind: "promise",
  partition: P,
  ballot: ballot(groupEpoch(epoch), 1, nodeId(2)),
});

test.each<[string, StateEntry]>([
  ["that stays", sealed(2 ** 40, true)],
  ["that leaves", sealed(7, false)],
  ["that is ready", ready(2 ** 40)],
])("the entry of a copy %s comes back as it was written", (_, entry) => {
  const body = Buffer.from(bodyOf(entry));
  expect(stateFrom(KIND[entry.kind], P, body)).toEqual(entry);
});

test.each<[string, number, readonly Sealed[]]>([
  ["of the founding that stayed twice", 1, [promise(1), sealed(4, true), promise(4), sealed(7, true)]],
  ["that became ready, stayed and left", 4, [ready(4), sealed(7, true), promise(7), sealed(9, false)]],
  ["that left before it was ready", 4, [sealed(9, false)]],
])("the checkpoint keeps the life of a copy %s", (_, copy, entries) => {
  const state = new CopyState(tableId(9), P, copy === 1 ? FIRST_COPY : groupEpoch(copy));
  for (const entry of entries) state.apply(entry);
  const whole = new Life(groupEpoch(copy));
  for (const entry of entries) whole.restore(entry);
  const kept = new Life(groupEpoch(copy));
  for (const entry of state.entries()) kept.restore(entry);
  expect(kept).toEqual(whole);
  const highest = [...state.entries()].findLast(({ kind }) => kind === "promise");
  expect(highest).toEqual(entries.findLast(({ kind }) => kind === "promise"));
});
