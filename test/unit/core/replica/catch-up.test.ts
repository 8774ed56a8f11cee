/**
 * Catching up: one real machine at place 0 with its replica, and the real replicas that it asks. The test works the
 * post between them by hand. The writer is played by the test.
 */
import { beforeEach, describe, expect, test } from "vitest";
import { type Instant, instant } from "../../../../src/base/time.js";
import { CATCH_UP_BYTES, NODE_MENDING_BYTES, PAGE_BYTES } from "../../../../src/core/model/bounds.js";
import {
  type ChangeNumber,
  changeNumber,
  groupEpoch,
  type Key,
  key,
  revision,
} from "../../../../src/core/model/ids.js";
import type { CoreMessage } from "../../../../src/core/model/message.js";
import type { Register } from "../../../../src/core/model/register.js";
import { BAD, MemoryTable } from "../../../../src/core/model/table.js";
import { Attempts } from "../../../../src/core/quorum/attempts.js";
import { RESEND_MS } from "../../../../src/core/quorum/patience.js";
import { BEYOND_MS, CatchUp, FOLLOW_MS } from "../../../../src/core/replica/catch-up.js";
import { CatchUpLoad } from "../../../../src/core/replica/catch-up-load.js";
import { MAX_LISTED, pageOf } from "../../../../src/core/replica/feed.js";
import { Mending } from "../../../../src/core/replica/mending.js";
import { MendingLoad } from "../../../../src/core/replica/mending-load.js";
import { Replica } from "../../../../src/core/replica/replica.js";
import { plant } from "../../../planted/planted.js";
import {
  B,
  b,
  epoch,
  groupOf,
  heldIn,
  hold,
  K,
  type KindOf,
  nodeAt,
  P,
  PATIENCE,
  register,
  TestOutbox,
  text,
  ts,
} from "../writer/harness.js";

/** States that may be on their way are waited for this long. */
const SOON = 200;
const EVERYBODY = 0b111;

interface Letter {
  readonly place: number;
  readonly message: CoreMessage;
}

let now: Instant;
let out: TestOutbox;
let tables: MemoryTable[];
let replicas: Replica[];
let mail: Letter[];
let mending: Mending;
let catchUp: CatchUp;
let load: CatchUpLoad;

/** With a copy that has been there before, unless it is fresh. */
function open(fresh = false): void {
  mail = [];
  now = instant(1_000);
  out = new TestOutbox();
  tables = [0, 1, 2].map(() => new MemoryTable());
  replicas = tables.map((table, place) => new Replica(groupOf(3, place), table));
  if (!fresh) give(0, register({ key: key("before"), value: "v", at: ts(b(1), 1_000) }));
  const attempts = new Attempts(100);
  const replica = replicas[0] as Replica;
  const common = { group: groupOf(3), replica, attempts };
  mending = new Mending({
    ...common,
    load: new MendingLoad(),
    multicast: { send: () => {} },
    writerPlace: () => 1,
    removed: () => {},
    full: () => false,
  });
  load = new CatchUpLoad();
  catchUp = new CatchUp({ ...common, mending, load, now, send: (place, message) => mail.push({ place, message }) });
}

beforeEach(() => {
  plant();
  open();
});

const give = (place: number, held: Register): void => hold(tables[place] as MemoryTable, held);
/** By a Write, as its writer sends it. */
const takeAt = (place: number, held: Register): void =>
  (replicas[place] as Replica).onWrite(
    nodeAt(0),
    { kind: "write", partition: P, register: held, settledSeq: 0, settledRevision: revision(0) },
    new TestOutbox(),
  );
const take = (held: Register): void => takeAt(0, held);
const settle = (place: number, { timestamp }: Register): void =>
  (replicas[place] as Replica).revisions.settle(timestamp.ballot, timestamp.seq, revision(0));
const promise = (round: number): void =>
  (replicas[0] as Replica).onPrepare(B, { kind: "prepare", partition: P, ballot: b(round, 1) }, new TestOutbox());
const changes = (place: number): ChangeNumber => (tables[place] as MemoryTable).lastChange;
const mine = (k: Key = K): string | null => text(heldIn(tables[0] as MemoryTable, k)?.value);

const consider = (heard = EVERYBODY): void =>
  catchUp.consider(now, heard, (place) => (place === 0 ? null : changes(place)), out);

const wait = (ms: number): void => {
  now = instant(now + ms);
  catchUp.resend(now, PATIENCE, out);
};

