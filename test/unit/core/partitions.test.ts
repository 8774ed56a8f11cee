import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { duration, instant } from "../../../src/base/time.js";
import { Detector } from "../../../src/core/election/detector.js";
import { Heartbeats } from "../../../src/core/election/heartbeats.js";
import { RoundTrips } from "../../../src/core/election/round-trips.js";
import { ballot } from "../../../src/core/model/ballot.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { attempt, groupEpoch, key, type NodeId, nodeId, partition, viewEpoch } from "../../../src/core/model/ids.js";
import type { GroupMessage } from "../../../src/core/model/message.js";
import { isCopyEntry, isViewEntry } from "../../../src/core/model/node-entry.js";
import { Partitions, type RestoredCopy } from "../../../src/core/partitions.js";
import { Attempts } from "../../../src/core/quorum/attempts.js";
import { CatchUpLoad } from "../../../src/core/replica/catch-up-load.js";
import { MendingLoad } from "../../../src/core/replica/mending-load.js";
import { moved, recording } from "../../../src/core/view/move.js";
import type { Placement, View } from "../../../src/core/view/view.js";
import { NodeLoad } from "../../../src/core/writer/node-load.js";
import { Outgoing } from "../../../src/node/outgoing.js";
import { MemoryStorage } from "../../../src/storage/memory.js";
import { plant } from "../../planted/planted.js";
import { viewOf } from "../node/cluster.js";

const P = partition(0);
const NOW = instant(0);
const K = key("k");

/** One partition of three nodes: first of 1, 2 and 3, then of 1, 2 and 4. */
const FIRST: Placement = { replicas: [1, 2, 3].map(nodeId), groupEpoch: groupEpoch(1) };
const MOVED = moved(FIRST, { leaves: nodeId(3), comes: nodeId(4) }, viewEpoch(2));
const FINISHED = recording(
  MOVED,
  [1, 2, 4].map((node) => ({ node: nodeId(node), bad: 0 })),
);
const at = (epoch: number, placement: Placement): View => ({
  ...viewOf(4, 3, 1),
  epoch: viewEpoch(epoch),
  partitions: [placement],
});
const VIEWS = { first: at(1, FIRST), moved: at(2, MOVED), finished: at(3, FINISHED) };

/** A node over its lives: its storage, and what became durable of its copies but registers. */
class Node {
  readonly storage = new MemoryStorage();
  readonly durable: Entry[] = [];
  out = new Outgoing();
  copies: Partitions;

  constructor(
    readonly self: NodeId,
    view: View = VIEWS.first,
  ) {
    this.copies = this.start(view, []);
  }

  start(view: View, restored: readonly Entry[], copies: Iterable<RestoredCopy> = []): Partitions {
    const peers = [1, 2, 3, 4].map(nodeId).filter((id) => id !== this.self);
    const detector = new Detector({ self: this.self, peers });
    return new Partitions({
      self: this.self,
      view,
      table: (of) => this.storage.table(of),
      copies,
      restored,
      parts: {
        attempts: new Attempts(1),
        detector,
        heartbeats: new Heartbeats({ self: this.self, detector, peers }),
        roundTrips: new RoundTrips(),
        load: new NodeLoad(),
        catchUpLoad: new CatchUpLoad(),
        mendingLoad: new MendingLoad(),
        purgeAfter: duration(60_000),
      },
      now: NOW,
    });
  }

  follow(view: View): string[] {
    this.copies.follow(NOW, view, false, this.out);
    return this.flush();
  }

  /** All entries become durable. Returns them in words. */
  flush(): string[] {
    const entries = this.out.entries.splice(0);
    this.storage.append(entries, () => {});
    for (const entry of entries) if (!isViewEntry(entry) && !isCopyEntry(entry)) this.durable.push(entry);
    return entries.map((entry) => {
      if (entry.kind === "sealed") return `sealed ${entry.epoch} ${entry.stays ? "stays" : "leaves"}`;
      if (entry.kind === "begun" || entry.kind === "dropped") return `${entry.kind} ${entry.copy}`;
      return entry.kind === "ready" ? `ready ${entry.epoch}` : entry.kind;
    });
  }

