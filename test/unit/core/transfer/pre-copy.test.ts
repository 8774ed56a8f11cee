/** The pre-copy: what it asks one copy for, and what it makes of the answers. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { groupEpoch } from "../../../../src/core/model/ids.js";
import { MemoryTable } from "../../../../src/core/model/table.js";
import type { PreCopied } from "../../../../src/core/model/transfer-entry.js";
import { GIVE_UP_MS, PreCopy } from "../../../../src/core/transfer/pre-copy.js";
import { bugNamed, plant } from "../../../planted/planted.js";
import { at, EVERYBODY, OLD, Outbox, only, PATIENCE, register, Source, Target } from "./rig.js";

let sources: Source[];
let target: Target;
let preCopy: PreCopy;
let noted: PreCopied | null;
let ms = 0;
let asked: string[];

beforeEach(() => {
  ms = 0;
  asked = [];
  sources = OLD.replicas.map((id) => new Source(id));
  target = new Target();
  preCopy = begin(null);
  noted = null;
});
afterEach(() => plant());

function begin(restored: PreCopied | null): PreCopy {
  const { group, receiver, attempts, load } = target;
  return new PreCopy({ group, from: OLD, receiver, attempts, load, now: at(ms), restored });
}

/** Lets time pass, and carries all questions and answers meanwhile. */
function run(forMs = 3_000, heard = EVERYBODY): void {
  for (const end = ms + forMs; ms < end; ms += 20) {
    let out = new Outbox();
    preCopy.tick(at(ms), heard, PATIENCE, out);
    for (let questions = out.questions(); ; questions = out.questions()) {
      for (const entry of out.entries) if (entry.kind === "pre-copied") noted = entry;
      if (questions.length === 0) break;
      out = new Outbox();
      for (const { to, message } of questions) {
        asked.push(`${to} ${message.kind}`);
        const answer = (heard & only(to - 1)) === 0 ? null : (sources[to - 1] as Source).answer(message);
        if (answer?.kind === "registers") preCopy.onRegisters(at(ms), to, answer, out);
        if (answer?.kind === "delta") preCopy.onDelta(at(ms), to, answer, out);
      }
    }
  }
}

const source = (): Source => sources[preCopy.source] as Source;

test("it lists all keys of one copy, then follows what changes in it", () => {
  for (const one of sources) for (let i = 0; i < 400; i++) one.put(register(`k${i}`, i + 1, "v".repeat(2_000)));
  run();
  expect(target.table.size).toBe(400);
  expect(preCopy.inStep).toBe(true);
  source().put(register("k7", 900));
  source().put(register("new", 901));
  run();
  expect(target.table.size).toBe(401);
  expect(new Set(asked)).toEqual(new Set([`${source().id} ask-registers`, `${source().id} ask-delta`]));
});

test("I2: a key that the source removed since goes here, too", () => {
  for (const one of sources) for (const name of ["a", "b", "c"]) one.put(register(name, 1));
  run();
  source().remove("b");
  run();
  expect(target.held).toBe("a=1 c=1");
});

test("I2: a key between two that are listed goes", () => {
  target.receiver.adopt(register("b", 7), false, new Outbox());
  for (const one of sources) for (const name of ["a", "c"]) one.put(register(name, 1));
  run();
  expect(target.held).toBe("a=1 c=1");
});

/** The source comes back with another copy, which has as many changes and other keys. */
function anotherCopy(): string {
  for (const one of sources) for (const name of ["a", "b", "c"]) one.put(register(name, 1));
  run();
  const one = source();
  one.copy = groupEpoch(5);
  one.table = new MemoryTable();
  for (const name of ["x", "y", "z", "a"]) one.put(register(name, 2));
  run();
  return target.held;
}

test("I1: with another copy of the same replica the keys are listed anew", () => {
  expect(anotherCopy()).toBe("a=2 x=2 y=2 z=2");
});

test("V3.cursor-without-copy goes on from a number of another copy, and misses what that one holds", () => {
  plant(bugNamed("V3.cursor-without-copy"));
  expect(anotherCopy()).not.toBe("a=2 x=2 y=2 z=2");
});

test("a source that dies gives way to another, which goes on behind the last key", () => {
  for (const one of sources) for (let i = 0; i < 300; i++) one.put(register(`k${i}`, i + 1, "v".repeat(2_000)));
  run(20);
  const first = preCopy.source;
  run(GIVE_UP_MS, EVERYBODY & ~only(first));
  expect(preCopy.source).not.toBe(first);
  expect(target.table.size).toBe(300);
  expect(preCopy.exact).toBe(false);
});

test("after a restart it goes on where the durable position is", () => {
  for (const one of sources) one.put(register("a", 1));
  run();
  const { id } = source();
  preCopy = begin(noted);
  asked = [];
  source().put(register("b", 2));
  run();
  expect(target.held).toBe("a=1 b=2");
  expect(new Set(asked)).toEqual(new Set([`${id} ask-delta`]));
});

test("it asks for nothing without room in the log, and no more than the rate allows", () => {
  for (const one of sources) for (let i = 0; i < 200; i++) one.put(register(`k${i}`, i + 1, "v".repeat(10_000)));
  target.load.room = false;
  run(1_000);
  expect(target.load.received).toBe(0);
  expect(preCopy.waitsFor).toBe("room");
  target.load.room = true;
  target.load.limit(at(ms), 100_000);
  run(5_000);
  expect(target.load.received).toBeGreaterThan(300_000);
  expect(target.load.received).toBeLessThan(800_000);
  expect(preCopy.waitsFor).toBe("rate");
  target.load.limit(at(ms), Number.POSITIVE_INFINITY);
  run(1_000);
  expect(target.table.size).toBe(200);
});

test("nobody is asked who is not heard", () => {
  run(1_000, 0);
  expect(asked).toEqual([]);
  expect(preCopy.waitsFor).toBe("sources");
});
