/** Operations on the members and writers of a cluster, in clusters of real processes. */
import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OperationKind, OperationState } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { errorOf } from "./clients.js";
import { GrowingCluster, idOf, insist, PARTITIONS, viewOf, WITHIN_MS } from "./growing-cluster.js";
import { eventually, HOST, type Node } from "./harness.js";
import { onar, type Ran } from "./programs.js";

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(() => growing.end());

describe("the preferred writer", () => {
  test("of all partitions is another node under load: no request fails, and no group epoch changes", async () => {
    const three = await growing.start();
    const target = three.node(2);
    const nodeId = await idOf(target);
    const failed: unknown[] = [];
    let done = 0;
    let stop = false;
    const writers = three.nodes.flatMap((node) =>
      Array.from({ length: 2 }, async (_, worker) => {
        for (let i = 0; !stop; i++) {
          const key = Buffer.from(`k${(i * 7 + worker) % 40}`);
          await node.clients.kv.put({ key, value: Buffer.from(`${i}`) }).catch((error: unknown) => failed.push(error));
          done++;
        }
      }),
    );
    const operation = await insist(three.node(0), (named) =>
      three.node(0).clients.cluster.transferWriter({ ...named, nodeId, all: true }),
    );
    expect(operation).toMatchObject({ kind: OperationKind.TRANSFER_WRITER, state: OperationState.DONE });
    await eventually("it writes everything", WITHIN_MS, async () => {
      const { partitions } = await target.clients.cluster.status({});
      return partitions.every(({ writerNodeId }) => writerNodeId === nodeId) ? true : undefined;
    });
    stop = true;
    await Promise.all(writers);
    console.log(`transfer of all writers: ${done} writes, ${failed.length} failed`);
    expect(failed).toEqual([]);
    const { partitions } = await viewOf(three.node(1));
    expect(partitions.every(({ groupEpoch }) => groupEpoch === 1n)).toBe(true);
    expect(partitions.filter(({ preferredNodeId, replicas }) => (preferredNodeId || replicas[0]) !== nodeId)).toEqual(
      [],
    );
    const { replicas } = await target.clients.cluster.locate({ target: { $case: "partition", value: 0 } });
    expect(replicas[0]?.id).toBe(nodeId);
    // It survives a restart of everybody.
    for (const { process } of three.nodes) await process.kill();
    for (const node of three.nodes) node.restart();
    await three.ready();
    await eventually("it writes everything again", WITHIN_MS, async () => {
      const { partitions: all } = await target.clients.cluster.status({});
      return all.every(({ writerNodeId }) => writerNodeId === nodeId) ? true : undefined;
    });
  }, 120_000);
});

