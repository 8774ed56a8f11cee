/** The generated code of every language against a real cluster: Go and Python by their own tests, TypeScript here. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consistency, Presence } from "../../gen/ts/onar/kv/v1/common.js";
import { ErrorReason, Execution } from "../../gen/ts/onar/kv/v1/error.js";
import { answerOf, errorOf, type NodeClients } from "./clients.js";
import { Cluster, ROOT } from "./harness.js";
import { run } from "./programs.js";

/** The first time, it compiles gRPC for Go with the race detector. */
const SCRIPT_MS = 420_000;

let cluster: Cluster;
let here: NodeClients;
let there: NodeClients;
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3 });
  here = cluster.node(0).clients;
  there = cluster.node(2).clients;
});
afterAll(() => cluster?.stop());

describe.each(["go", "python"])("%s, the client and generated code", (language) => {
  test("calls a real cluster", { timeout: SCRIPT_MS }, async ({ skip }) => {
    const script = join(ROOT, "scripts/test-clients.sh");
    const ran = await run(script, [cluster.addresses.join(","), language], { timeoutMs: SCRIPT_MS - 5_000 });
    const line = ran.stdout.split("\n").findLast((one) => one.startsWith(`clients: ${language}: `)) ?? "";
    // With CI=true the script fails where a toolchain is missing.
    if (ran.code === 0 && line.includes("skipped")) skip(line);
    expect(ran.code, `${ran.stdout}\n${ran.stderr}`).toBe(0);
    expect(line).toMatch(/: [1-9]\d* passed$/);
  });
});

describe("generated TypeScript", () => {
  const value = Buffer.from("value");
  const newKey = (): Buffer => Buffer.from(`typescript/${randomBytes(8).toString("hex")}`);
  const id = (): Buffer => randomBytes(16);

  test("a put at one node is read at another, with a header that says where and when", async () => {
    const key = newKey();
    const put = await answerOf((o) => here.kv.put({ key, value, requestId: id() }, o));
    expect(put.header).toMatchObject({ nodeId: cluster.node(0).id, viewEpoch: 1n, groupEpoch: 1n });
    expect(put.header?.clusterId).toHaveLength(16);
    expect(put.header?.revision?.revision).toBeGreaterThanOrEqual(put.version);
    const get = await answerOf((o) => there.kv.get({ key }, o));
    expect(get).toMatchObject({ entry: { value, version: put.version }, consistency: Consistency.LINEARIZABLE });
    expect(get.header?.nodeId).toBe(cluster.node(2).id);
  });

  test("a local read says which consistency it was served with", async () => {
    const key = newKey();
    await answerOf((o) => here.kv.put({ key, value }, o));
    const get = await answerOf((o) => there.kv.get({ key, consistency: Consistency.LOCAL }, o));
    expect([Consistency.LOCAL, Consistency.LINEARIZABLE]).toContain(get.consistency);
    // A copy that lags may not say "absent": that is read as a linearizable read is.
    expect(get.entry?.value).toEqual(value);
  });

  test("a missing key is an answer", async () => {
    expect((await answerOf((o) => here.kv.get({ key: newKey() }, o))).entry).toBeUndefined();
  });

  test("compare-and-set swaps once and shows what it found", async () => {
    const key = newKey();
    const condition = { expected: { $case: "presence", value: Presence.ABSENT } } as const;
    const first = await answerOf((o) => here.kv.compareAndSet({ key, value, condition, requestId: id() }, o));
    expect(first).toMatchObject({ swapped: true, found: undefined });
    const again = await answerOf((o) => there.kv.compareAndSet({ key, value, condition, requestId: id() }, o));
    expect(again).toMatchObject({ swapped: false, version: first.version, found: { value, version: first.version } });
    const atVersion = { expected: { $case: "version", value: first.version } } as const;
    const other = Buffer.from("other");
    const second = await answerOf((o) => there.kv.compareAndSet({ key, value: other, condition: atVersion }, o));
    expect(second.swapped).toBe(true);
    expect(second.version).toBeGreaterThan(first.version);
  });

  test("delete removes, and then finds nothing", async () => {
    const key = newKey();
    const { version } = await answerOf((o) => here.kv.put({ key, value }, o));
    const condition = { expected: { $case: "value", value: Buffer.from("other") } } as const;
    expect(await answerOf((o) => there.kv.delete({ key, condition }, o))).toMatchObject({
      deleted: false,
      version,
      found: { value },
    });
    expect(await answerOf((o) => there.kv.delete({ key, requestId: id() }, o))).toMatchObject({
      deleted: true,
      version,
    });
    expect(await answerOf((o) => here.kv.delete({ key }, o))).toMatchObject({ deleted: false, version: 0n });
  });

  test("add counts from zero over the whole range of 64 bits", async () => {
    const key = newKey();
    expect(await answerOf((o) => here.kv.add({ key, delta: -(2n ** 63n) }, o))).toMatchObject({ number: -(2n ** 63n) });
    expect(await answerOf((o) => there.kv.add({ key, delta: 2n ** 63n - 1n }, o))).toMatchObject({ number: -1n });
  });

  test("a repeated request is applied once, also through another node, and answered as the first was", async () => {
    const key = newKey();
    const request = { key, delta: 5n, requestId: id() };
    const first = await answerOf((o) => here.kv.add(request, o));
    const after = first.header?.revision;
    for (const { clients } of cluster.nodes) {
      expect(await answerOf((o) => clients.kv.add({ ...request, ...(after && { after }) }, o))).toMatchObject({
        version: first.version,
        number: 5n,
      });
    }
  });

  test("an error names a reason of the contract and says that nothing was executed", async () => {
    const error = await errorOf((o) => here.kv.put({ value }, o));
    expect(error.outcome?.execution).toBe(Execution.NOT_EXECUTED);
    expect(Object.keys(ErrorReason)).toContain(error.info?.reason);
  });

  test("a key is located in the view", async () => {
    const view = (await answerOf((o) => here.cluster.getView({}, o))).view;
    const located = await answerOf((o) =>
      here.cluster.locate({ target: { $case: "key", value: Buffer.from("k") } }, o),
    );
    expect(located.partition).toBeLessThan(view?.partitionCount ?? 0);
    expect(located.replicas.map(({ id: node }) => node)).toEqual(view?.partitions[located.partition]?.replicas);
    expect(located.replicas.map(({ clientAddress }) => clientAddress).sort()).toEqual([...cluster.addresses].sort());
  });
});
