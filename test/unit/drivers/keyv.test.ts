/** Keyv itself on a cluster in this process. */
import Keyv from "keyv";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type OnarClient, OnarClient as RemoteClient } from "../../../src/client/client.js";
import { keyvOptions } from "../../../src/drivers/keyv.js";
import { startTestCluster, type TestCluster } from "../../../src/testing/cluster.js";

let cluster: TestCluster;
let client: OnarClient;
beforeAll(async () => {
  cluster = await startTestCluster({ seed: 1 });
  client = cluster.client({ timeoutMs: 30_000 });
}, 60_000);
afterAll(() => cluster?.close());

const keyvOf = (namespace: string): Keyv => new Keyv({ ...keyvOptions(client), namespace });

test("values come back as they were set, by another Keyv as well", async () => {
  const keyv = keyvOf("values");
  const values = ["text", "", 0, 1.5, false, null, [1, "two"], { deep: { er: [true] } }];
  for (const [i, value] of values.entries()) expect(await keyv.set(`k${i}`, value)).toBe(true);
  const other = keyvOf("values");
  for (const [i, value] of values.entries()) expect(await other.get(`k${i}`)).toEqual(value);
  expect(await other.get("missing")).toBeUndefined();
});

test("a key is there until it is deleted", async () => {
  const keyv = keyvOf("there");
  expect(await keyv.has("k")).toBe(false);
  await keyv.set("k", "v");
  expect(await keyv.has("k")).toBe(true);
  expect(await keyv.delete("k")).toBe(true);
  expect(await keyv.delete("k")).toBe(false);
  expect(await keyv.has("k")).toBe(false);
  expect(await keyv.get("k")).toBeUndefined();
});

test("many at once", async () => {
  const keyv = keyvOf("many");
  const entries = ["a", "b", "c"].map((key) => ({ key, value: key.toUpperCase() }));
  expect(await keyv.setMany(entries)).toEqual([true, true, true]);
  expect(await keyv.get(["a", "missing", "c"])).toEqual(["A", undefined, "C"]);
  expect(await keyv.hasMany(["a", "missing"])).toEqual([true, false]);
  expect(await keyv.delete(["a", "b"])).toBe(true);
  expect(await keyv.get(["a", "b", "c"])).toEqual([undefined, undefined, "C"]);
});

test("namespaces are apart, and a key of Onar is the namespace and the key", async () => {
  await keyvOf("one").set("k", 1);
  await keyvOf("two").set("k", 2);
  expect(await keyvOf("one").get("k")).toBe(1);
  const got = await client.get("two:k");
  expect(got.outcome === "done" && JSON.parse(got.entry?.text() ?? "")).toEqual({ value: 2 });
});

test("a time to live is refused, and nothing is set", async () => {
  const keyv = keyvOf("ttl");
  await expect(keyv.set("k", "v", 1_000)).rejects.toThrow("keyv has a time to live of 1000 ms: Onar has no expiry");
  await expect(
    keyv.setMany([
      { key: "k", value: "v" },
      { key: "l", value: "v", ttl: 5 },
    ]),
  ).rejects.toThrow("Onar has no expiry");
  const always = new Keyv({ ...keyvOptions(client), namespace: "ttl", ttl: 1_000 });
  await expect(always.set("k", "v")).rejects.toThrow("Onar has no expiry");
  expect(await keyv.get(["k", "l"])).toEqual([undefined, undefined]);
  // Values that Keyv takes for none.
  expect(await keyv.set("k", "v", 0)).toBe(true);
});

test("clear is refused, and nothing is removed", async () => {
  const keyv = keyvOf("clear");
  await keyv.set("k", "v");
  await expect(keyv.clear()).rejects.toThrow("Onar cannot list keys");
  expect(await keyv.get("k")).toBe("v");
  expect(keyv.iterator).toBeUndefined();
});

test("values that Keyv does not serialize are refused", async () => {
  const raw = new Keyv({ ...keyvOptions(client), serialize: undefined, deserialize: undefined } as never);
  await expect(raw.set("k", { a: 1 })).rejects.toThrow("leave keyv's serialization on");
});

test("that nobody answers is no missing value", async () => {
  await using nobody = new RemoteClient({ endpoints: ["127.0.0.1:9"], timeoutMs: 300 });
  const keyv = new Keyv(keyvOptions(nobody));
  await expect(keyv.get("k")).rejects.toThrow("not done");
  await expect(keyv.get(["k", "l"])).rejects.toThrow("not done");
  await expect(keyv.has("k")).rejects.toThrow("not done");
  await expect(keyv.set("k", "v")).rejects.toThrow("not done");
  await expect(keyv.delete("k")).rejects.toThrow("not done");
});