  /** Kinds of the messages with which it answers. */
  hear(from: number, message: GroupMessage): string[] {
    this.out = new Outgoing();
    this.copies.served.get(P)?.receive(NOW, nodeId(from), message, this.out);
    this.flush();
    const kinds: string[] = [];
    this.out.sendDurable.each((_, { kind }) => kinds.push(kind));
    this.out.sendNow.each((_, { kind }) => kinds.push(kind));
    return kinds;
  }
}

const prepare = (epoch: number, round: number, node: number): GroupMessage => ({
  kind: "prepare",
  partition: P,
  ballot: ballot(groupEpoch(epoch), round, nodeId(node)),
});

/** All that V2 lists, in that epoch and of a ballot above every promise. */
const QUESTIONS = (epoch: number): GroupMessage[] => {
  const of = ballot(groupEpoch(epoch), 9, nodeId(2));
  const common = { partition: P, ballot: of, attempt: attempt(7) };
  const read = { partition: P, groupEpoch: groupEpoch(epoch), attempt: attempt(8), key: K };
  return [
    prepare(epoch, 9, 2),
    { kind: "recover", ...common, key: K },
    { kind: "confirm", ...common },
    { kind: "ask-tombstone", ...common, key: K, timestamp: { ballot: of, seq: 1 } },
    { kind: "purge", ...common, key: K, timestamp: { ballot: of, seq: 1 } },
    { kind: "read", ...read, holding: null },
    { kind: "hand-over", ...read },
  ];
};

let node: Node;

beforeEach(() => {
  node = new Node(nodeId(1));
});

describe("a copy that stays", () => {
  test("is sealed and promises the new epoch's least with one entry, and keeps its group's office to be elected anew", () => {
    expect(node.hear(2, prepare(1, 3, 2))).toEqual(["promised"]);
    expect(node.follow(VIEWS.moved)).toEqual(["sealed 2 stays"]);
    const served = node.copies.served.get(P);
    expect(served?.group).toMatchObject({ epoch: 2, replicas: [1, 2, 4], place: 0 });
    expect(served?.copy.replica.promise).toEqual(ballot(groupEpoch(2), 0, nodeId(0)));
    expect(node.hear(2, prepare(2, 1, 2))).toEqual(["promised"]);
  });

  test("V2: answers nothing of the epoch before, and refuses nothing of the new one", () => {
    node.follow(VIEWS.moved);
    for (const question of QUESTIONS(1)) expect(node.hear(2, question), question.kind).toEqual([]);
    expect(node.hear(2, prepare(2, 1, 2))).toEqual(["promised"]);
  });

  test("is not touched by the view that records the move as finished", () => {
    node.follow(VIEWS.moved);
    const before = node.copies.served.get(P);
    expect(node.follow(VIEWS.finished)).toEqual([]);
    expect(node.copies.served.get(P)).toBe(before);
  });

  test("L2 of life: is the same after a restart at every point, with the promises of its epoch", () => {
    node.follow(VIEWS.moved);
    node.hear(2, prepare(2, 4, 2));
    for (let kept = 0; kept <= node.durable.length; kept++) {
      const again = new Node(nodeId(1));
      again.copies = again.start(VIEWS.moved, node.durable.slice(0, kept));
      // A crash between the view and the seal: the first step seals.
      expect(again.follow(VIEWS.moved)).toEqual(kept === 0 ? ["sealed 2 stays"] : []);
      const replica = again.copies.served.get(P)?.copy.replica;
      expect(replica?.promise).toEqual(ballot(groupEpoch(2), kept < 2 ? 0 : 4, nodeId(kept < 2 ? 0 : 2)));
      expect(replica?.copy).toBe(1);
    }
  });

  test("tells that it is ready until a view records it", () => {
    expect(node.copies.news(VIEWS.first)).toEqual([]);
    node.follow(VIEWS.moved);
    expect(node.copies.news(VIEWS.moved)).toEqual([{ partition: P, groupEpoch: 2, bad: 0 }]);
    expect(node.copies.news(VIEWS.finished)).toEqual([]);
  });
});

