/** `onar start --processes N`: several nodes of one machine from one command, behind one client port. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { attempt, NodeClients } from "./clients.js";
import { buildIfStale, eventually, freePorts, HOST, NodeProcess } from "./harness.js";
import { onar } from "./programs.js";

beforeAll(() => buildIfStale());

const folders: string[] = [];
const started: NodeProcess[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.kill()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), "onar-processes-"));
  folders.push(made);
  return made;
};

/** A port with three free ones behind it, and another one with two. */
async function freeRanges(): Promise<readonly [number, number]> {
  const free = (port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const probe = createServer().once("error", () => resolve(false));
      probe.listen(port, HOST, () => probe.close(() => resolve(true)));
    });
  for (;;) {
    const [listen = 0] = await freePorts(1);
    const peerListen = listen + 10;
    const wanted = [1, 2, 3, 10, 11, 12].map((more) => free(listen + more));
    if ((await Promise.all(wanted)).every(Boolean)) return [listen, peerListen];
  }
}

async function start(args: readonly string[], processes = 3): Promise<NodeProcess> {
  const [listen, peerListen] = await freeRanges();
  const node = new NodeProcess(listen, peerListen, [
    ...["--listen", `${HOST}:${listen}`, "--peer-listen", `${HOST}:${peerListen}`],
    ...["--processes", String(processes), ...args],
  ]);
  started.push(node);
  return node;
}

/** The nodes that answer on `count` new connections to the address. */
async function nodesAt(address: string, count: number): Promise<ReadonlySet<number>> {
  const found = new Set<number>();
  for (let i = 0; i < count; i++) {
    const clients = new NodeClients(address);
    const answer = await attempt(10_000, (options) => clients.cluster.status({}, options));
    clients.close();
    if ("answer" in answer) found.add(answer.answer.header?.nodeId ?? 0);
  }
  return found;
}

const pidOf = (line: string): number => Number(/pid (\d+)/.exec(line)?.[1]);

describe.each(["lean", "grpc-js"])("three nodes from one command, on %s", (transport) => {
  test("share the client port, and one that is killed comes back with its data", async () => {
    const data = folder();
    const all = await start(["--expect", "3", "--data", data, "--zone", "here", "--transport", transport]);
    await all.said("ready: 3 nodes serve clients at");
    const { address } = all;
    expect(await onar(["put", "k", "v", "--endpoint", address])).toMatchObject({ code: 0 });
    expect((await nodesAt(address, 6)).size).toBe(3);
    const status = JSON.parse((await onar(["nodes", "-o", "json", "--endpoint", address])).stdout);
    expect(status.nodes.map(({ zone }: { zone: string }) => zone)).toEqual(["here", "here", "here"]);

    // One of them, found by the address of its own.
    const [second] = await nodesAt(`${HOST}:${all.port + 2}`, 1);
    const before = new Set(await pidsOf(all));
    process.kill(await pidAt(all, 2), "SIGKILL");
    const line = await all.said("starts again in");
    expect(before).toContain(pidOf(line));
    // The port goes on meanwhile, with what serves.
    expect(await onar(["get", "k", "--endpoint", address])).toMatchObject({ code: 0, stdout: "v" });
    await eventually("all three serve again, under the ids they had", 30_000, async () => {
      const found = await nodesAt(address, 6);
      return found.size === 3 && found.has(second ?? 0) ? true : undefined;
    });
    expect(await all.stop(30_000)).toBe(0);
  });
});

/** The processes that a supervisor has started. */
async function pidsOf(all: NodeProcess): Promise<readonly number[]> {
  const { readFileSync } = await import("node:fs");
  const { pid } = all.child;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(/\s+/).map(Number);
}

/** They are started in the order of their numbers. */
const pidAt = async (all: NodeProcess, number: number): Promise<number> =>
  [...(await pidsOf(all))].sort((a, b) => a - b)[number - 1] ?? 0;

const gone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

describe("the nodes of one command", () => {
  test("end when their supervisor is killed", async () => {
    const all = await start(["--expect", "3", "--memory"]);
    await all.said("ready: 3 nodes serve clients at");
    const pids = await pidsOf(all);
    expect(pids).toHaveLength(3);
    await all.kill();
    await eventually("they end", 20_000, () => (pids.every(gone) ? true : undefined));
  });

  test("all end with an error that one of them cannot begin without", async () => {
    const [listen, peerListen] = await freeRanges();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(listen + 2, HOST, resolve));
    const node = new NodeProcess(listen, peerListen, [
      ...["--listen", `${HOST}:${listen}`, "--peer-listen", `${HOST}:${peerListen}`],
      ...["--processes", "3", "--expect", "3", "--memory"],
    ]);
    started.push(node);
    await node.said(`[2] error: --listen: cannot listen at ${HOST}:${listen + 2}: the port is in use`);
    expect(await node.end).toBe(1);
    taken.close();
  });

  test("are not started when the shared port is taken, or the directory is that of a single node", async () => {
    const [listen, peerListen] = await freeRanges();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(listen, HOST, resolve));
    const ports = ["--listen", `${HOST}:${listen}`, "--peer-listen", `${HOST}:${peerListen}`];
    const busy = await onar(["start", ...ports, "--processes", "3", "--expect", "3", "--memory"]);
    expect(busy).toMatchObject({ code: 1 });
    expect(busy.stderr).toContain(`--listen: cannot listen at ${HOST}:${listen}: the port is in use`);
    taken.close();

    const data = folder();
    const single = await start(["--expect", "1", "--data", data], 1);
    await single.said("ready");
    expect(await single.stop(30_000)).toBe(0);
    const several = await onar(["start", ...ports, "--processes", "3", "--expect", "3", "--data", data]);
    expect(several).toMatchObject({ code: 2 });
    expect(several.stderr).toContain(`move all of it to ${join(data, "node1")}`);
  });
});
