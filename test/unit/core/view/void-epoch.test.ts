/** V8: epochs in which nothing was decided are as if they had never been. */
import { afterEach, describe, expect, test } from "vitest";
import { duration, instant } from "../../../../src/base/time.js";
import { encodedView } from "../../../../src/codec/peer/encoded-view.js";
import { Core } from "../../../../src/core/core.js";
import { ballot } from "../../../../src/core/model/ballot.js";
import { attempt, groupEpoch, key, type NodeId, nodeId, partition, viewEpoch } from "../../../../src/core/model/ids.js";
import type { NodeEntry } from "../../../../src/core/model/node-entry.js";
import type { NodeMessage } from "../../../../src/core/model/node-message.js";
import type { EncodedView } from "../../../../src/core/view/encoded-view.js";
import { HeardVouches } from "../../../../src/core/view/heard-vouches.js";
import { moved, recording } from "../../../../src/core/view/move.js";
import { isHealed } from "../../../../src/core/view/operation.js";
import { type Asked, plannedView } from "../../../../src/core/view/planner.js";
import { successorFault } from "../../../../src/core/view/successor.js";
import type { OperationKind, Placement, View } from "../../../../src/core/view/view.js";
import { areEnough, wantsVouches } from "../../../../src/core/view/void-epoch.js";
import { Outgoing } from "../../../../src/node/outgoing.js";
import { MemoryStorage } from "../../../../src/storage/memory.js";
import { plant } from "../../../planted/planted.js";
import { viewOf } from "../../node/cluster.js";

const P = partition(0);
const K = key("k");
const idOrNull = (node: number | null): NodeId | null => (node === null ? null : nodeId(node));
const ids = (...numbers: number[]): NodeId[] => numbers.map(nodeId);

afterEach(() => plant());

/** One partition of nodes 1 and 2, then of 1 and 3; nodes 1 to 4 are members and voters. */
const BEFORE: Placement = { replicas: ids(1, 2), groupEpoch: groupEpoch(1) };
const MOVED = moved(BEFORE, { leaves: nodeId(2), comes: nodeId(3) }, viewEpoch(2));
const FIRST = viewOf(4, 2);

interface Given {
  readonly placement?: Placement;
  readonly epoch?: number;
  /** An operation on node 3. */
  readonly wish?: OperationKind;
  readonly replicationFactor?: number;
}

function viewWith({ placement = MOVED, epoch = 2, wish, replicationFactor = 2 }: Given = {}): View {
  const wishes = wish === undefined ? [] : [{ id: "0".repeat(32), epoch: viewEpoch(1), kind: wish, node: nodeId(3) }];
  return {
    ...FIRST,
    epoch: viewEpoch(epoch),
    replicationFactor,
    members: FIRST.members.map((member, index) => ({ ...member, id: nodeId(index + 1) })),
    voters: ids(1, 2, 3, 4),
    partitions: [placement],
    ledger: { wishes, done: [], forgotten: 0 },
  };
}

const planned = (view: View, asked: Partial<Asked>, deaf: readonly number[] = [3]): View | null =>
  plannedView(encodedView(view), {
    wishing: [],
    operations: [],
    mayVote: (node) => !deaf.includes(node),
    isLost: (node) => deaf.includes(node),
    ...asked,
  });

const vouchedBy = (...nodes: number[]): Pick<Asked, "vouched"> => ({ vouched: new Map([[P, ids(...nodes)]]) });

const following = (view: View, placement: Placement): EncodedView =>
  encodedView({
    ...view,
    epoch: viewEpoch(view.epoch + 1),
    previousDigest: encodedView(view).digest,
    partitions: [placement],
  });
const faultOf = (view: View, placement: Placement): string | null =>
  successorFault(encodedView(view), following(view, placement));

describe("who is asked to vouch", () => {
  test("replicas of a group without a majority but with the newcomer, which is to give its replicas away", () => {
    expect(wantsVouches(viewWith({ wish: "drain" }), MOVED)).toBe(true);
    expect(wantsVouches(viewWith({ wish: "heal" }), MOVED)).toBe(true);
    expect(wantsVouches(viewWith(), MOVED)).toBe(false);
    expect(wantsVouches(viewWith({ wish: "rebalance" }), MOVED)).toBe(false);
  });

  test("nobody, once the newcomer is recorded as ready, or while others are a majority", () => {
    const view = viewWith({ wish: "heal" });
    expect(wantsVouches(view, recording(MOVED, [{ node: nodeId(3), bad: 0 }]))).toBe(false);
    const grown = moved(BEFORE, { leaves: null, comes: nodeId(3) }, viewEpoch(2));
    expect(wantsVouches(view, grown)).toBe(false);
    const ofThree = moved({ ...BEFORE, replicas: ids(1, 2, 4) }, { leaves: nodeId(2), comes: nodeId(3) }, viewEpoch(2));
    expect(wantsVouches(view, ofThree)).toBe(false);
  });
});

