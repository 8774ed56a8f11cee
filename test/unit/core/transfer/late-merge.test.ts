/** Keys that were inherited as bad: what the group before says of them counts as long as the mark stands. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { key, nodeId } from "../../../../src/core/model/ids.js";
import type { KeysHeld } from "../../../../src/core/model/transfer-message.js";
import { LateMerge } from "../../../../src/core/transfer/late-merge.js";
import { bugNamed, plant } from "../../../planted/planted.js";
import { at, EVERYBODY, OLD, Outbox, PATIENCE, register, Source, Target } from "./rig.js";

const K = key("k");

let sources: Source[];
let target: Target;
let late: LateMerge;

beforeEach(() => {
  sources = OLD.replicas.map((id) => new Source(id));
  target = new Target();
  target.receiver.inherit(K, new Outbox());
  target.replica.look(K);
  const { group, receiver, attempts, load } = target;
  late = new LateMerge({ group, previous: OLD, receiver, attempts, load });
});
afterEach(() => plant());

/** Asks, and gives the answers that came, by place. */
function ask(ms: number): (KeysHeld | null)[] {
  const out = new Outbox();
  late.tick(at(ms), EVERYBODY, PATIENCE, out);
  const answers: (KeysHeld | null)[] = [null, null, null];
  for (const { to, message } of out.questions())
    answers[OLD.replicas.indexOf(to)] = (sources[to - 1] as Source).answer(message) as KeysHeld | null;
  return answers;
}

function hear(place: number, answer: KeysHeld | null | undefined): Outbox {
  const out = new Outbox();
  if (answer !== null && answer !== undefined) late.onKeysHeld(at(0), OLD.replicas[place] ?? nodeId(9), answer, out);
  return out;
}

test("a key that was inherited as bad is merged once a majority of the group before has spoken", () => {
  sources[0]?.put(register("k", 3));
  sources[1]?.put(register("k", 5));
  sources[2]?.table.put(register("k", 4), 1 as never);
  sources[2]?.table.spoil(K);
  const answers = ask(0);
  hear(2, answers[2]);
  hear(0, answers[0]);
  expect(target.held).toBe("k=bad");
  hear(1, answers[1]);
  expect(target.held).toBe("k=5");
  expect(late.busy).toBe(false);
});

test("a key that nobody of a majority holds is absent, and no longer bad", () => {
  const answers = ask(0);
  hear(0, answers[0]);
  hear(1, answers[1]);
  expect(target.replica.look(K)).toBe(null);
});

test("a replica that has not sealed the group before is not heard", () => {
  (sources[0] as Source).sealed = false;
  expect(ask(0)[0]).toBe(null);
});

test("I2: after that the copy has no vote on what was settled in the group before", () => {
  sources[0]?.put(register("k", 3));
  const answers = ask(0);
  expect(target.replica.tookOver).toBe(2);
  target.replica.tookOver = 0 as never;
  hear(0, answers[0]);
  const out = hear(1, answers[1]);
  expect(target.replica.tookOver).toBe(2);
  expect(out.entries.map(({ kind }) => kind)).toEqual(["took-over", "register", "inherited"]);
});

/** k is mended and acknowledged here as 2/9, rots, and then the second answer from before the mending comes. */
function mendedAndRotten(): string {
  sources[0]?.put(register("k", 3));
  sources[1]?.put(register("k", 3));
  const answers = ask(0);
  hear(0, answers[0]);
  const mended = register("k", 9, "mended", 2);
  const out = new Outbox();
  target.replica.mend(K, mended, mended.timestamp.ballot, true, out as never);
  expect(target.held).toBe("k=9");
  target.table.spoil(K);
  target.replica.look(K);
  late.tick(at(20), EVERYBODY, PATIENCE, new Outbox());
  hear(1, answers[1]);
  return target.held;
}

test("I1: what was asked for before a key was mended does not mend it when it is bad again", () => {
  expect(mendedAndRotten()).toBe("k=bad");
});

test("V3.late-after-mended takes it, and so loses what the copy acknowledged", () => {
  plant(bugNamed("V3.late-after-mended"));
  expect(mendedAndRotten()).toBe("k=3");
});

test("a mark that ended is over after a restart, too, and one that stands is not", () => {
  const out = new Outbox();
  target.receiver.inherit(key("l"), out);
  target.receiver.adopt(register("l", 1), false, out);
  target.receiver.inherit(key("m"), out);
  const again = new Target();
  for (const entry of out.entries) again.replica.restore(entry);
  expect([...again.receiver.inherited.marks.keys()]).toEqual(["m"]);
});
