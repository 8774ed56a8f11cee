/** Lost members: whom a voter takes for one, and how others get their replicas. */
import { afterEach, describe, expect, test } from "vitest";
import { duration, instant } from "../../../../src/base/time.js";
import { type NodeId, nodeId } from "../../../../src/core/model/ids.js";
import type { EncodedView } from "../../../../src/core/view/encoded-view.js";
import { isHealed, ledgerOf, operationFault } from "../../../../src/core/view/operation.js";
import { type Asked, plannedView } from "../../../../src/core/view/planner.js";
import { Suspicion } from "../../../../src/core/view/suspicion.js";
import { preferredOf, type View } from "../../../../src/core/view/view.js";
import { isEmptied } from "../../../../src/core/view/wished-moves.js";
import { plant } from "../../../planted/planted.js";
import { encoded } from "../../../views/views.js";
import { cluster, follow, keptBy, last } from "./ways.js";

afterEach(() => plant());

const ROUND_MS = 200;
const REPLACE_AFTER_MS = 10_000;

/** Node 1 as one of the voters. `silent`: pairs [voter, member], of which the first does not hear the second. */
class Watch {
  silent: readonly (readonly [number, number])[] = [];
  private now = 0;
  private readonly suspicion: Suspicion;

  constructor(public view: View) {
    const hears = (node: NodeId, other: NodeId): boolean =>
      !this.silent.some(([voter, member]) => voter === node && member === other);
    const self = nodeId(1);
    this.suspicion = new Suspicion({
      self,
      detector: { hears: (node) => hears(self, node) },
      heartbeats: { hears },
      replaceAfter: duration(REPLACE_AFTER_MS),
    });
  }

  passes(ms: number, step = ROUND_MS): this {
    for (let passed = 0; passed < ms; passed += step) {
      this.now += step;
      this.suspicion.roundEnded(instant(this.now), this.view);
    }
    return this;
  }

  get lost(): readonly NodeId[] {
    return this.suspicion.lost(this.view);
  }
}

/** None of the others hears these. */
const dead = (view: View, ...nodes: readonly number[]): (readonly [number, number])[] =>
  nodes.flatMap((node) => view.members.filter(({ id }) => !nodes.includes(id)).map(({ id }) => [id, node] as const));

const withVoters = (of: EncodedView, voters: readonly number[]): EncodedView =>
  encoded({ ...of.view, voters: voters.map(nodeId) });

describe("a member is lost", () => {
  const five = withVoters(cluster(5, 3, 16), [1, 2, 3, 4, 5]).view;

  test("suspicion S1: once a majority of the voters has not heard it for long enough, and no sooner", () => {
    const watch = new Watch(five);
    watch.silent = dead(five, 4);
    expect(watch.passes(REPLACE_AFTER_MS).lost).toEqual([]);
    expect(watch.passes(ROUND_MS).lost).toEqual([4]);
  });

  test("not while only a minority of the voters misses it", () => {
    const watch = new Watch(five);
    watch.silent = [
      [1, 4],
      [2, 4],
    ];
    expect(watch.passes(2 * REPLACE_AFTER_MS).lost).toEqual([]);
    plant("S1.one-voter");
    expect(watch.passes(2 * REPLACE_AFTER_MS).lost).toEqual([4]);
  });

  test("suspicion S2: never as one of a whole side of a cut: half of the members or more", () => {
    const six = withVoters(cluster(6, 3, 16), [1, 2, 3]).view;
    const watch = new Watch(six);
    watch.silent = dead(six, 4, 5, 6);
    expect(watch.passes(10 * REPLACE_AFTER_MS).lost).toEqual([]);
    plant("S2.whole-side");
    expect(watch.lost).toEqual([4, 5, 6]);
  });

  test("together with another one, as long as more than half are heard", () => {
    const watch = new Watch(five);
    watch.silent = dead(five, 4, 5);
    expect(watch.passes(REPLACE_AFTER_MS + ROUND_MS).lost).toEqual([4, 5]);
  });

  test("not when it comes and goes: each time that it is heard the time begins anew", () => {
    const watch = new Watch(five);
    for (let i = 0; i < 20; i++) {
      watch.silent = dead(five, 4);
      expect(watch.passes(REPLACE_AFTER_MS).lost).toEqual([]);
      watch.silent = [];
      watch.passes(ROUND_MS);
    }
  });

  test("after the time that the newest view says; from 0 on never, and counted anew when it says another time", () => {
    const watch = new Watch({ ...five, settings: { replaceAfterMs: 1_000 } });
    watch.silent = dead(five, 4);
    expect(watch.passes(1_000).lost).toEqual([]);
    expect(watch.passes(ROUND_MS).lost).toEqual([4]);
    watch.view = { ...five, settings: { replaceAfterMs: 0 } };
    expect(watch.lost).toEqual([]);
    expect(watch.passes(REPLACE_AFTER_MS).lost).toEqual([]);
    watch.view = { ...five, settings: { replaceAfterMs: 1_000 } };
    expect(watch.passes(1_000).lost).toEqual([]);
    expect(watch.passes(ROUND_MS).lost).toEqual([4]);
  });

  test("not because this node stood still meanwhile", () => {
    const watch = new Watch(five);
    watch.silent = dead(five, 4);
    watch.passes(1_000);
    expect(watch.passes(3_600_000, 3_600_000).lost).toEqual([]);
  });
});