/** The messages that wait, as "kind→place". */
const waiting = (): string[] => mail.map(({ place, message }) => `${message.kind}→${place}`);

/** The answers to what waits; they arrive when the test says so. */
const answers = (): Letter[] =>
  mail.splice(0).map(({ place, message }) => ({
    place,
    message: pageOf(replicas[place] as Replica, groupOf(3, place), message as KindOf<"ask-changes">),
  }));

function arrive(letters: readonly Letter[]): void {
  for (const { place, message } of letters) catchUp.onChanges(now, place, message as KindOf<"changes">, out);
}

/** This copy and that one have had all of each other's changes. */
function inStep(place = 1): void {
  consider();
  consider();
  run();
  expect(catchUp.behind(place, changes(place))).toBe(0);
}

const deliver = (): void => arrive(answers());

/** Everything that is asked is answered at once. */
function run(): void {
  for (let i = 0; i < 50 && catchUp.running; i++) {
    while (mail.length > 0) deliver();
    wait(SOON);
  }
}

const cursors = (): string[] =>
  out.entries.flatMap((entry) => (entry.kind === "cursor" ? [`${entry.source - nodeAt(0)}:${entry.change}`] : []));

/** One fills a page. */
const BIG = "v".repeat(PAGE_BYTES);

describe("whom it asks", () => {
  test("the replica that is ahead the most", () => {
    give(1, register());
    give(2, register());
    give(2, register({ key: key("l") }));
    consider();
    expect(waiting()).toEqual(["ask-changes→2"]);
  });

  test("nobody who is not heard, and nobody when nobody is ahead", () => {
    consider();
    expect(waiting()).toEqual([]);
    give(2, register());
    consider(0b011);
    expect(waiting()).toEqual([]);
  });

  test("a fresh copy follows by Writes at first", () => {
    open(true);
    give(1, register());
    consider();
    expect(waiting()).toEqual([]);
    now = instant(now + FOLLOW_MS);
    consider();
    expect(waiting()).toEqual(["ask-changes→1"]);
  });

  test("a copy that holds nothing asks at once when its node has had an earlier life", () => {
    open(true);
    catchUp.wasAway();
    give(1, register());
    consider();
    expect(waiting()).toEqual(["ask-changes→1"]);
  });

  test("who was not heard for a while is asked at once, others wait their turn", () => {
    open(true);
    give(1, register());
    give(2, register());
    consider();
    consider(0b101);
    consider();
    expect(waiting()).toEqual(["ask-changes→1"]);
  });

  test("a replica that once listed more changes than it has is asked again, when its reports have said so for a while", () => {
    const beyond = (): string[] => {
      open();
      give(1, register());
      const most = changeNumber(Number.MAX_SAFE_INTEGER);
      catchUp.restore({ kind: "cursor", partition: P, source: B, copy: epoch, change: most });
      consider();
      now = instant(now + BEYOND_MS - 1);
      consider();
      expect(waiting()).toEqual([]);
      now = instant(now + 1);
      consider();
      return waiting();
    };
    expect(beyond()).toEqual(["ask-changes→1"]);
    plant("H5.cursor-lasts");
    expect(beyond()).toEqual([]);
  });

  test("one at a time", () => {
    give(1, register());
    consider();
    give(2, register());
    give(2, register());
    consider();
    expect(waiting()).toEqual(["ask-changes→1"]);
  });

  test("an answer that does not come is asked for again under the same attempt: a late one counts, once", () => {
    give(1, register({ value: "new", at: ts(b(1), 2) }));
    consider();
    const late = answers();
    wait(RESEND_MS);
    const again = answers();
    expect(again.map(({ message }) => message)).toEqual(late.map(({ message }) => message));
    arrive(late);
    arrive(again);
    expect(mine()).toBe("new");
    expect(catchUp.takenOver).toBe(1);
    expect(cursors()).toEqual(["1:1"]);
  });

  test("a page that is under way is not asked for once more, as long as the one before took", () => {
    for (let i = 0; i < 3; i++) give(1, register({ key: key(`k${i}`), at: ts(b(1), i + 1), value: BIG }));
    consider();
    const first = answers();
    now = instant(now + 400);
    arrive(first);
    const second = answers();
    for (let waited = 0; waited < 700; waited += 20) wait(20);
    expect(waiting()).toEqual([]);
    arrive(second);
    expect(waiting()).toEqual(["ask-changes→1"]);
  });

  test("what was asked before the source was given up does not count (R7)", () => {
    give(1, register());
    consider();
    const late = answers();
    catchUp.stop();
    arrive(late);
    wait(SOON);
    expect(waiting()).toEqual([]);
  });

  test("without progress the source is given up, and asked again later", () => {
    give(1, register());
    consider();
    wait(6_000);
    expect(catchUp.running).toBe(false);
    mail = [];
    consider();
    expect(waiting()).toEqual([]);
    now = instant(now + FOLLOW_MS);
    consider();
    expect(waiting()).toEqual(["ask-changes→1"]);
  });
});

