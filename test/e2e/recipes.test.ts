/** The code in docs/clients.md and docs/recipes.md is run as it stands there. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OnarClient } from "../../src/client/client.js";
import { Cluster, eventually, ROOT } from "./harness.js";

const CALL_MS = 60_000;

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
  return (
    code
      .replaceAll('"onar/client"', built("client/client.js"))
      .replaceAll('"onar/testing"', built("testing/cluster.js"))
      .replaceAll('"onar"', built("index.js"))
      .replaceAll(/"\.\/(\w+)\.js"/g, (_, name) => JSON.stringify(fileOf("docs/recipes.md", name)))
      .replaceAll(/127\.0\.0\.1:460(\d)/g, (_, i) => cluster.node(Number(i)).address)
      // A machine that does much else may need longer than the ten seconds of a call.
      .replaceAll("new OnarClient({ endpoints:", `new OnarClient({ timeoutMs: ${CALL_MS}, endpoints:`)
  );
}

const fileOf = (document: string, name: string): string =>
  join(folder, `${document.replaceAll(/\W/g, "-")}-${name.replaceAll(" ", "-")}.mts`);

function write(document: string, block: Block): string {
  const file = fileOf(document, block.name);
  writeFileSync(file, moduleOf(block));
  return file;
}

describe.each(blocksOf("docs/clients.md"))("docs/clients.md, $name", (block) => {
  test("runs to its end", { timeout: 3 * CALL_MS }, () => {
    const file = write("docs/clients.md", block);
    const ran = spawnSync(process.execPath, ["--import", join(ROOT, "node_modules/tsx/dist/loader.mjs"), file], {
      encoding: "utf8",
      timeout: 2 * CALL_MS,
      cwd: ROOT,
    });
    expect(ran.stderr).toBe("");
    expect(ran.status).toBe(0);
    expect(ran.stdout).not.toMatch(/notDone|unknown|maybe/);
  });
});

/** The exports of a module, each looked at before it is used. */
async function exportsOf(name: string): Promise<Record<string, unknown>> {
  const blocks = blocksOf("docs/recipes.md");
  if (!blocks.some((one) => one.name === name)) throw new Error(`docs/recipes.md has no block called ${name}`);
  // One may import another.
  for (const block of blocks) write("docs/recipes.md", block);
  return import(fileOf("docs/recipes.md", name));
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

  interface Lock {
    readonly token: bigint;
    readonly lost: AbortSignal;
    release(): Promise<boolean>;
  }
  interface Locks {
    acquire(client: OnarClient, key: string, leaseMs: number): Promise<Lock | undefined>;
    storeFenced(client: OnarClient, key: string, token: bigint, value: string): Promise<boolean>;
  }
  /** Long enough for a machine that is busy. */
  const LEASE_MS = 2_000;

  test("a lock: one of many gets it, keeps it beyond its lease, and a later holder has a higher token", async () => {
    const { acquire, storeFenced } = (await exportsOf("lock")) as unknown as Locks;
    const first = await acquire(client, "lock", LEASE_MS);
    if (first === undefined) throw new Error("nobody got the lock");
    // They watch for its lease, in which it is renewed.
    const tries = await Promise.all(Array.from({ length: 4 }, () => acquire(client, "lock", LEASE_MS)));
    expect(tries).toEqual([undefined, undefined, undefined, undefined]);
    expect(first.lost.aborted).toBe(false);
    expect(await storeFenced(client, "protected", first.token, "by the first")).toBe(true);
    expect(await first.release()).toBe(true);
    const second = await acquire(client, "lock", LEASE_MS);
    if (second === undefined) throw new Error("nobody took over");
    expect(second.token).toBeGreaterThan(first.token);
    expect(await storeFenced(client, "protected", second.token, "by the second")).toBe(true);
    expect(await storeFenced(client, "protected", first.token, "too late")).toBe(false);
    expect((await client.get("protected")).entry?.text()).toBe(`${second.token} by the second`);
    await client.put("lock", "another 1000");
    await new Promise((resolve) => second.lost.addEventListener("abort", resolve));
    expect(await second.release()).toBe(false);
  });

  test("a lock that nobody renews goes to the one that watched", async () => {
    const { acquire } = (await exportsOf("lock")) as unknown as Locks;
    const { version } = await client.put("left", "somebody 300");
    const lock = await acquire(client, "left", LEASE_MS);
    expect(lock?.token).toBeGreaterThan(version);
    expect(await lock?.release()).toBe(true);
  });

  test("a leader: one at a time, then the next", async () => {
    const { lead } = (await exportsOf("leader")) as {
      lead(
        client: OnarClient,
        key: string,
        leaseMs: number,
        work: (token: bigint, lost: AbortSignal) => Promise<void>,
        stop: AbortSignal,
      ): Promise<void>;
    };
    const tokens: bigint[] = [];
    let leading = 0;
    const stop = new AbortController();
    const candidates = Array.from({ length: 3 }, () =>
      lead(
        client,
        "leader",
        LEASE_MS,
        async (token) => {
          expect(++leading).toBe(1);
          tokens.push(token);
          if (tokens.length === 4) stop.abort();
          await new Promise((resolve) => setTimeout(resolve, 50));
          leading--;
        },
        stop.signal,
      ),
    );
    await Promise.all(candidates);
    expect(tokens.length).toBeGreaterThanOrEqual(4);
    expect(tokens).toEqual(tokens.toSorted((a, b) => (a < b ? -1 : 1)));
  });

  test("a queue: each job goes to one worker, one that is left behind to another", async () => {
    interface Job {
      readonly number: number;
      readonly payload: string;
    }
    interface Queue {
      add(payload: string): Promise<number>;
      claim(leaseMs: number): Promise<Job | undefined>;
      finish(job: Job): Promise<boolean>;
    }
    const { Queue } = (await exportsOf("queue")) as { Queue: new (client: OnarClient, name: string) => Queue };
    const adders = [new Queue(client, "jobs"), new Queue(client, "jobs")];
    const numbers = await Promise.all(adders.flatMap((queue) => ["a", "b", "c"].map((name) => queue.add(name))));
    expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
    const workers = [new Queue(client, "jobs"), new Queue(client, "jobs"), new Queue(client, "jobs")];
    const claimed = await Promise.all(workers.map((worker) => worker.claim(60_000)));
    expect(new Set(claimed.map((job) => job?.number)).size).toBe(3);
    const [left, ...others] = claimed;
    if (left === undefined) throw new Error("nothing was claimed");
    for (const job of others) expect(job !== undefined && (await workers[0]?.finish(job))).toBe(true);
    const patient = new Queue(client, "jobs");
    const done: number[] = [];
    for (let job = await patient.claim(0); job !== undefined || done.length < 4; job = await patient.claim(0)) {
      if (job !== undefined && (await patient.finish(job))) done.push(job.number);
    }
    expect(done).toContain(left.number);
    expect(await workers[0]?.finish(left)).toBe(false);
    expect(await patient.claim(0)).toBeUndefined();
  });

  test("a rate limiter lets as many pass as it says", async () => {
    const { RateLimiter } = (await exportsOf("limiter")) as {
      RateLimiter: new (
        client: OnarClient,
        name: string,
        limit: number,
        windowMs: number,
      ) => { mayPass(): Promise<boolean> };
    };
    // A window that does not end before the test does.
    const limiter = new RateLimiter(client, "calls", 5, 10 ** 12);
    const passed = await Promise.all(Array.from({ length: 8 }, () => limiter.mayPass()));
    expect(passed.filter((one) => one).length).toBe(5);
  });

  test("flags are read anew by themselves", async () => {
    interface Flags {
      isOn(name: string): boolean;
      set(name: string, on: boolean): Promise<void>;
      close(): void;
    }
    const { Flags } = (await exportsOf("flags")) as {
      Flags: { of(client: OnarClient, names: readonly string[], everyMs: number): Promise<Flags> };
    };
    const flags = await Flags.of(client, ["dark-mode", "beta"], 20);
    expect(flags.isOn("dark-mode")).toBe(false);
    await flags.set("dark-mode", true);
    await eventually("it is on", 30_000, () => flags.isOn("dark-mode") || undefined);
    expect(flags.isOn("beta")).toBe(false);
    flags.close();
  });
});