describe("V8a: enough vouch", () => {
  test("when every majority has one of them", () => {
    expect(areEnough(MOVED, ids(1))).toBe(true);
    expect(areEnough(MOVED, ids(3))).toBe(true);
    expect(areEnough(MOVED, ids(2))).toBe(false);
    expect(areEnough({ ...MOVED, replicas: ids(1, 2, 3) }, ids(1))).toBe(false);
    expect(areEnough({ ...MOVED, replicas: ids(3) }, [])).toBe(false);
  });

  test("planted V8.too-few: an epoch is void though nobody vouched", () => {
    const view = viewWith({ wish: "drain" });
    expect(planned(view, vouchedBy())).toBeNull();
    plant("V8.too-few");
    expect(planned(view, vouchedBy())?.partitions[0]?.groupEpoch).toBe(3);
  });
});

describe("V8b: the next view", () => {
  test("names the group before once more, and goes on with it where nothing is asked for", () => {
    expect(planned(viewWith({ wish: "heal" }), vouchedBy(1))?.partitions).toEqual([
      { replicas: ids(1, 2), groupEpoch: 3, previous: { groupEpoch: 1, replicas: ids(1, 2) } },
    ]);
  });

  test("moves as if the newcomer had never come, where that is asked for", () => {
    const view = viewWith({ wish: "heal" });
    const { wishes } = view.ledger as NonNullable<View["ledger"]>;
    const away = { id: "1".repeat(32), epoch: viewEpoch(1), kind: "drain", node: nodeId(2) } as const;
    const both: View = { ...view, ledger: { wishes: [...wishes, away], done: [], forgotten: 0 } };
    expect(planned(both, vouchedBy(1))?.partitions).toEqual([
      { replicas: ids(1, 4), groupEpoch: 3, previous: { groupEpoch: 1, replicas: ids(1, 2) } },
    ]);
  });

  test("waits until the group before can be asked", () => {
    expect(planned(viewWith({ wish: "heal" }), vouchedBy(1), [2, 3])?.partitions ?? [MOVED]).toEqual([MOVED]);
  });

  test("records nobody as ready whose epoch it ends", () => {
    const ready = new Map([[P, [{ node: nodeId(1), bad: 0 }]]]);
    expect(planned(viewWith({ wish: "heal" }), { ...vouchedBy(1), ready })?.partitions[0]?.ready).toBeUndefined();
  });

  test("is made void in its turn, and the same group is named", () => {
    const again = planned(viewWith({ wish: "heal" }), vouchedBy(1)) as View;
    const next = moved(BEFORE, { leaves: nodeId(2), comes: nodeId(4) }, viewEpoch(3));
    const view: View = { ...again, partitions: [next] };
    const away = { id: "1".repeat(32), epoch: viewEpoch(1), kind: "heal", node: nodeId(4) } as const;
    const lost: View = { ...view, ledger: { wishes: [away], done: [], forgotten: 0 } };
    expect(planned(lost, vouchedBy(1), [4])?.partitions[0]).toMatchObject({
      groupEpoch: 4,
      previous: { groupEpoch: 1, replicas: ids(1, 2) },
    });
  });

  test("move V8: is a legal next one of the group before, and only of that", () => {
    const view = viewWith();
    const next = (leaves: number | null, comes: number | null, of: Placement = BEFORE): string | null =>
      faultOf(view, moved(of, { leaves: idOrNull(leaves), comes: idOrNull(comes) }, viewEpoch(3)));
    expect(next(2, 4)).toBeNull();
    expect(next(2, 3)).toBeNull();
    expect(next(null, null)).toBeNull();
    expect(next(2, null)).toMatch(/1 replicas, and 2 are wanted/);
    expect(next(null, 4, { ...BEFORE, replicas: ids(1) })).toMatch(/does not name the group before it/);
    expect(next(1, 4, { ...BEFORE, replicas: ids(2, 3) })).toMatch(/more than one|does not name/);
    const finished = recording(
      MOVED,
      [1, 3].map((node) => ({ node: nodeId(node), bad: 0 })),
    );
    expect(
      faultOf({ ...view, partitions: [finished] }, moved(BEFORE, { leaves: null, comes: null }, viewEpoch(3))),
    ).not.toBeNull();
  });

  test("move V8: a group of three is never named again: all of its replicas need not have been ready", () => {
    const three: Placement = { replicas: ids(1, 2, 4), groupEpoch: groupEpoch(1) };
    const before = viewWith({
      placement: moved(three, { leaves: nodeId(4), comes: nodeId(3) }, viewEpoch(2)),
      replicationFactor: 3,
    });
    expect(faultOf(before, moved(three, { leaves: null, comes: null }, viewEpoch(3)))).not.toBeNull();
  });
});

