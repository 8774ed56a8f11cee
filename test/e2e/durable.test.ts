/**
 * Nodes with directories, killed and started again: what was acknowledged is there, and what cannot be trusted is
 * refused.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { buildIfStale, Cluster, eventually, freePorts, HOST, type Node, NodeProcess, startArgs } from "./harness.js";
import { Recorder } from "./recorder.js";
import { errorsOf, expectLinearizable, summaryOf, Workload } from "./workload.js";

const KEYS = ["alpha", "beta", "gamma", "delta", "counter-a", "counter-b"];
const DEADLINE_MS = 5_000;

const folders: string[] = [];
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "onar-durable-"));
  folders.push(path);
  return path;
}
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});

beforeAll(() => buildIfStale());

describe("a cluster on disk", () => {
  let cluster: Cluster;
  const data = folder();
  const recorder = new Recorder();
  const acknowledged = new Map<string, string>();
  let written = 0;

  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 32, data });
  });
  afterAll(() => cluster?.stop());

  /**
   * Writes keys of its own, one after the other, until `stop`: each is acknowledged or not, and never written again.
   */
  function ledger(nodes: readonly Node[]): { stop: () => Promise<void> } {
    let stopping = false;
    const work = nodes.map(async (node) => {
      while (!stopping) {
        const key = `ledger-${++written}`;
        const call = { kind: "put", value: key } as const;
        const asking = { process: `ledger-${node.id}`, key, call, nodes: [node], deadlineMs: DEADLINE_MS, safe: true };
        const { outcome } = await recorder.ask(asking);
        if (outcome.status === "done") acknowledged.set(key, key);
        else await sleep(50);
      }
    });
    return {
      stop: async () => {
        stopping = true;
        await Promise.all(work);
      },
    };
  }

  async function expectAllThere(): Promise<void> {
    const nodes = cluster.alive();
    const missing: string[] = [];
    for (const [key, value] of acknowledged) {
      const node = nodes[Math.floor(Math.random() * nodes.length)] as Node;
      const asking = {
        process: "end",
        key,
        call: { kind: "get" },
        nodes: [node],
        deadlineMs: DEADLINE_MS,
        safe: true,
      } as const;
      const { outcome } = await recorder.ask(asking);
      if (outcome.status !== "done" || outcome.answer.kind !== "get" || !outcome.answer.present) missing.push(key);
      else expect(outcome.answer.value).toBe(value);
    }
    expect(missing).toEqual([]);
  }

  test("a node that is killed under load comes back with the same id, catches up and serves", async () => {
    const load = new Workload({
      recorder,
      nodes: cluster.nodes,
      keys: KEYS,
      workersPerNode: 2,
      deadlineMs: DEADLINE_MS,
      thinkMs: 30,
    });
    const book = ledger(cluster.nodes);
    for (const victim of cluster.nodes.slice(0, 2)) {
      const { id } = victim;
      await sleep(1_000);
      await victim.process.kill();
      await sleep(1_000);
      victim.restart();
      await victim.process.said("ready", 20_000);
      const status = await eventually("it answers", 10_000, () => victim.clients.cluster.status({}));
      expect(status.header?.nodeId).toBe(id);
      await sleep(500);
    }
    await book.stop();
    await load.stop();
    await cluster.ready();
    console.log(`one at a time: ${summaryOf(recorder.operations)}; ${acknowledged.size} keys acknowledged`);
    await expectAllThere();
    expectLinearizable(recorder, "durable-one");
  });

  test("all nodes killed at once under load come back with everything that was acknowledged", async () => {
    for (let round = 0; round < 2; round++) {
      const load = new Workload({
        recorder,
        nodes: cluster.nodes,
        keys: KEYS,
        workersPerNode: 2,
        deadlineMs: 1_500,
        thinkMs: 20,
      });
      const book = ledger(cluster.nodes);
      await sleep(1_500);
      await Promise.all(cluster.nodes.map((node) => node.process.kill()));
      await Promise.all([book.stop(), load.stop()]);
      for (const node of cluster.nodes) node.restart();
      await cluster.ready();
      await expectAllThere();
    }
    const base = { process: "last", nodes: cluster.nodes, deadlineMs: DEADLINE_MS, safe: true };
    for (const key of KEYS) {
      const last = await recorder.ask({ ...base, key, call: { kind: "get" } });
      expect(last.outcome.status, errorsOf([last]).join()).toBe("done");
    }
    console.log(`all at once: ${summaryOf(recorder.operations)}; ${acknowledged.size} keys acknowledged`);
    expectLinearizable(recorder, "durable-all");
  });

  test("status tells that the data is on disk, and how many records the log holds", async () => {
    const { nodes } = await (cluster.nodes[0] as Node).clients.cluster.status({});
    expect(nodes.map(({ storage }) => storage)).toEqual([2, 2, 2]);
    for (const { logPosition } of nodes) expect(Number(logPosition)).toBeGreaterThan(0);
  });

  test("a directory that is in use is refused, and its node does not notice", async () => {
    const [port, peerPort] = (await freePorts(2)) as [number, number];
    const node = cluster.nodes[0] as Node;
    const second = new NodeProcess(port, peerPort, startArgs(port, peerPort, "", 1, ["--data", join(data, "node1")]));
    expect(await second.end).toBe(1);
    expect(second.tail()).toContain(`is in use by process ${node.process.child.pid}`);
    const answer = await node.clients.text.put({ key: "still", value: "here" });
    expect(answer.version).toBeGreaterThan(0n);
  });

  test("a register that has rotted in a node's log is neither lost nor wrong: it is mended by the writer", async () => {
    const victim = cluster.nodes[1] as Node;
    const [other] = cluster.nodes as [Node];
    const value = "a-value-that-is-easy-to-find";
    await other.clients.text.put({ key: "rots", value });
    // Not in the last write, which is cut off when it cannot be read.
    await sleep(1_000);
    await other.clients.text.put({ key: "after", value: "x" });
    await sleep(500);
    await victim.process.kill();
    const log = join(data, "node2", "log");
    const rotten = readdirSync(log).filter((name) => {
      const file = join(log, name);
      const bytes = readFileSync(file);
      const at = bytes.indexOf(value);
      if (at < 0) return false;
      bytes[at] = 0x41;
      writeFileSync(file, bytes);
      return true;
    });
    expect(rotten).toHaveLength(1);
    victim.restart();
    await victim.process.said("1 registers in the log fail their checksum", 20_000);
    await cluster.ready();
    const { entry } = await victim.clients.text.get({ key: "rots" });
    expect(entry?.value).toBe(value);
    await eventually("it is mended", 20_000, async () => {
      const status = await victim.clients.cluster.status({});
      return status.badRegisters === 0n && status.mendedRegisters > 0n ? true : undefined;
    });
  });

  test("a node whose directory was rolled back is shown so by the others, says so and ends", async () => {
    const victim = cluster.nodes[2] as Node;
    const home = join(data, "node3");
    await victim.process.stop();
    cpSync(home, join(data, "old"), { recursive: true });
    victim.restart();
    await cluster.ready();
    const asking = { process: "roll", nodes: [cluster.nodes[0] as Node], deadlineMs: DEADLINE_MS, safe: true };
    for (let i = 0; i < 20; i++) {
      await recorder.ask({ ...asking, key: `roll-${i}`, call: { kind: "put", value: "x" } });
    }
    // Its next handshake tells the others how far it has come.
    await victim.process.stop();
    victim.restart();
    await cluster.ready();
    await victim.process.stop();
    rmSync(home, { recursive: true });
    cpSync(join(data, "old"), home, { recursive: true });
    victim.restart();
    expect(await victim.process.end).toBe(1);
    expect(victim.process.tail()).toMatch(/has seen \d+ records of this node, and it comes back with \d+: it has lost/);
    expect(cluster.nodes.slice(0, 2).map(({ process }) => process.ended)).toEqual([null, null]);
  });
});