describe("planted", () => {
  afterEach(() => plant());

  test("V2.seal-lost: after a restart a stayer has forgotten what it promised in the new epoch", () => {
    plant("V2.seal-lost");
    node.follow(VIEWS.moved);
    node.hear(2, prepare(2, 4, 2));
    const again = new Node(nodeId(1));
    again.copies = again.start(VIEWS.moved, node.durable);
    again.follow(VIEWS.moved);
    expect(again.copies.served.get(P)?.copy.replica.promise.round).toBe(0);
  });

  test("V6.drops-on-seal: what a replica held is gone before the new group is ready", () => {
    plant("V6.drops-on-seal");
    node = new Node(nodeId(3));
    expect(node.follow(VIEWS.moved)).toEqual(["sealed 2 leaves", "dropped 1"]);
  });
});

describe("a newcomer", () => {
  beforeEach(() => {
    node = new Node(nodeId(4));
  });

  test("V4: begins with nothing, and answers nothing before it is ready", () => {
    expect(node.follow(VIEWS.moved)).toEqual(["begun 2"]);
    node.copies.durable(NOW, VIEWS.moved, node.out);
    for (const question of QUESTIONS(2)) expect(node.hear(2, question), question.kind).toEqual([]);
    expect(node.copies.news(VIEWS.moved)).toEqual([]);
    node.copies.becomeReady(NOW, P, MOVED, [], node.out);
    expect(node.flush()).toEqual(["ready 2"]);
    expect(node.hear(2, prepare(2, 1, 2))).toEqual(["promised"]);
    expect(node.copies.news(VIEWS.moved)).toEqual([{ partition: P, groupEpoch: 2, bad: 0 }]);
  });

  test("L2 of life: is no more ready after a restart than it was durably", () => {
    node.follow(VIEWS.moved);
    const [held] = node.storage.copies();
    if (held === undefined) throw new Error("no copy");
    const before = node.start(VIEWS.moved, [], [held]);
    expect([before.served.size, before.newest.get(P)?.life.ready]).toEqual([0, false]);
    const after = node.start(VIEWS.moved, [{ kind: "ready", partition: P, epoch: groupEpoch(2) }], [held]);
    expect(after.served.get(P)?.group.epoch).toBe(2);
  });
});

describe("a copy that leaves", () => {
  beforeEach(() => {
    node = new Node(nodeId(3));
  });

  test("V2: answers nothing, and V6: is kept until the view names no group before", () => {
    expect(node.follow(VIEWS.moved)).toEqual(["sealed 2 leaves"]);
    for (const question of [...QUESTIONS(1), ...QUESTIONS(2)]) expect(node.hear(2, question)).toEqual([]);
    expect(node.copies.newest.get(P)?.life.left).toBe(2);
    expect(node.follow(VIEWS.finished)).toEqual(["dropped 1"]);
    expect(node.copies.newest.size).toBe(0);
  });

  test("begins anew when its node is named again, and the older one stays until that move is finished", () => {
    node.follow(VIEWS.moved);
    const back = moved(
      recording(MOVED, [
        { node: nodeId(1), bad: 0 },
        { node: nodeId(2), bad: 0 },
      ]),
      { leaves: nodeId(4), comes: nodeId(3) },
      viewEpoch(3),
    );
    expect(node.follow(at(3, back))).toEqual(["begun 3"]);
    expect(node.copies.older.get(P)?.map(({ life }) => [life.copy, life.left])).toEqual([[1, 2]]);
    expect(
      node.follow(
        at(
          4,
          recording(
            back,
            [1, 2, 3].map((id) => ({ node: nodeId(id), bad: 0 })),
          ),
        ),
      ),
    ).toEqual(["dropped 1"]);
  });
});