describe("healing", () => {
  const alive =
    (...gone: readonly number[]) =>
    (node: NodeId): boolean =>
      !gone.includes(node);
  const healedOf = (first: EncodedView, ...gone: readonly number[]): View =>
    last(follow(first, { lost: gone.map(nodeId) }, alive(...gone)));
  const offices = (view: View, id: number): number =>
    view.partitions.filter((placement) => preferredOf(placement) === id).length;

  test("gives all replicas of a lost member to others, and its vote; the member stays one", () => {
    const first = withVoters(cluster(5, 3, 32), [1, 2, 3]);
    const view = healedOf(first, 2);
    expect(isEmptied(view.partitions, nodeId(2))).toBe(true);
    expect(view.members).toHaveLength(5);
    expect(view.voters).not.toContain(2);
    expect(view.voters.length % 2).toBe(1);
    expect(isHealed(view, nodeId(2))).toBe(true);
    const kept = [1, 3, 4, 5].map((id) => keptBy(view, id));
    expect(Math.max(...kept) - Math.min(...kept)).toBeLessThanOrEqual(1);
  });

  test("goes on for a zone of three: every partition has three replicas in the two zones that are left", () => {
    const first = withVoters(
      cluster(9, 3, 64, 0, (id) => `z${id % 3}`),
      [1, 2, 3, 4, 5, 6, 7],
    );
    const view = healedOf(first, 3, 6, 9);
    for (const { replicas, previous } of view.partitions) {
      expect(previous).toBeUndefined();
      expect(replicas.filter((node) => node % 3 === 0)).toEqual([]);
    }
  });

  test("touches no group of which no ready majority is heard: two that are lost at once", () => {
    const first = withVoters(cluster(7, 3, 64), [1, 2, 3, 4, 5, 6, 7]);
    const both = (view: View): number[] =>
      [...view.partitions.keys()].filter((p) =>
        [2, 3].every((node) => view.partitions[p]?.replicas.includes(nodeId(node))),
      );
    expect(both(first.view).length).toBeGreaterThan(0);
    const view = healedOf(first, 2, 3);
    expect(both(view)).toEqual(both(first.view));
    for (const p of both(view)) expect(view.partitions[p]).toEqual(first.view.partitions[p]);
    expect(keptBy(view, 2)).toBe(both(view).length);
    plant("V5.gives-up-unheard");
    expect(both(healedOf(first, 2, 3))).toEqual([]);
  });

  test("does not begin where too few others are left, nor with one or two replicas", () => {
    for (const first of [cluster(3, 3, 8), cluster(5, 2, 8), cluster(5, 1, 8)]) {
      const view = healedOf(withVoters(first, [1, 2, 3]), 2);
      expect(isHealed(view, nodeId(2))).toBe(false);
      expect(view.partitions).toEqual(first.view.partitions);
    }
  });

  test("ends when the member is heard again, which then gets its share", () => {
    const first = withVoters(cluster(5, 3, 32), [1, 3, 4]);
    const healed = healedOf(first, 2);
    const begun = plannedView(encoded(healed), {
      wishing: [],
      operations: [],
      mayVote: () => true,
      isLost: () => false,
      isBack: () => true,
    }) as View;
    expect(isHealed(begun, nodeId(2))).toBe(false);
    expect(ledgerOf(begun).done.map(({ kind }) => kind)).toContain("heal");
    const view = last(follow(encoded(begun), {}));
    expect(keptBy(view, 2)).toBeGreaterThanOrEqual(19);
    expect(offices(view, 2)).toBeGreaterThanOrEqual(6);
    expect(ledgerOf(view).wishes).toEqual([]);
  });

  test("ends when people remove the member, or let it leave", () => {
    for (const kind of ["remove", "leave"] as const) {
      const healed = encoded(healedOf(withVoters(cluster(5, 3, 32), [1, 3, 4]), 2));
      const operation = { kind, id: "c".repeat(32), epoch: healed.view.epoch, node: nodeId(2) };
      expect(operationFault(healed.view, operation)).toBeNull();
      const view = last(follow(healed, operation, alive(2)));
      expect(view.members.map(({ id }) => id)).toEqual([1, 3, 4, 5]);
      expect(ledgerOf(view).wishes).toEqual([]);
    }
  });

  test("asks nobody: the view that begins it is the same whoever works it out", () => {
    const first = withVoters(cluster(5, 3, 8), [1, 2, 3]);
    const asked: Asked = {
      wishing: [],
      operations: [],
      mayVote: alive(2),
      isLost: () => false,
      lost: [nodeId(2)],
    };
    expect(plannedView(first, asked)).toEqual(plannedView(first, asked));
    expect(ledgerOf(plannedView(first, asked) as View).wishes).toMatchObject([{ kind: "heal", node: 2, epoch: 1 }]);
  });
});