describe("a lost newcomer", () => {
  test("is healed when a group waits for it that could go on without it", () => {
    const next = planned(viewWith(), { lost: ids(3) });
    expect(isHealed(next as View, nodeId(3))).toBe(true);
    expect(planned(viewWith(), { lost: ids(3) }, [2, 3])).toBeNull();
  });

  test("whose disk is gone gives way to the node at its address", () => {
    const view = viewWith();
    const member = { ...(view.members[2] as View["members"][number]), id: nodeId(9) };
    const wishing = [
      { kind: "join-wish", member, operation: "2".repeat(32), epoch: view.epoch, digest: encodedView(view).digest },
    ] as const;
    const healed = planned(view, { wishing }) as View;
    expect(isHealed(healed, nodeId(3))).toBe(true);
    const undone = planned(healed, { wishing, ...vouchedBy(1) }) as View;
    expect(undone.partitions[0]).toMatchObject({ replicas: ids(1, 2), groupEpoch: 4 });
    expect(planned(undone, { wishing })?.members.map(({ id }) => id)).toEqual([1, 2, 4, 9]);
  });
});

/** Node 1 over its lives, in the views of that partition. */
class Node {
  readonly storage = new MemoryStorage();
  readonly entries: NodeEntry[] = [];
  core: Core;
  private now = 0;

  constructor(first: View = viewWith({ placement: BEFORE, epoch: 1 })) {
    this.core = this.start(encodedView(first));
  }

  start(newest: EncodedView): Core {
    this.core = new Core({
      self: nodeId(1),
      newest,
      encode: encodedView,
      table: (of) => this.storage.table(of),
      restored: this.entries.filter(({ kind }) => kind !== "begun" && kind !== "dropped"),
      firstAttempt: 1,
      round: duration(200),
      now: instant(0),
    });
    return this.core;
  }

  learn(decided: EncodedView): Outgoing {
    return this.hear(2, { kind: "view-news", decided });
  }

  hear(from: number, message: NodeMessage): Outgoing {
    return this.step({ kind: "message", from: nodeId(from), message: message as never });
  }

  /** Messages about copies that leave at the end of a round, to node 2. */
  round(): { readonly durable: NodeMessage[]; readonly now: NodeMessage[] } {
    this.now += 1_000;
    const out = this.step({ kind: "wake" });
    const of = (sink: Outgoing["sendNow"]): NodeMessage[] => {
      const found: NodeMessage[] = [];
      sink.each((to, message) => {
        if (message.kind === "copies-ready" && to === nodeId(2)) found.push(message);
      });
      return found;
    };
    return { durable: of(out.sendDurable), now: of(out.sendNow) };
  }

  get serves(): boolean {
    return this.core.partitions.has(P);
  }

  private step(input: Parameters<Core["step"]>[1]): Outgoing {
    const out = new Outgoing();
    this.core.step(instant(this.now), input, out);
    this.entries.push(...out.entries);
    return out;
  }
}

const B = ballot(groupEpoch(2), 1, nodeId(3));
const chain = (...views: readonly Given[]): readonly EncodedView[] => {
  const all: EncodedView[] = [];
  for (const given of views) {
    const view = viewWith({ epoch: all.length + 1, ...given });
    all.push(encodedView({ ...view, previousDigest: all.at(-1)?.digest ?? "" }));
  }
  return all;
};
const [FOUNDED, MOVES, HEALS] = chain({ placement: BEFORE }, {}, { wish: "heal" }) as [
  EncodedView,
  EncodedView,
  EncodedView,
];

function inHeals(...before: readonly NodeMessage[]): Node {
  const node = new Node(FOUNDED.view);
  node.round();
  node.learn(MOVES);
  for (const message of before) node.hear(3, message);
  node.learn(HEALS);
  return node;
}

const VOUCHED = [{ partition: P, groupEpoch: 2 }];
const question = { partition: P, ballot: B, attempt: attempt(3) } as const;

