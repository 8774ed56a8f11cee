/** Operations by calls, on a cluster of nodes in this process. test/e2e/operations.test.ts does the same under load. */
import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { OperationState, type View } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { type OnarNode, startNode } from "../../../src/index.js";
import { MAX_WATCHERS } from "../../../src/rpc/services/operations.js";
import { errorOf, NodeClients } from "../../e2e/clients.js";

const HOST = "127.0.0.1";
const PARTITIONS = 8;
const WITHIN_MS = 30_000;

interface Member {
  readonly node: OnarNode;
  readonly clients: NodeClients;
}

const running: Member[] = [];
/** Why nodes ended by themselves. */
const ended: string[] = [];
afterEach(async () => {
  for (const { node, clients } of running.splice(0)) {
    clients.close();
    await node.kill();
  }
});

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, HOST, () => {
      const address = server.address();
      server.close(() => resolve(address === null || typeof address === "string" ? 0 : address.port));
    });
  });

function member(node: OnarNode): Member {
  const one = { node, clients: new NodeClients(node.clientAddress) };
  running.push(one);
  return one;
}

async function founded(count: number, replicationFactor: number): Promise<readonly Member[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  const join = ports.map((port) => `${HOST}:${port}`);
  const options = { listen: `${HOST}:0`, expect: count, partitions: PARTITIONS, replicationFactor, memory: true, join };
  return (await Promise.all(join.map((peerListen) => startNode({ ...options, peerListen })))).map(member);
}

const joined = async (to: Member): Promise<Member> =>
  member(
    await startNode({
      ...{ listen: `${HOST}:0`, peerListen: `${HOST}:0`, memory: true, rebalance: false, join: [to.node.peerAddress] },
      onFatal: ({ message }) => ended.push(message),
    }),
  );

async function viewOf({ clients }: Member): Promise<View> {
  const { view } = await clients.cluster.getView({});
  if (view === undefined) throw new Error("no view");
  return view;
}

