/** The code in docs/clients.md and docs/recipes.md is run as it stands there. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OnarClient } from "../../src/client/client.js";
import { Cluster, ROOT } from "./harness.js";

let cluster: Cluster;
let client: OnarClient;
let folder: string;
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64 });
  client = new OnarClient({ endpoints: cluster.addresses, timeoutMs: 20_000 });
  // A folder in which "onar" is this package, as it is for those who have installed it.
  folder = mkdtempSync(join(tmpdir(), "onar-recipes-"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});
afterAll(async () => {
  await client?.close();
  await cluster?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

interface Block {
  readonly name: string;
  readonly code: string;
}

/** The TypeScript of a document. */
function blocksOf(document: string): Block[] {
  const text = readFileSync(join(ROOT, document), "utf8");
  return [...text.matchAll(/^```ts ?(\w*)\n([\s\S]*?)^```/gm)].map(([, name = "", code = ""], i) => ({
    name: name === "" ? `block ${i + 1}` : name,
    code,
  }));
}

/** With this package by its path, and this cluster in place of the one in the text. */
function moduleOf({ code }: Block): string {
  const built = (path: string): string => JSON.stringify(join(ROOT, "dist/src", path));
  return code
    .replaceAll('"onar/client"', built("client/client.js"))
    .replaceAll('"onar/testing"', built("testing/cluster.js"))
    .replaceAll('"onar"', built("index.js"))
    .replaceAll(/127\.0\.0\.1:460(\d)/g, (_, i) => cluster.node(Number(i)).address);
}

function write(document: string, block: Block): string {
  const file = join(folder, `${document.replaceAll(/\W/g, "-")}-${block.name.replaceAll(" ", "-")}.mts`);
  writeFileSync(file, moduleOf(block));
  return file;
}

describe.each(blocksOf("docs/clients.md"))("docs/clients.md, $name", (block) => {
  test("runs to its end", () => {
    const file = write("docs/clients.md", block);
    const ran = spawnSync(process.execPath, ["--import", join(ROOT, "node_modules/tsx/dist/loader.mjs"), file], {
      encoding: "utf8",
      timeout: 60_000,
      cwd: ROOT,
    });
    expect(ran.stderr).toBe("");
    expect(ran.status).toBe(0);
    expect(ran.stdout).not.toMatch(/notDone|unknown|maybe/);
  });
});

/** What a module exports, each looked at before it is used. */
async function exportsOf(name: string): Promise<Record<string, unknown>> {
  const block = blocksOf("docs/recipes.md").find((one) => one.name === name);
  if (block === undefined) throw new Error(`docs/recipes.md has no block called ${name}`);
  return import(write("docs/recipes.md", block));
}

describe("docs/recipes.md", () => {
  test("a counter counts", async () => {
    const { Counter } = (await exportsOf("counter")) as {
      Counter: new (
        client: OnarClient,
        key: string,
      ) => { add(delta?: number): Promise<bigint>; count(): Promise<bigint> };
    };
    const counter = new Counter(client, "visits");
    expect(await counter.count()).toBe(0n);
    const counts = await Promise.all(Array.from({ length: 20 }, () => counter.add()));
    expect(new Set(counts).size).toBe(20);
    expect(await counter.add(-5)).toBe(15n);
    expect(await counter.count()).toBe(15n);
  });

  test("of callers at once one gets the lock; a later holder has a higher token, and fences the earlier one off", async () => {
    interface Held {
      readonly token: bigint;
      release(): Promise<boolean>;
    }
    const { acquire, storeFenced } = (await exportsOf("lock")) as {
      acquire(client: OnarClient, key: string, leaseMs: number): Promise<Held | undefined>;
      storeFenced(client: OnarClient, key: string, token: bigint, value: string): Promise<boolean>;
    };
    const tries = await Promise.all(Array.from({ length: 8 }, () => acquire(client, "lock", 50)));
    // Who waited for the lease may have asked first.
    const [first, ...others] = tries
      .filter((held) => held !== undefined)
      .toSorted((a, b) => (a.token < b.token ? -1 : 1));
    if (first === undefined) throw new Error("nobody got the lock");
    // Who began after the first had it has waited for its lease.
    expect(others.length).toBeLessThanOrEqual(1);
    expect(await storeFenced(client, "protected", first.token, "by the first")).toBe(true);
    const holder = others[0] ?? (await acquire(client, "lock", 50));
    if (holder === undefined) throw new Error("nobody took over");
    expect(holder.token).toBeGreaterThan(first.token);
    expect(await first.release()).toBe(false);
    expect(await storeFenced(client, "protected", holder.token, "by the second")).toBe(true);
    expect(await storeFenced(client, "protected", first.token, "too late")).toBe(false);
    expect((await client.get("protected")).entry?.text()).toBe(`${holder.token} by the second`);
    expect(await holder.release()).toBe(true);
    const next = await acquire(client, "lock", 50);
    expect(next?.token).toBeGreaterThan(holder.token);
  });
});
