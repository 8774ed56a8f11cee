/** unstorage itself on a cluster in this process. */
import { createStorage, prefixStorage, type Storage } from "unstorage";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type OnarClient, OnarClient as RemoteClient } from "../../../src/client/client.js";
import { onarDriver } from "../../../src/drivers/unstorage.js";
import { startTestCluster, type TestCluster } from "../../../src/testing/cluster.js";

let cluster: TestCluster;
let client: OnarClient;
let storage: Storage;
beforeAll(async () => {
  cluster = await startTestCluster({ seed: 2 });
  client = cluster.client({ timeoutMs: 30_000 });
  storage = createStorage({ driver: onarDriver(client, { prefix: "app:" }) });
}, 60_000);
afterAll(() => cluster?.close());

test("items come back as they were set, by another storage as well", async () => {
  const other = createStorage({ driver: onarDriver(client, { prefix: "app:" }) });
  const values = ["text", 0, 1.5, false, [1, "two"], { deep: { er: [true] } }];
  for (const [i, value] of values.entries()) await storage.setItem(`values:k${i}`, value);
  for (const [i, value] of values.entries()) expect(await other.getItem(`values:k${i}`)).toEqual(value);
  expect(await other.getItem("values:missing")).toBeNull();
});

test("an item is there until it is removed", async () => {
  expect(await storage.hasItem("there")).toBe(false);
  await storage.setItem("there", "v");
  expect(await storage.hasItem("there")).toBe(true);
  await storage.removeItem("there");
  expect(await storage.hasItem("there")).toBe(false);
  await storage.removeItem("there");
});

test("raw items are the bytes themselves", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  await storage.setItemRaw("raw", bytes);
  expect(await storage.getItemRaw("raw")).toEqual(Buffer.from(bytes));
  await storage.setItemRaw("raw", bytes.buffer);
  expect(await storage.getItemRaw("raw")).toEqual(Buffer.from(bytes));
  expect(await storage.getItemRaw("missing")).toBeNull();
  await expect(storage.setItemRaw("raw", { a: 1 })).rejects.toThrow("a raw item must be");
});

test("many at once, and with a prefix of unstorage's own", async () => {
  await storage.setItems([
    { key: "many:a", value: "A" },
    { key: "many:b", value: "B" },
  ]);
  const items = await storage.getItems(["many:a", "many:b", "many:c"]);
  expect(items.map(({ value }) => value)).toEqual(["A", "B", null]);
  expect(await prefixStorage(storage, "many").getItem("b")).toBe("B");
});

test("a key of Onar is the prefix and the key", async () => {
  await storage.setItem("a/b", "v");
  const got = await client.get("app:a:b");
  expect(got.outcome === "done" && got.entry?.text()).toBe("v");
});

test("facts about an item are kept beside it", async () => {
  await storage.setItem("described", "v");
  await storage.setMeta("described", { colour: "green" });
  expect(await storage.getMeta("described")).toMatchObject({ colour: "green" });
  await storage.removeItem("described", { removeMeta: true });
  expect(await storage.getMeta("described")).toEqual({});
});

test("a time to live is refused, and nothing is set", async () => {
  await expect(storage.setItem("ttl", "v", { ttl: 60 })).rejects.toThrow(
    "unstorage has a time to live of 60: Onar has no expiry",
  );
  await expect(storage.setItemRaw("ttl", "v", { ttl: 60 })).rejects.toThrow("Onar has no expiry");
  expect(await storage.hasItem("ttl")).toBe(false);
});

test("listing and clearing are refused, also where other storages are mounted, and nothing is removed", async () => {
  await storage.setItem("kept", "v");
  await expect(storage.getKeys()).rejects.toThrow("Onar cannot list keys");
  await expect(storage.getKeys("below")).rejects.toThrow('lists the keys below "below:"');
  await expect(storage.clear()).rejects.toThrow("Onar cannot list keys");
  expect(await storage.getItem("kept")).toBe("v");
  const mixed = createStorage().mount("onar", onarDriver(client));
  await mixed.setItem("beside", "v");
  await expect(mixed.getKeys()).rejects.toThrow("Onar cannot list keys");
});

test("that nobody answers is no missing item", async () => {
  await using nobody = new RemoteClient({ endpoints: ["127.0.0.1:9"], timeoutMs: 300 });
  const alone = createStorage({ driver: onarDriver(nobody) });
  await expect(alone.getItem("k")).rejects.toThrow("not done");
  await expect(alone.hasItem("k")).rejects.toThrow("not done");
  await expect(alone.setItem("k", "v")).rejects.toThrow("not done");
  await expect(alone.removeItem("k")).rejects.toThrow("not done");
});