describe("what it takes", () => {
  test("what is newer there is read and taken over; then the cursor moves, durably after it", () => {
    give(1, register({ value: "new", at: ts(b(1), 2) }));
    give(1, register({ key: key("l"), value: "too" }));
    consider();
    run();
    expect([mine(), mine(key("l"))]).toEqual(["new", "too"]);
    expect(out.entries.map(({ kind }) => kind)).toEqual(["promise", "accepted", "register", "register", "cursor"]);
    expect(cursors()).toEqual(["1:2"]);
    expect(catchUp.behind(1, changes(1))).toBe(0);
    expect(catchUp.takenOver).toBe(2);
  });

  test("what is here already, or was, is not sent", () => {
    for (const at of [ts(b(1), 2), ts(b(1), 5)]) take(register({ value: "mine", at }));
    give(1, register({ value: "older", at: ts(b(1), 2) }));
    consider();
    const page = answers();
    expect(page.map(({ message }) => message)).toMatchObject([{ changes: [], upTo: 1, more: false }]);
    arrive(page);
    expect(cursors()).toEqual(["1:1"]);
    expect(mine()).toBe("mine");
  });

  test("a later state here loses nothing to an older one of another copy", () => {
    give(0, register({ value: "mine", at: ts(b(1), 5) }));
    give(1, register({ value: "older", at: ts(b(1), 2) }));
    consider();
    run();
    expect(cursors()).toEqual(["1:1"]);
    expect(mine()).toBe("mine");
  });

  test("a replica that was never away asks for timestamps, and gives what is on its way a moment", () => {
    inStep();
    give(1, register({ value: "new", at: ts(b(1), 2) }));
    now = instant(now + FOLLOW_MS);
    consider();
    const page = answers();
    expect(page.map(({ message }) => message)).toMatchObject([{ changes: [{ register: null }] }]);
    arrive(page);
    expect(catchUp.lacks(1, changes(1))).toBe(1);
    wait(SOON - 50);
    expect(waiting()).toEqual([]);
    take(register({ value: "new", at: ts(b(1), 2) }));
    wait(20);
    expect(waiting()).toEqual([]);
    expect(cursors().at(-1)).toBe("1:1");
  });

  test("what does not come is then asked for", () => {
    inStep();
    give(1, register({ value: "new", at: ts(b(1), 2) }));
    now = instant(now + FOLLOW_MS);
    consider();
    deliver();
    wait(SOON);
    expect(mail.map(({ message }) => message)).toMatchObject([{ kind: "ask-changes", whole: true }]);
    deliver();
    expect(mine()).toBe("new");
    expect(cursors().at(-1)).toBe("1:1");
  });

  test("a tombstone is taken over like any other state", () => {
    give(0, register({ value: "v" }));
    give(1, register({ value: null, at: ts(b(1), 2) }));
    consider();
    run();
    expect(heldIn(tables[0] as MemoryTable)?.value).toBeNull();
  });

  test("what was purged there is not listed", () => {
    give(1, register({ value: null }));
    (tables[1] as MemoryTable).remove(K, changeNumber(changes(1) + 1));
    consider();
    deliver();
    expect(catchUp.running).toBe(false);
    expect(cursors()).toEqual(["1:2"]);
  });

  test("many changes are taken page by page", () => {
    for (let i = 0; i <= MAX_LISTED; i++) give(1, register({ key: key(`k${i}`), at: ts(b(1), i + 1), value: "" }));
    consider();
    run();
    expect(cursors().length).toBeGreaterThan(1);
    expect(cursors().at(-1)).toBe(`1:${MAX_LISTED + 1}`);
    expect(mine(key(`k${MAX_LISTED}`))).toBe("");
  });

  test("a page of long keys or values is cut short, and each of them travels once", () => {
    const long = (i: number): Key => key(`${i}`.padEnd(16 * 1_024, "k"));
    for (let i = 0; i < 10; i++) give(1, register({ key: long(i), at: ts(b(1), i + 1) }));
    consider();
    let sent = 0;
    while (mail.length > 0) {
      const page = answers();
      const { changes: listed } = (page[0] as Letter).message as KindOf<"changes">;
      expect(listed.length).toBeLessThanOrEqual(3);
      sent += listed.length;
      arrive(page);
    }
    expect(sent).toBe(10);
    expect(cursors()).toEqual(["1:3", "1:6", "1:9", "1:10"]);
  });

  test("with a page that is bounded in number only, it would not be (B1.page-by-number)", () => {
    plant("B1.page-by-number");
    for (let i = 0; i < 10; i++) give(1, register({ key: key(`k${i}`), at: ts(b(1), i + 1), value: BIG }));
    consider();
    expect((answers()[0] as Letter).message).toHaveProperty("changes.length", 10);
  });

  test("all partitions of a node together ask for so much at a time: others wait until a page has come", () => {
    give(1, register({ value: "new", at: ts(b(1), 2) }));
    expect(load.ask(CATCH_UP_BYTES)).toBe(true);
    consider();
    wait(20);
    expect(waiting()).toEqual([]);
    load.came(CATCH_UP_BYTES);
    wait(20);
    expect(waiting()).toEqual(["ask-changes→1"]);
    expect(load.bytes).toBe(PAGE_BYTES);
    deliver();
    expect(load.bytes).toBe(0);
    expect(mine()).toBe("new");
  });

  test("what was asked for and is not waited for any more does not count as asked for", () => {
    give(1, register());
    consider();
    catchUp.stop();
    expect(load.bytes).toBe(0);
  });

  test("a bad copy takes nothing over: the writer mends it", () => {
    give(0, register({ value: "v" }));
    (tables[0] as MemoryTable).spoil(K);
    give(1, register({ value: "new", at: ts(b(1), 2) }));
    consider();
    deliver();
    wait(20);
    expect(waiting()).toEqual([]);
    expect((replicas[0] as Replica).bad.has(K)).toBe(true);
    expect((tables[0] as MemoryTable).get(K)).toBe(BAD);
  });

  test("a bad copy that nobody can mend yet does not hold up what else is lacking: the writer is asked anew", () => {
    give(0, register({ value: "v" }));
    (tables[0] as MemoryTable).spoil(K);
    give(1, register({ value: "new", at: ts(b(1), 2) }));
    const bad = replicas[0]?.bad;
    (replicas[0] as Replica).look(K);
    const found = bad?.get(K);
    consider();
    deliver();
    expect(cursors()).toEqual(["1:1"]);
    expect(bad?.get(K)).toBeGreaterThan(found ?? 0);
  });

  test("a bad copy is not listed", () => {
    give(1, register());
    (tables[1] as MemoryTable).spoil(K);
    consider();
    run();
    expect(cursors()).toEqual(["1:1"]);
    expect(mine()).toBeNull();
  });
});

