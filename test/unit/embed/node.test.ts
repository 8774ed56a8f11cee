/** A node inside this process, with the settings and the errors of `onar start`. */

import { afterEach, describe, expect, test } from "vitest";
import { OnarClient } from "../../../src/client/client.js";
import type { NodeSettingKey } from "../../../src/config/settings.js";
import { type NodeOptions, type OnarNode, SettingError, StartError, startNode } from "../../../src/index.js";

const OPTIONS: NodeOptions = {
  listen: "127.0.0.1:0",
  peerListen: "127.0.0.1:0",
  expect: 1,
  partitions: 16,
  memory: true,
};

let node: OnarNode | null = null;
afterEach(async () => {
  await node?.kill();
  node = null;
});

describe("a client in process", () => {
  test("makes every call without sockets, with the outcomes of any client", async () => {
    node = await startNode(OPTIONS);
    const client = node.client();
    const { version } = await client.put("k", "one");
    expect((await client.get("k")).entry?.text()).toBe("one");
    expect(await client.outcome.get("nobody", { consistency: "local" })).toMatchObject({
      outcome: "done",
      entry: undefined,
    });
    expect(await client.outcome.compareAndSet("k", { version }, "two")).toMatchObject({
      outcome: "done",
      swapped: true,
    });
    const lost = await client.compareAndSet("k", { version }, "three");
    expect(lost).toMatchObject({ outcome: "done", swapped: false });
    expect("found" in lost ? lost.found?.text() : "").toBe("two");
    expect(await client.outcome.add("k", 1)).toMatchObject({ outcome: "notDone", reason: "NOT_A_NUMBER" });
    expect(await client.outcome.add("n", 41n)).toMatchObject({ outcome: "done", number: 41n });
    expect(await client.outcome.put("", "x")).toMatchObject({ outcome: "notDone", reason: "KEY_EMPTY" });
    expect(await client.outcome.delete("k", { condition: "present" })).toMatchObject({
      outcome: "done",
      deleted: true,
    });
    const pipeline = client.pipeline();
    const numbers = await Promise.all(Array.from({ length: 100 }, () => pipeline.outcome.add("n", 1)));
    expect(numbers.every(({ outcome }) => outcome === "done")).toBe(true);
    expect((await client.get("n")).entry?.text()).toBe("141");
  });

  test("changing the bytes of an answer changes nothing in the store", async () => {
    node = await startNode(OPTIONS);
    const client = node.client();
    await client.put("k", "value");
    (await client.get("k")).entry?.value.fill(0);
    expect((await client.get("k")).entry?.text()).toBe("value");
  });

  test("shares the store with clients over gRPC", async () => {
    node = await startNode(OPTIONS);
    await using far = new OnarClient({ endpoints: [node.clientAddress] });
    await node.client().put("k", "near");
    expect((await far.get("k")).entry?.text()).toBe("near");
  });

  test("ends with the node", async () => {
    node = await startNode(OPTIONS);
    const client = node.client();
    await client.put("k", "v");
    await node.close({ drain: false });
    expect(await client.outcome.put("k", "v")).toMatchObject({ outcome: "notDone", reason: "CLOSED" });
  });
});

test("every setting of one node but those of its log is an option", () => {
  type Missing = Exclude<NodeSettingKey, keyof NodeOptions | "processes" | "logLevel" | "logFormat">;
  const missing: Missing[] = [];
  expect(missing satisfies never[]).toEqual([]);
});

describe("settings that cannot be used are refused by name", () => {
  test.each([
    ["an address that is none", { listen: "here" }, "options.listen must be HOST:PORT"],
    ["a number of partitions that is no power of two", { partitions: 12 }, "options.partitions must be a power of two"],
    ["founders that are missing", { expect: 3 }, "must name the 2 other founding nodes"],
    ["more replicas than nodes", { replicationFactor: 2 }, "options.replicationFactor must be at most"],
    ["a setting of the program's log", { logLevel: "info" }, "options.logLevel is no setting"],
    ["a setting that there is not", { listne: "127.0.0.1:1" }, "options.listne is no setting; did you mean listen?"],
  ])("%s", async (_name, options, message) => {
    const starting = startNode({ ...OPTIONS, ...options });
    await expect(starting).rejects.toThrow(SettingError);
    await expect(starting).rejects.toThrow(message);
  });

  test("a port in use", async () => {
    node = await startNode(OPTIONS);
    const starting = startNode({ ...OPTIONS, listen: node.clientAddress });
    await expect(starting).rejects.toThrow(StartError);
    await expect(starting).rejects.toThrow("the port is in use");
  });
});