describe("a replica", () => {
  test("partitions V8: vouches once it is asked, answers nothing from then on, and tells all voters each round", () => {
    const node = inHeals({ kind: "prepare", partition: P, ballot: B });
    expect(node.serves).toBe(false);
    for (const _ of [1, 2]) expect(node.round().durable).toMatchObject([{ ready: [], vouched: VOUCHED }]);
  });

  test.each<NodeMessage>([
    { kind: "recover", ...question, key: K },
    { kind: "reserve", ...question, reservation: 10 as never, floor: 0 as never },
    { kind: "confirm", ...question },
    { kind: "ask-tombstone", ...question, key: K, timestamp: { ballot: B, seq: 1 } },
    { kind: "purge", ...question, key: K, timestamp: { ballot: B, seq: 1 } },
  ])("that accepted a $kind of the epoch vouches for nothing, also in its next life", (message) => {
    const node = inHeals(message);
    expect(node.serves).toBe(true);
    node.start(HEALS);
    node.round();
    expect(node.round().durable).toMatchObject([{ vouched: [] }]);
    expect(node.serves).toBe(true);
  });

  test("planted V8.accepted: vouches all the same", () => {
    plant("V8.accepted");
    expect(inHeals({ kind: "recover", ...question, key: K }).round().durable).toMatchObject([{ vouched: VOUCHED }]);
  });

  test("planted V8.told-early: tells it before the sync", () => {
    const node = inHeals();
    expect(node.round().now).toEqual([]);
    plant("V8.told-early");
    expect(node.round().now).toMatchObject([{ vouched: VOUCHED }]);
  });

  test("stays silent in its next life, though the newcomer is back and nobody is asked any more", () => {
    const node = inHeals();
    const [, , , back] = chain({ placement: BEFORE }, {}, { wish: "heal" }, {}) as EncodedView[];
    node.learn(back as EncodedView);
    node.start(back as EncodedView);
    node.round();
    expect(node.serves).toBe(false);
    expect(node.round().durable).toMatchObject([{ vouched: VOUCHED }]);
  });

  test("planted V8.lost: answers again in its next life", () => {
    plant("V8.lost");
    const node = inHeals();
    node.start(encodedView({ ...viewWith({ epoch: 4 }), previousDigest: HEALS.digest }));
    node.round();
    expect(node.serves).toBe(true);
  });

  test("keeps what it holds when the group before goes on, and serves at once", () => {
    const node = inHeals();
    const next = planned(HEALS.view, vouchedBy(1)) as View;
    node.learn(encodedView({ ...next, previousDigest: HEALS.digest }));
    expect(node.core.partitions.get(P)?.group).toMatchObject({ epoch: 4, replicas: ids(1, 2) });
    expect(node.entries.filter(({ kind }) => kind === "begun")).toEqual([]);
    expect(node.entries.findLast(({ kind }) => kind === "sealed")).toMatchObject({ epoch: 4, stays: true });
  });

  test("answers again once all are recorded as ready: then the epoch can be void no more", () => {
    const node = inHeals();
    const finished = recording(
      MOVED,
      [1, 3].map((id) => ({ node: nodeId(id), bad: 0 })),
    );
    const [, , , after] = chain({ placement: BEFORE }, {}, { wish: "heal" }, { placement: finished }) as EncodedView[];
    node.learn(after as EncodedView);
    expect(node.core.partitions.get(P)?.group.epoch).toBe(2);
    expect(node.round().durable).toEqual([]);
    node.start(after as EncodedView);
    node.round();
    expect(node.serves).toBe(true);
  });
});

test("a voter counts who vouches for the group that the newest view names, until that is another one", () => {
  const vouches = new HeardVouches();
  const say = (node: number, epoch: number): void =>
    vouches.heard(
      nodeId(node),
      {
        kind: "copies-ready",
        epoch: viewEpoch(2),
        ready: [],
        vouched: [{ partition: P, groupEpoch: groupEpoch(epoch) }],
      },
      viewWith(),
    );
  say(2, 2);
  say(1, 1);
  expect(vouches.all.size).toBe(0);
  say(1, 2);
  say(1, 2);
  expect(vouches.all.get(P)).toEqual([1]);
  vouches.advance(viewWith({ epoch: 3 }), viewWith());
  expect(vouches.all.get(P)).toEqual([1]);
  vouches.advance(viewWith({ epoch: 4, placement: BEFORE }), viewWith());
  expect(vouches.all.size).toBe(0);
});