describe("R1: the fence", () => {
  const below = register({ value: "below", at: ts(b(1), 2) });

  test("what is below the promise and settled is taken", () => {
    promise(3);
    give(1, below);
    settle(1, below);
    consider();
    run();
    expect(mine()).toBe("below");
  });

  test("what is below it and not known to be settled is refused and left to the writer; the cursor stays", () => {
    promise(3);
    give(1, below);
    consider();
    deliver();
    expect(mine()).toBeNull();
    expect(mending.wants(K)).toBe(true);
    expect(catchUp.refused).toBe(1);
    wait(SOON);
    expect(waiting()).toEqual([]);
    expect(cursors()).toEqual([]);
    expect(catchUp.behind(1, changes(1))).toBe(1);
  });

  /** The writer answers what this replica asked it for. */
  const told = (counts: Register | null): void => {
    mending.resend(now, PATIENCE, out);
    for (let of = 101; of < 120; of++) {
      const answer = { groupEpoch: epoch, attempt: of as never, done: true, settledRevision: revision(0) };
      mending.onHandedOver({ kind: "handed-over", partition: P, ballot: b(3, 1), register: counts, ...answer }, out);
    }
  };

  test("once the writer has settled it, the cursor moves", () => {
    promise(3);
    give(1, below);
    consider();
    deliver();
    told(register({ value: "settled", at: ts(b(3, 1), 1) }));
    wait(20);
    expect(mine()).toBe("settled");
    expect(cursors()).toEqual(["1:1"]);
  });

  test("also when the writer says that it is absent: what reached the other copy alone never counted", () => {
    promise(3);
    give(1, below);
    consider();
    deliver();
    told(null);
    wait(20);
    expect(mine()).toBeNull();
    expect(cursors()).toEqual(["1:1"]);
    expect(catchUp.running).toBe(false);
  });

  test("what is above the promise raises it", () => {
    promise(1);
    give(1, register({ at: ts(b(2), 1) }));
    consider();
    run();
    expect((replicas[0] as Replica).promise).toEqual(b(2));
  });
});