describe("a directory that is put back", () => {
  let cluster: Cluster;
  const data = folder();
  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 4, data });
  });
  afterAll(() => cluster?.stop());

  test("as it was while its node ran, after the last stream began, is refused by those who heard of more", async () => {
    const [other, another, victim] = cluster.nodes as [Node, Node, Node];
    const home = join(data, "node3");
    const copy = join(data, "copy");
    await other.clients.text.put({ key: "before", value: "x" });
    // The lock is a socket, which no copy has.
    cpSync(home, copy, { recursive: true, filter: (path) => path !== join(home, "lock") });
    const recordsOf = async (asked: Node): Promise<number> => {
      const { nodes } = await asked.clients.cluster.status({});
      return Number(nodes.find(({ id }) => id === victim.id)?.logPosition ?? 0n);
    };
    for (let i = 0; i < 20; i++) await other.clients.text.put({ key: `after-${i}`, value: "x" });
    const records = await recordsOf(victim);
    for (const asked of [other, another]) {
      await eventually("a peer has heard of that many records", 10_000, async () =>
        (await recordsOf(asked)) >= records ? true : undefined,
      );
    }
    await victim.process.kill();
    rmSync(home, { recursive: true });
    cpSync(copy, home, { recursive: true });
    victim.restart();
    expect(await victim.process.end).toBe(1);
    expect(victim.process.tail()).toMatch(
      /node \d+ at \S+ has seen \d+ records of this node, and it comes back with \d+: .* \(R10\)\. Its directory was restored or damaged: replace it by a new node with an empty directory/,
    );
    expect([other, another].map(({ process }) => process.ended)).toEqual([null, null]);
    const { entry } = await another.clients.text.get({ key: "after-19" });
    expect(entry?.value).toBe("x");
  });
});