async function until<T>(what: string, look: () => Promise<T | null> | T | null): Promise<T> {
  const end = performance.now() + WITHIN_MS;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > end) throw new Error(`not within ${WITHIN_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** All know one view, and nothing is about to change. */
const settled = (members: readonly Member[], voters: number): Promise<View> =>
  until(`${members.length} members, ${voters} voters`, async () => {
    // Not yet in a view.
    const views = await Promise.all(members.map(viewOf)).catch(() => []);
    const [first] = views;
    const same = views.every(({ epoch }) => epoch === first?.epoch);
    return same && first?.members.length === members.length && first.voters.length === voters ? first : null;
  });

const refusalOf = async (call: Parameters<typeof errorOf>[0]): Promise<string> => {
  const { info, message } = await errorOf(call);
  return `${info?.reason}: ${message}`;
};

test("a member without partitions leaves, and its node ends; who asked can watch it", { timeout: 60_000 }, async () => {
  const three = await founded(3, 3);
  const four = await joined(three[0] as Member);
  const { epoch } = await settled([...three, four], 3);
  const { cluster } = (three[1] as Member).clients;
  const operationId = randomBytes(16);
  const states: (OperationState | undefined)[] = [];
  const watch = (async () => {
    for await (const { operation } of (three[2] as Member).clients.cluster.watchOperation({ operationId, epoch }))
      states.push(operation?.state);
  })();
  const nodeId = four.node.id;
  const dry = await cluster.leave({ dryRun: true, nodeId });
  expect(dry.operation?.state).toBe(OperationState.POSSIBLE);
  expect(dry.view?.members).toHaveLength(3);
  const { operation } = await cluster.leave({ operationId, epoch, nodeId });
  expect(operation).toMatchObject({ state: OperationState.DONE, nodeId, epoch, doneEpoch: epoch + 1n });
  await watch;
  expect(states.at(-1)).toBe(OperationState.DONE);
  await settled(three, 3);
  expect((await cluster.listOperations({})).operations.map(({ state }) => state)).toEqual([
    // It joined, and left.
    OperationState.DONE,
    OperationState.DONE,
  ]);
  expect(await until("it ends", () => ended.pop() ?? null)).toContain("this node has left cluster");
});

test("of two operators at once one is superseded, and the same asked again does not run again", {
  timeout: 60_000,
}, async () => {
  const three = await founded(3, 3);
  const { epoch } = await settled(three, 3);
  const ids = [randomBytes(16), randomBytes(16)];
  const ask = (at: number, of: number) =>
    (three[at] as Member).clients.cluster.transferWriter({
      operationId: ids[of] ?? Buffer.alloc(0),
      epoch,
      nodeId: (three[of] as Member).node.id,
      partitions: [0, 1],
    });
  const states = async (answers: readonly ReturnType<typeof ask>[]) =>
    (await Promise.all(answers)).map(({ operation }) => operation?.state);
  const first = await states([ask(0, 0), ask(1, 1)]);
  expect(first.toSorted()).toEqual([OperationState.DONE, OperationState.SUPERSEDED]);
  expect((await settled(three, 3)).epoch).toBe(epoch + 1n);
  expect(await states([ask(2, 0), ask(2, 1)])).toEqual(first);
  expect((await settled(three, 3)).epoch).toBe(epoch + 1n);
  const done = first.indexOf(OperationState.DONE);
  const other = { operationId: ids[done] ?? Buffer.alloc(0), epoch, nodeId: (three[2] as Member).node.id, all: true };
  expect(await refusalOf((o) => (three[2] as Member).clients.cluster.transferWriter(other, o))).toContain(
    "belongs to another operation",
  );
});

test("writers follow the preferred replica in the group epoch that they have", { timeout: 60_000 }, async () => {
  const three = await founded(3, 3);
  const { epoch } = await settled(three, 3);
  const [, , third] = three as readonly [Member, Member, Member];
  const nodeId = third.node.id;
  const named = { operationId: randomBytes(16), epoch, nodeId, all: true };
  const { operation } = await (three[0] as Member).clients.cluster.transferWriter(named);
  expect(operation?.state).toBe(OperationState.DONE);
  await until("it writes everything", async () => {
    const { partitions } = await third.clients.cluster.status({});
    return partitions.every(({ writerNodeId }) => writerNodeId === nodeId) || null;
  });
  const view = await settled(three, 3);
  expect(view.partitions.every(({ groupEpoch }) => groupEpoch === 1n)).toBe(true);
  const { replicas } = await third.clients.cluster.locate({ target: { $case: "partition", value: 0 } });
  expect(replicas[0]?.id).toBe(nodeId);
});

test("what must not be is refused with its field or reason, and the view stays as it is", {
  timeout: 60_000,
}, async () => {
  const three = await founded(3, 3);
  const four = await joined(three[0] as Member);
  const before = await settled([...three, four], 3);
  const { epoch } = before;
  const { cluster: calls } = (three[0] as Member).clients;
  const [nodeId, keeps] = [four.node.id, (three[1] as Member).node.id];
  const operationId = randomBytes(16);
  const named = { operationId, epoch };
  expect(await refusalOf((o) => calls.leave({ epoch, nodeId }, o))).toMatch(/^OPERATION_ID_LENGTH: .*it has 0/);
  const long = { operationId: Buffer.alloc(17), epoch, nodeId };
  expect(await refusalOf((o) => calls.leave(long, o))).toContain("it has 17");
  expect(await refusalOf((o) => calls.leave({ operationId, nodeId }, o))).toContain("EPOCH_MISSING: epoch must be");
  expect(await refusalOf((o) => calls.leave({ operationId, epoch: epoch + 5n, nodeId }, o))).toContain("EPOCH_AHEAD");
  expect(await refusalOf((o) => calls.leave({ ...named, nodeId: 7 }, o))).toContain("node 7 is no member");
  expect(await refusalOf((o) => calls.leave({ ...named, nodeId: keeps }, o))).toContain(
    `keeps ${PARTITIONS} partitions`,
  );
  expect(await refusalOf((o) => calls.transferWriter({ ...named, nodeId: keeps }, o))).toContain("REQUEST_MISSING");
  const none = { ...named, nodeId, all: true };
  expect(await refusalOf((o) => calls.transferWriter(none, o))).toContain("keeps no partition");
  const outside = { ...named, nodeId: keeps, partitions: [PARTITIONS] };
  expect(await refusalOf((o) => calls.transferWriter(outside, o))).toContain("PARTITION_OUT_OF_RANGE");
  const peerAddress = (three[0] as Member).node.peerAddress;
  const newcomer = { id: 9, clientAddress: "h:1", peerAddress, zone: "" };
  expect(await refusalOf((o) => calls.join({ dryRun: true, member: newcomer }, o))).toContain("is the address of node");
  expect(await refusalOf((o) => calls.join({ ...named, member: newcomer }, o))).toContain("by its own wish");
  const [known] = before.members;
  expect(await refusalOf((o) => calls.join({ dryRun: true, member: known }, o))).toContain("is a member already");
  expect((await calls.getOperation({ operationId })).operation?.state).toBe(OperationState.UNKNOWN);
  const certain = await calls.getOperation({ operationId, epoch: epoch - 1n });
  expect(certain.operation?.state).toBe(OperationState.SUPERSEDED);
  const joining = await calls.join({ dryRun: true, member: { ...newcomer, peerAddress: "elsewhere:1" } });
  expect(joining.view?.members).toHaveLength(5);
  expect(await viewOf(three[0] as Member)).toEqual(before);
});

test("a drain tells keys and bytes that would move, and is refused where it cannot be; nothing moves by that", {
  timeout: 60_000,
}, async () => {
  const three = await founded(3, 3);
  const { kv, cluster: calls } = (three[0] as Member).clients;
  const nodeId = (three[1] as Member).node.id;
  await settled(three, 3);
  const value = Buffer.alloc(1_000);
  for (let i = 0; i < 40; i++) await kv.put({ key: Buffer.from(`key-${i}`), value });
  expect(await refusalOf((o) => calls.drain({ dryRun: true, nodeId }, o))).toContain(
    "2 other members could keep replicas, and each partition has 3",
  );
  const four = await joined(three[0] as Member);
  const before = await settled([...three, four], 3);
  const { epoch } = before;
  const named = { operationId: randomBytes(16), epoch };
  const byNodeId = (three[2] as Member).node.id;
  expect(await refusalOf((o) => calls.drain({ ...named, nodeId: 7 }, o))).toContain("node 7 is no member");
  expect(await refusalOf((o) => calls.replace({ ...named, nodeId, byNodeId: 7 }, o))).toContain("node 7 is no member");
  expect(await refusalOf((o) => calls.replace({ ...named, nodeId, byNodeId }, o))).toContain(
    `partition 0 has a replica on node ${byNodeId} already`,
  );
  expect(await refusalOf((o) => calls.replace({ ...named, nodeId, byNodeId: nodeId }, o))).toContain("its own place");
  expect(await refusalOf((o) => calls.remove({ ...named, nodeId: 7 }, o))).toContain("node 7 is no member");
  expect(await refusalOf((o) => calls.remove({ ...named, nodeId }, o))).toContain(
    `node ${nodeId} is heard: drain it, or use force`,
  );
  const { moves, operation } = await calls.drain({ dryRun: true, nodeId });
  expect(operation?.state).toBe(OperationState.POSSIBLE);
  expect(moves).toHaveLength(PARTITIONS);
  for (const { fromNodeId, toNodeId } of moves) expect([fromNodeId, toNodeId]).toEqual([nodeId, four.node.id]);
  expect(moves.reduce((sum, { keys }) => sum + Number(keys), 0)).toBe(40);
  const bytes = moves.reduce((sum, one) => sum + Number(one.bytes), 0);
  expect(bytes).toBeGreaterThan(40_000);
  expect(bytes).toBeLessThan(80_000);
  const old = await calls.drain({ ...named, epoch: epoch - 1n, nodeId });
  expect(old.operation?.state).toBe(OperationState.SUPERSEDED);
  expect(await viewOf(three[0] as Member)).toEqual(before);
});

test("none of two members leaves", { timeout: 60_000 }, async () => {
  const [one, two] = (await founded(2, 1)) as readonly [Member, Member];
  const { epoch } = await settled([one, two], 2);
  const leave = { operationId: randomBytes(16), epoch, nodeId: two.node.id };
  expect(await refusalOf((o) => one.clients.cluster.leave(leave, o))).toContain("OPERATION_REFUSED");
});

test("views are watched: the newest comes at once, then each newer one; streams are bounded", {
  timeout: 60_000,
}, async () => {
  const three = await founded(3, 3);
  const { epoch } = await settled(three, 3);
  const { cluster } = (three[1] as Member).clients;
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const epochs: bigint[] = [];
  const watch = async (seen: (epoch: bigint) => void): Promise<string> => {
    try {
      for await (const { view } of cluster.watchView({}, { signal: stop.signal })) seen(view?.epoch ?? 0n);
      return "ended";
    } catch (error) {
      return String(error);
    }
  };
  const first = watch((one) => epochs.push(one));
  await until("the newest view", () => epochs.length > 0 || null);
  const named = { operationId: randomBytes(16), epoch, nodeId: (three[2] as Member).node.id, all: true };
  await (three[0] as Member).clients.cluster.transferWriter(named);
  await until("the next view", () => epochs.length > 1 || null);
  expect(epochs).toEqual([epoch, epoch + 1n]);
  let begun = 0;
  const more = Array.from({ length: MAX_WATCHERS }, () => watch(() => begun++));
  expect(await Promise.race(more)).toContain("RESOURCE_EXHAUSTED");
  await until("all others watch", () => begun === MAX_WATCHERS - 1 || null);
  stop.abort();
  await Promise.all([first, ...more]);
  await until("a place is free again", async () => {
    try {
      for await (const { view } of cluster.watchView({})) return view?.epoch === epoch + 1n || null;
    } catch {
      // Not yet.
    }
    return null;
  });
});
