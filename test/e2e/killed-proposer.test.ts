/**
 * The proposer of a view is killed at each step of a decision (kill -9), in clusters of real processes. A pause point
 * finds the step (test/pauses/pausing-node.mjs). Among three the others go on without it. Among two nothing is decided
 * until it is started again. Either way the operation ends, and is found done once.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Operation, OperationState } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { viewOf, WITHIN_MS } from "./growing-cluster.js";
import { Cluster, eventually, type Node, ROOT } from "./harness.js";

const PARTITIONS = 4;
const PROGRAM = join(ROOT, "test/pauses/pausing-node.mjs");
/** At the first two it is a candidate for the view after the one that the operation made. */
const STEPS = ["promised", "prepared", "asked", "voted", "decided", "told"] as const;
const BEFORE_A_VIEW: readonly string[] = ["promised", "prepared"];

let folder: string;
let cluster: Cluster | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "onar-proposer-"));
});
afterEach(async () => {
  await cluster?.stop();
  cluster = null;
  rmSync(folder, { recursive: true, force: true });
});

interface Asked {
  readonly operationId: Buffer;
  readonly epoch: bigint;
  readonly nodeId: number;
}

const newAsked = async (at: Node, nodeId: number): Promise<Asked> => {
  const { epoch } = await viewOf(at);
  return { operationId: randomBytes(16), epoch, nodeId };
};

/** Asks these nodes until one says that it is done; calls that its killed node or a wait for it ends are made again. */
const doneAt = (nodes: readonly Node[], asked: Asked): Promise<Operation> =>
  eventually("the operation is done", WITHIN_MS, () =>
    Promise.any(
      nodes.map(async ({ clients }) => {
        const { operation } = await clients.cluster.transferWriter({ ...asked, partitions: [0] });
        if (operation?.state !== OperationState.DONE) throw new Error(`it is ${operation?.state}`);
        return operation;
      }),
    ),
  );

/** The node that comes to the step while the nodes are asked for the operation. */
async function pausedAt({ nodes }: Cluster, step: string, asked: Asked, orders: string): Promise<Node> {
  writeFileSync(orders, `${step} ${asked.epoch + (BEFORE_A_VIEW.includes(step) ? 1n : 0n)}`);
  const over = new AbortController();
  for (const { clients } of nodes)
    void clients.cluster.transferWriter({ ...asked, partitions: [0] }, { signal: over.signal }).catch(() => {});
  try {
    return await eventually(`a node pauses at ${step}`, WITHIN_MS, () =>
      nodes.find(({ process }) => process.lines.includes(`paused at ${step}`)),
    );
  } finally {
    over.abort();
  }
}

async function expectDoneOnce({ nodes }: Cluster, { operationId, epoch, nodeId }: Asked): Promise<void> {
  const { epoch: newest } = await viewOf(nodes[0] as Node);
  const told: unknown[] = [];
  for (const node of nodes) {
    const operation = await eventually("it is known here", WITHIN_MS, async () => {
      const answer = await node.clients.cluster.getOperation({ operationId, epoch });
      return answer.operation?.state === OperationState.DONE ? answer.operation : undefined;
    });
    told.push(operation.doneEpoch);
    const { operations } = await node.clients.cluster.listOperations({});
    expect(operations.filter(({ id }) => id.equals(operationId))).toHaveLength(1);
    expect((await viewOf(node)).partitions[0]).toMatchObject({ groupEpoch: 1n });
    // Asked once more it does not run again.
    const again = await node.clients.cluster.transferWriter({ operationId, epoch, nodeId, partitions: [0] });
    expect(again.operation).toEqual(operation);
  }
  // In the view after the one that it was computed on, and in no other.
  expect(new Set(told)).toEqual(new Set([epoch + 1n]));
  expect((await viewOf(nodes[0] as Node)).epoch).toBe(newest);
}

describe.each([
  { size: 3, how: "another proposer ends the operation" },
  { size: 2, how: "the operation ends once it is started again" },
])("in a cluster of $size a proposer that is killed at any step holds nothing up for good:", ({ size, how }) => {
  test(how, async () => {
    const orders = join(folder, "pause-at");
    const env = { ONAR_PAUSE_AT: orders };
    const options = { nodes: size, replicas: size, partitions: PARTITIONS, data: folder, program: PROGRAM };
    const started = await Cluster.start({ ...options, env: () => env });
    cluster = started;
    const { nodes } = started;
    for (const [index, step] of STEPS.entries()) {
      const first = nodes[index % size] as Node;
      const asked = await newAsked(first, first.id);
      const victim = await pausedAt(started, step, asked, orders);
      expect(existsSync(orders)).toBe(false);
      const others = nodes.filter((node) => node !== victim);
      // The paused node is a candidate for the next view. The others may not know the one before yet.
      const meant = BEFORE_A_VIEW.includes(step) ? ((await laterOf(others, asked)) ?? asked) : asked;
      await victim.process.kill();
      // The calls made before its end wait at the others, and go on.
      const waiting = size === 2 ? doneAt(others, meant) : null;
      if (size > 2) await doneAt(others, meant);
      victim.restart();
      await started.ready();
      await waiting;
      if (meant !== asked) await expectDoneOnce(started, asked);
      await expectDoneOnce(started, meant);
    }
  }, 240_000);
});

/** How long a view may be on its way that the paused node has told. */
const TOLD_WITHIN_MS = 5_000;

/** Another operation, computed on the view that the first one made; null: that view has not left the paused node. */
const laterOf = (nodes: readonly Node[], { epoch, nodeId }: Asked): Promise<Asked | null> =>
  eventually("the view before is known", TOLD_WITHIN_MS, async () => {
    for (const node of nodes) {
      const asked = await newAsked(node, nodes.find(({ id }) => id !== nodeId)?.id ?? nodeId);
      if (asked.epoch > epoch) return asked;
    }
    return undefined;
  }).catch(() => null);