describe("a directory that cannot be used", () => {
  const started: NodeProcess[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map((node) => node.kill()));
  });

  async function startIn(path: string, args: readonly string[] = []): Promise<NodeProcess> {
    const [port, peerPort] = (await freePorts(2)) as [number, number];
    const node = new NodeProcess(port, peerPort, [...startArgs(port, peerPort, "", 1, ["--data", path]), ...args]);
    started.push(node);
    return node;
  }

  const refused = async (path: string, why: RegExp): Promise<void> => {
    const before = snapshot(path);
    const node = await startIn(path);
    expect(await node.end).toBe(1);
    expect(node.tail()).toMatch(why);
    expect(node.lines).toHaveLength(1);
    expect(snapshot(path), "nothing is touched").toEqual(before);
  };

  test("with files of somebody else", async () => {
    const path = folder();
    writeFileSync(join(path, "thesis.txt"), "years of work");
    await refused(path, /holds other files \(thesis\.txt\): give an empty directory/);
  });

  test("that is a file", async () => {
    const path = join(folder(), "file");
    writeFileSync(path, "");
    const node = await startIn(path);
    expect(await node.end).toBe(1);
    expect(node.tail()).toMatch(/is a file: give a directory of its own/);
  });

  test("of a newer format, of another make, cut short, or edited", async () => {
    const path = folder();
    const file = join(path, "onar.json");
    writeFileSync(file, JSON.stringify({ format: 99 }));
    await refused(path, /has format 99, and this version of Onar knows formats up to 3: use a newer one/);
    writeFileSync(file, "{}");
    await refused(path, /onar\.json is not of a node's directory/);
    writeFileSync(file, '{"format":1,"no');
    await refused(path, /cannot be read: it is not JSON/);
    writeFileSync(file, JSON.stringify({ format: 1, node: 7, votes: null, view: null, crc32: 1 }));
    await refused(path, /fails its checksum/);
  });

  test("a part of which was taken away", async () => {
    const path = folder();
    mkdirSync(join(path, "log"));
    await refused(path, /has a log but no onar\.json/);
    const whole = folder();
    const node = await startIn(whole);
    await node.said("ready", 30_000);
    await node.kill();
    rmSync(join(whole, "log"), { recursive: true });
    rmSync(join(whole, "checkpoint"), { recursive: true });
    const again = node.again();
    started.push(again);
    expect(await again.end).toBe(1);
    expect(again.tail()).toMatch(/the log and the checkpoint are gone, but this node has been in a cluster/);
  });

  test("is taken along to another peer address, and is not let into another cluster", async () => {
    const path = folder();
    const node = await startIn(path);
    await node.said("ready", 30_000);
    await node.stop();
    const moved = await startIn(path);
    await moved.said(`view 2 knows this node at ${HOST}:${moved.peerPort}`, 30_000);
    await moved.stop();
    const other = new NodeProcess(node.port, node.peerPort, [
      ...startArgs(node.port, node.peerPort, "", 1, ["--data", path]),
      ...["--cluster-id", "0123456789abcdef0123456789abcdef"],
    ]);
    started.push(other);
    expect(await other.end).toBe(1);
    expect(other.tail()).toMatch(/belongs to cluster [0-9a-f]{32}, but --cluster-id says 0123/);
    // With nothing but its addresses and its directory it is what it was.
    const { port, peerPort } = node;
    const args = ["--listen", `${HOST}:${port}`, "--peer-listen", `${HOST}:${peerPort}`, "--data", path];
    const again = new NodeProcess(port, peerPort, args);
    started.push(again);
    await again.said("ready", 30_000);
  });
});

/** Names and contents, of small files. */
function snapshot(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return entry.isFile() ? `${file} ${readFileSync(file, "latin1").slice(0, 200)}` : file;
    })
    .sort();
}