describe("operations", () => {
  test("of two operators at once: one is done, the other superseded, and the same asked again is not run again", async () => {
    const three = await growing.start();
    const { epoch } = await viewOf(three.node(0));
    const ids = [randomBytes(16), randomBytes(16)] as const;
    const ask = (at: Node, operationId: Buffer, nodeId: number) =>
      at.clients.cluster.transferWriter({ operationId, epoch, nodeId, partitions: [0] });
    const nodes = [await idOf(three.node(0)), await idOf(three.node(1))] as const;
    const answers = await Promise.all([ask(three.node(0), ids[0], nodes[0]), ask(three.node(1), ids[1], nodes[1])]);
    const states = answers.map(({ operation }) => operation?.state);
    expect(states.toSorted()).toEqual([OperationState.DONE, OperationState.SUPERSEDED]);
    const after = await viewOf(three.node(0));
    expect(after.epoch).toBe(epoch + 1n);
    const again = await Promise.all([ask(three.node(2), ids[0], nodes[0]), ask(three.node(2), ids[1], nodes[1])]);
    expect(again.map(({ operation }) => operation?.state)).toEqual(states);
    const { operations } = await three.node(2).clients.cluster.listOperations({});
    expect(operations.map(({ state, epoch: on, doneEpoch }) => ({ state, on, doneEpoch }))).toEqual([
      { state: OperationState.DONE, on: epoch, doneEpoch: epoch + 1n },
    ]);
    expect((await viewOf(three.node(2))).epoch).toBe(after.epoch);
  }, 60_000);

  test("that must not be are refused with the field or the reason, and the view stays as it is", async () => {
    const three = await growing.start();
    const four = await growing.joined("four", three);
    const { cluster: calls } = three.node(0).clients;
    const before = await viewOf(three.node(0));
    const { epoch } = before;
    const nodeId = await idOf(four);
    const operationId = randomBytes(16);
    const named = { operationId, epoch };
    const refusalOf = async (call: Parameters<typeof errorOf>[0]): Promise<string> => {
      const { info, message } = await errorOf(call);
      return `${info?.reason}: ${message}`;
    };
    expect(await refusalOf((o) => calls.leave({ epoch, nodeId }, o))).toContain("OPERATION_ID_LENGTH: ");
    expect(await refusalOf((o) => calls.leave({ operationId: Buffer.alloc(17), epoch, nodeId }, o))).toContain("17");
    expect(await refusalOf((o) => calls.leave({ operationId, nodeId }, o))).toContain("EPOCH_MISSING: epoch must be");
    expect(await refusalOf((o) => calls.leave({ operationId, epoch: epoch + 5n, nodeId }, o))).toContain("EPOCH_AHEAD");
    expect(await refusalOf((o) => calls.leave({ ...named, nodeId: 7 }, o))).toContain("node 7 is no member");
    const keeps = await idOf(three.node(1));
    expect(await refusalOf((o) => calls.leave({ ...named, nodeId: keeps }, o))).toContain(
      `keeps ${PARTITIONS} partitions`,
    );
    expect(await refusalOf((o) => calls.transferWriter({ ...named, nodeId: keeps }, o))).toContain("REQUEST_MISSING");
    expect(await refusalOf((o) => calls.transferWriter({ ...named, nodeId, all: true }, o))).toContain(
      "keeps no partition",
    );
    const outside = { ...named, nodeId: keeps, partitions: [PARTITIONS] };
    expect(await refusalOf((o) => calls.transferWriter(outside, o))).toContain("PARTITION_OUT_OF_RANGE");
    const member = { id: 9, clientAddress: "h:1", peerAddress: `${HOST}:${three.node(0).process.peerPort}`, zone: "" };
    expect(await refusalOf((o) => calls.join({ dryRun: true, member }, o))).toContain("is the address of node");
    expect(await refusalOf((o) => calls.join({ ...named, member }, o))).toContain("by its own wish");
    const known = before.members[0];
    expect(await refusalOf((o) => calls.join({ dryRun: true, member: known }, o))).toContain("is a member already");
    // Nobody knows it; and with its epoch that is certain.
    const unknown = await calls.getOperation({ operationId });
    expect(unknown.operation?.state).toBe(OperationState.UNKNOWN);
    const never = await calls.getOperation({ operationId, epoch: epoch - 1n });
    expect(never.operation?.state).toBe(OperationState.SUPERSEDED);
    // Dry runs show what would come.
    const dry = await calls.leave({ dryRun: true, nodeId });
    expect(dry.operation?.state).toBe(OperationState.POSSIBLE);
    expect(dry.view?.members).toHaveLength(3);
    const joining = await calls.join({ dryRun: true, member: { ...member, peerAddress: "elsewhere:1" } });
    expect(joining.view?.members).toHaveLength(5);
    expect(await viewOf(three.node(0))).toEqual(before);
  }, 120_000);

  test("of one of two members that would leave is refused", async () => {
    const two = await growing.start(2, 2);
    const { epoch } = await viewOf(two.node(0));
    const nodeId = await idOf(two.node(1));
    const refused = await errorOf((o) =>
      two.node(0).clients.cluster.leave({ operationId: randomBytes(16), epoch, nodeId }, o),
    );
    expect(refused.info?.reason).toBe("OPERATION_REFUSED");
  }, 60_000);

  test("are typed as commands: a node joins, writers move, the node leaves", async () => {
    const three = await growing.start();
    const at = (...args: string[]): Promise<Ran> => onar([...args, "--endpoint", three.node(0).address]);
    const fourth = await growing.joined("four", three);
    expect((await at("nodes")).stdout).toContain(fourth.address);
    const second = three.node(1).address;
    const dry = await at("transfer-writer", "--all", "--to", second, "--dry-run");
    expect(dry).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringContaining("possible. Nothing was changed"),
    });
    expect(await at("transfer-writer", "--all", "--to", second)).toMatchObject({ code: 0, stderr: "" });
    await eventually("the writers are there", WITHIN_MS, async () => {
      const { nodes } = JSON.parse((await at("status", "-o", "json")).stdout);
      const found = nodes.find((node: { clientAddress: string }) => node.clientAddress === second);
      return found?.writerOf === PARTITIONS ? true : undefined;
    });
    const refused = await at("transfer-writer", "0", "--to", fourth.address, "-o", "json");
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(JSON.parse(refused.stderr).error).toMatchObject({
      outcome: "notDone",
      status: "FAILED_PRECONDITION",
      reason: "OPERATION_REFUSED",
    });
    expect((await at("leave", second)).stderr).toContain("only a member without partitions can leave");
    const left = await at("leave", fourth.address, "-o", "json");
    expect(JSON.parse(left.stdout)).toMatchObject({ kind: "leave", state: "done" });
    const { operationId, epoch } = JSON.parse(left.stdout);
    expect(await at("operations", operationId, "--epoch", epoch, "--watch")).toMatchObject({ code: 0 });
    expect((await at("operations")).stdout).toMatch(/transfer-writer(.|\n)*leave/);
    expect((await at("nodes")).stdout).not.toContain(fourth.address);
    expect(JSON.parse((await at("view", "-o", "json")).stdout).nodes).toHaveLength(3);
    expect(await fourth.process.end).toBe(0);
  }, 90_000);

  test("are watched: the view comes at once and then with every change, and the streams are bounded", async () => {
    const three = await growing.start();
    const epochs: bigint[] = [];
    const abort = new AbortController();
    // All streams of this test end by it.
    setMaxListeners(0, abort.signal);
    const watch = (async () => {
      for await (const { view } of three.node(1).clients.cluster.watchView({}, { signal: abort.signal }))
        epochs.push(view?.epoch ?? 0n);
    })().catch(() => {});
    await eventually("the current view", WITHIN_MS, () => (epochs.length > 0 ? true : undefined));
    const nodeId = await idOf(three.node(2));
    await insist(three.node(0), (named) =>
      three.node(0).clients.cluster.transferWriter({ ...named, nodeId, all: true }),
    );
    await eventually("the next view", WITHIN_MS, () => (epochs.length > 1 ? true : undefined));
    expect(epochs).toEqual([1n, 2n]);
    const all = Array.from({ length: 70 }, async () => {
      for await (const _ of three.node(1).clients.cluster.watchView({}, { signal: abort.signal }));
    });
    const ended = Promise.race(
      all.map((one) =>
        one.then(
          () => null,
          (error: unknown) => String(error),
        ),
      ),
    );
    expect(await ended).toContain("RESOURCE_EXHAUSTED");
    abort.abort();
    await Promise.allSettled([...all, watch]);
    // The places are free again.
    await eventually("one more may watch", WITHIN_MS, async () => {
      const signal = AbortSignal.timeout(2_000);
      const stream = three.node(1).clients.cluster.watchView({}, { signal })[Symbol.asyncIterator]();
      const first = await stream.next().catch(() => null);
      await stream.return?.().catch(() => {});
      return first?.value?.view?.epoch === 2n ? true : undefined;
    });
  }, 60_000);
});