describe("R12: a purge here", () => {
  const v = register({ value: "v", at: ts(b(1), 1) });
  const purgeArrives = (): void => {
    give(0, register({ value: null, at: ts(b(1), 2) }));
    (tables[0] as MemoryTable).remove(K, changeNumber(changes(0) + 1));
    catchUp.onPurge();
  };
  const lateAnswer = (): Letter[] => {
    give(1, v);
    settle(1, v);
    promise(3);
    consider();
    return answers();
  };

  test("drops what was asked for before: a late answer does not bring back what was purged (I2)", () => {
    const late = lateAnswer();
    purgeArrives();
    arrive(late);
    expect(mine()).toBeNull();
    expect(catchUp.running).toBe(false);
    expect(cursors()).toEqual([]);
  });

  test("without that it would (R12.old-transfer)", () => {
    plant("R12.old-transfer");
    const late = lateAnswer();
    purgeArrives();
    arrive(late);
    expect(mine()).toBe("v");
  });
});

describe("what it says to lack", () => {
  const lacks = (): number => catchUp.lacks(1, changes(1));
  const write = (count: number): void => {
    for (let i = 0; i < count; i++) give(1, register({ key: key(`key-${changes(1)}`), at: ts(b(1), changes(1) + 1) }));
  };

  test("is all that is not known to be here of a replica that was away, and less and less while it comes", () => {
    write(2 * MAX_LISTED);
    expect(lacks()).toBe(2 * MAX_LISTED);
    const seen: number[] = [];
    consider();
    while (mail.length > 0) {
      deliver();
      seen.push(lacks());
    }
    expect(seen.length).toBeGreaterThan(2);
    expect(seen).toEqual(seen.toSorted((a, b) => b - a));
    expect(lacks()).toBe(0);
  });

  test("is nothing of one that is heard all the time, until it is asked and something is lacking", () => {
    write(1);
    consider();
    run();
    write(3);
    expect([catchUp.behind(1, changes(1)), lacks()]).toEqual([3, 0]);
    now = instant(now + FOLLOW_MS);
    consider();
    expect(lacks()).toBe(0);
    deliver();
    expect(lacks()).toBe(3);
    wait(SOON);
    expect(lacks()).toBe(3);
    run();
    expect(lacks()).toBe(0);
  });

  test("is everything since the last look of one that was not heard for a while", () => {
    write(1);
    consider();
    run();
    write(3);
    consider(0b101);
    expect(lacks()).toBe(3);
  });
});

describe("cursors", () => {
  test("one of an earlier life is gone on from", () => {
    give(1, register({ key: key("l") }));
    give(1, register({ value: "later", at: ts(b(1), 2) }));
    catchUp.restore({ kind: "cursor", partition: P, source: nodeAt(1), copy: epoch, change: changeNumber(1) });
    expect(catchUp.behind(1, changes(1))).toBe(1);
    consider();
    const asked = mail[0]?.message as KindOf<"ask-changes">;
    expect(asked.after).toBe(1);
    run();
    expect([mine(), mine(key("l"))]).toEqual(["later", null]);
  });

  test("one of another copy counts for nothing: that is listed from its beginning", () => {
    give(1, register());
    catchUp.restore({ kind: "cursor", partition: P, source: nodeAt(1), copy: groupEpoch(3), change: changeNumber(0) });
    consider();
    run();
    expect(mine()).toBe("v");
    expect(out.entries.at(-1)).toMatchObject({ kind: "cursor", copy: epoch, change: 1 });
  });
});

