/** Operations that are under way together: whatever is asked for meanwhile, and in whatever order, all of them end. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type NodeId, nodeId, type Partition, partition } from "../../../../src/core/model/ids.js";
import type { EncodedView } from "../../../../src/core/view/encoded-view.js";
import { unready } from "../../../../src/core/view/move.js";
import { ledgerOf, operationFault, type ViewOperation } from "../../../../src/core/view/operation.js";
import { plannedView } from "../../../../src/core/view/planner.js";
import { successorFault } from "../../../../src/core/view/successor.js";
import type { ReadyReplica } from "../../../../src/core/view/view.js";
import { nextMoves } from "../../../../src/core/view/wished-moves.js";
import { encoded } from "../../../views/views.js";
import { cluster } from "./ways.js";

/** So few that operations are under way for long, and meet each other. */
const CAPS = { perNode: 2, perCluster: 4 };

/** Asked for once so many more views were decided. */
interface Step {
  readonly after: number;
  readonly kind: "resize" | "drain" | "rebalance" | "remove" | "heal";
  readonly node: number;
  readonly replicas: number;
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  after: fc.nat({ max: 6 }),
  kind: fc.constantFrom("resize", "drain", "rebalance", "remove", "heal"),
  node: fc.integer({ min: 1, max: 7 }),
  replicas: fc.integer({ min: 1, max: 5 }),
});

function operationOf({ kind, node, replicas }: Step, of: EncodedView, at: number): ViewOperation | null {
  const base = { id: at.toString(16).padStart(32, "0"), epoch: of.view.epoch, node: nodeId(node) };
  if (kind === "heal") return null;
  return kind === "resize" ? { kind: "set-replication", ...base, replicas } : { kind, ...base };
}

/** The views in order, until nothing more is planned and nothing is left to ask. */
function played(first: EncodedView, steps: readonly Step[]): EncodedView {
  let now = first;
  let next = 0;
  for (let since = 0, views = 0; views < 2_000; views++, since++) {
    const step = steps[next];
    const asks = step !== undefined && since >= step.after;
    if (asks) {
      next++;
      since = 0;
    }
    const operation = asks ? operationOf(step, now, next) : null;
    const may = operation !== null && operationFault(now.view, operation) === null;
    const lost: NodeId[] = asks && step.kind === "heal" ? [nodeId(step.node)] : [];
    const ready = new Map<Partition, readonly ReadyReplica[]>();
    for (const [index, placement] of now.view.partitions.entries()) {
      const told = unready(placement).map((node) => ({ node, bad: 0 }));
      if (told.length > 0) ready.set(partition(index), told);
    }
    const planned = plannedView(now, {
      wishing: [],
      operations: may ? [operation] : [],
      mayVote: () => true,
      isLost: () => false,
      lost,
      isBack: () => next >= steps.length,
      ready,
      moves: nextMoves(now.view, CAPS),
    });
    if (planned === null) {
      if (next >= steps.length) return now;
      continue;
    }
    const after = encoded(planned);
    expect(successorFault(now, after)).toBeNull();
    now = after;
  }
  throw new Error("it does not end");
}

test("all of them end, and each group has its replicas", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 7 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(anyStep, { minLength: 1, maxLength: 6 }),
      (nodes, factor, steps) => {
        const { view } = played(cluster(nodes, factor, 16), steps);
        expect(ledgerOf(view).wishes).toEqual([]);
        for (const { replicas, previous } of view.partitions) {
          expect(previous).toBeUndefined();
          expect(replicas.length).toBe(view.replicationFactor);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a group that has too few replicas, one of them on a node that is drained, while replicas are spread evenly", () => {
  const steps: readonly Step[] = [
    { after: 0, kind: "resize", node: 1, replicas: 2 },
    { after: 8, kind: "drain", node: 4, replicas: 0 },
    { after: 0, kind: "rebalance", node: 1, replicas: 0 },
    { after: 0, kind: "resize", node: 1, replicas: 3 },
  ];
  const { view } = played(cluster(4, 1, 16), steps);
  expect(ledgerOf(view).wishes).toEqual([]);
  expect(view.partitions.every(({ replicas }) => replicas.length === 3)).toBe(true);
});