describe("what a copy has had", () => {
  /** Except for what was there before. */
  const had = (): string => ranges().join("-");
  const ranges = (): number[] => taken(0).flatMap(({ ranges: of }) => of.filter((bound) => bound < 1_000));
  const taken = (place: number) => (replicas[place] as Replica).recollection.taken.list();

  test("is all that a copy had whose changes are all here: seqs that came after in its keys make no gaps", () => {
    for (let seq = 1; seq <= 9; seq++) takeAt(1, register({ key: key(`k${seq % 3}`), at: ts(b(1), seq) }));
    consider();
    run();
    expect(had()).toBe("1-9");
  });

  test("is not taken over from a copy of which something is bad: that is listed again when it is mended", () => {
    for (let seq = 1; seq <= 3; seq++) takeAt(1, register({ key: key(`k${seq}`), at: ts(b(1), seq) }));
    (tables[1] as MemoryTable).spoil(key("k2"));
    consider();
    run();
    expect(had()).toBe("1-1-3-3");
    expect(mine(key("k2"))).toBeNull();
    takeAt(1, register({ key: key("k4"), at: ts(b(1), 4) }));
    (tables[1] as MemoryTable).put(register({ key: key("k2"), at: ts(b(1), 2) }), changeNumber(changes(1) + 1));
    (replicas[1] as Replica).look(key("k2"));
    now = instant(now + FOLLOW_MS);
    consider();
    run();
    expect(mine(key("k2"))).toBe("v");
  });

  test("is not told on: a bad register that nobody looked at since its node's start would be missing for good (taken I2, C1.tells-learned)", () => {
    const passedOver = (): string | null => {
      for (let seq = 1; seq <= 3; seq++)
        for (const place of [1, 2]) takeAt(place, register({ key: key(`k${seq}`), at: ts(b(1), seq) }));
      (tables[1] as MemoryTable).spoil(key("k2"));
      consider(0b011);
      run();
      replicas[1] = new Replica(groupOf(3, 1), tables[1] as MemoryTable);
      replicas[1].recollection.taken.learn(taken(2));
      takeAt(1, register({ key: key("k4"), at: ts(b(1), 4) }));
      now = instant(now + FOLLOW_MS);
      consider(0b011);
      run();
      // It is found and mended: the state that counts comes back under its timestamp.
      replicas[1].look(key("k2"));
      (tables[1] as MemoryTable).put(register({ key: key("k2"), at: ts(b(1), 2) }), changeNumber(changes(1) + 1));
      replicas[1].look(key("k2"));
      for (const heard of [0b011, EVERYBODY]) {
        now = instant(now + FOLLOW_MS);
        consider(heard);
        run();
      }
      return mine(key("k2"));
    };
    expect(passedOver()).toBe("v");
    open();
    plant("C1.tells-learned");
    expect(passedOver()).toBeNull();
  });

  test("is not told by a copy that has found more bad registers than it can remember", () => {
    const load = new MendingLoad();
    replicas[1] = new Replica(groupOf(3, 1), tables[1] as MemoryTable, load);
    for (let seq = 1; seq <= 2; seq++) {
      takeAt(1, register({ key: key(`k${seq}`), at: ts(b(1), seq) }));
      (tables[1] as MemoryTable).spoil(key(`k${seq}`));
    }
    replicas[1].look(key("k1"));
    load.bytes = NODE_MENDING_BYTES;
    consider();
    run();
    (tables[1] as MemoryTable).put(register({ key: key("k1"), at: ts(b(1), 3) }), changeNumber(changes(1) + 1));
    replicas[1].look(key("k1"));
    expect(replicas[1].bad.size).toBe(0);
    now = instant(now + FOLLOW_MS);
    consider();
    run();
    expect(mine(key("k1"))).toBe("v");
    expect(had()).toBe("3-3");
  });

  test("is not told before the last page; told earlier, something would be missing for good (feed I2, C1.told-early)", () => {
    const fill = (): void => {
      for (let seq = 1; seq <= 3; seq++) takeAt(1, register({ key: key(`k${seq}`), at: ts(b(1), seq), value: BIG }));
      consider();
      run();
    };
    fill();
    expect(mine(key("k3"))).toBe(BIG);
    open();
    plant("C1.told-early");
    fill();
    expect(mine(key("k3"))).toBeNull();
    expect(catchUp.behind(1, changes(1))).toBe(0);
  });

  test("is what it took, and not what others have settled (C1.claims-settled)", () => {
    const settled = register({ value: "settled", at: ts(b(1), 7) });
    const run7 = (): string | null => {
      settle(0, settled);
      give(1, settled);
      consider();
      run();
      return mine();
    };
    expect(run7()).toBe("settled");
    open();
    plant("C1.claims-settled");
    expect(run7()).toBeNull();
  });

  test("is remembered of the last changes before a start", () => {
    give(0, register({ key: key("l"), at: ts(b(1), 8) }));
    give(1, register({ key: key("l"), at: ts(b(1), 8) }));
    consider();
    expect((answers()[0] as Letter).message).toMatchObject({ changes: [] });
  });
});
