/** Mistakes when a node starts: each is told in one line and ends it, or the node waits and says for whom. */
import { spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Execution } from "../../gen/ts/onar/kv/v1/error.js";
import { attempt, errorOf, inWords, NodeClients } from "./clients.js";
import { buildIfStale, Cluster, eventually, freePorts, HOST, NodeProcess, PROGRAM, startArgs } from "./harness.js";
import { onar } from "./programs.js";

beforeAll(() => buildIfStale());

const started: NodeProcess[] = [];
const start = (port: number, peerPort: number, args: readonly string[]): NodeProcess => {
  const node = new NodeProcess(port, peerPort, args);
  started.push(node);
  return node;
};
afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.kill()));
});

const listen = (port: number): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.listen(port, HOST, () => resolve(server));
  });

const endOf = (node: NodeProcess, withinMs = 30_000): Promise<number | string> =>
  eventually(`the node ends; it said ${node.tail()}`, withinMs, () => node.ended ?? undefined);

/** Sends the process that signal as soon as anybody in it listens for it: long before a node could be up. */
const signalAtOnce = (signal: NodeJS.Signals): string =>
  `data:text/javascript,${encodeURIComponent(
    `const { on } = process;
    process.on = function (event, ...rest) {
      on.call(this, event, ...rest);
      if (event === "${signal}") process.on = on, process.kill(process.pid, event);
      return this;
    };`,
  )}`;

const startSignalled = (signal: NodeJS.Signals, environment: NodeJS.ProcessEnv = {}) => {
  const options = ["--memory", "--listen", `${HOST}:0`, "--peer-listen", `${HOST}:0`, "--expect", "1"];
  const child = spawn(process.execPath, ["--import", signalAtOnce(signal), PROGRAM, "start", ...options], {
    env: { ...process.env, ...environment },
  });
  const said = { text: "" };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => (said.text += bytes));
  const end = new Promise<number | string | null>((resolve) => child.once("close", (code, by) => resolve(by ?? code)));
  return { child, said, end };
};

describe("a node that is told to stop while its program is being loaded", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("by %s says so and ends with 0", async (signal) => {
    const { said, end } = startSignalled(signal);
    expect(await end).toBe(0);
    expect(said.text).toMatch(/^(\{.*"|)stopped before it had started("|$)/m);
    expect(said.text).not.toMatch(/ready/);
  });

  test("by Ctrl-C leaves that to its parent, if it was started to end with it", async () => {
    const { child, said, end } = startSignalled("SIGINT", { ONAR_STOP_WITH_PARENT: "1" });
    await eventually("it is ready", 20_000, () => (said.text.includes("ready: ") ? true : undefined));
    child.stdin.end();
    expect(await end).toBe(0);
  });
});

describe("a node that starts", () => {
  test("ends with 1 and names option and address when a port is in use", async () => {
    const [port, peerPort, taken] = (await freePorts(3)) as [number, number, number];
    const server = await listen(taken);
    const client = start(taken, peerPort, startArgs(taken, peerPort, "", 1));
    const peer = start(port, taken, startArgs(port, taken, "", 1));
    expect(await endOf(client)).toBe(1);
    expect(client.tail()).toMatch(new RegExp(`error: --listen.*${HOST}:${taken}.*in use`));
    expect(await endOf(peer)).toBe(1);
    expect(peer.tail()).toMatch(new RegExp(`error: --peer-listen.*${HOST}:${taken}.*in use`));
    server.close();
  });

  test("says who is missing while a join address cannot be reached, answers Status, and stops at once on SIGTERM", async () => {
    const [port, peerPort, nobody, mute] = (await freePorts(4)) as [number, number, number, number];
    // One where nobody listens, one that takes connections and says nothing.
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(mute, HOST, resolve));
    const node = start(port, peerPort, startArgs(port, peerPort, `${HOST}:${nobody},${HOST}:${mute}`, 3));
    const line = await node.said("waiting for 2 of 3 nodes");
    expect(line).toContain(`${HOST}:${nobody}`);
    expect(line).toContain(`${HOST}:${mute}`);
    await node.said(`${HOST}:${nobody} (connection refused)`);
    const clients = new NodeClients(node.address);
    const error = await errorOf((o) => clients.kv.get({ key: Buffer.from("k") }, o), 5_000);
    expect(error).toMatchObject({ status: "UNAVAILABLE", info: { reason: "NO_WRITER" } });
    const status = await attempt(5_000, (o) => clients.cluster.status({}, o));
    expect(status).toMatchObject({ answer: { header: { viewEpoch: 0n } } });
    expect(await attempt(5_000, (o) => clients.health.check({ service: "" }, o))).toMatchObject({
      answer: { status: 2 },
    });
    expect(await attempt(5_000, (o) => clients.health.check({ service: "live" }, o))).toMatchObject({
      answer: { status: 1 },
    });
    const stopping = performance.now();
    expect(await node.stop()).toBe(0);
    // Less than the five seconds that calls under way are waited for.
    expect(performance.now() - stopping).toBeLessThan(4_500);
    clients.close();
    server.close();
  });

  test("names a host that there is not", async () => {
    const [port, peerPort] = (await freePorts(2)) as [number, number];
    const node = start(port, peerPort, startArgs(port, peerPort, "nobody.invalid:4700", 2));
    await node.said("nobody.invalid:4700 (unknown host)");
  });

  test("founds its cluster with a proxy for the web in its environment, and commands reach it", async () => {
    const proxy = `http://${HOST}:9`;
    const env = { http_proxy: proxy, https_proxy: proxy, grpc_proxy: proxy, all_proxy: proxy, no_proxy: "" };
    const cluster = await Cluster.start({ nodes: 2, replicas: 2, partitions: 16, env: () => env });
    try {
      const endpoint = ["--endpoint", cluster.node(0).address];
      expect(await onar(["put", "k", "v", ...endpoint], { env })).toMatchObject({ code: 0 });
      expect(await onar(["status", ...endpoint], { env })).toMatchObject({ code: 0 });
    } finally {
      await cluster.stop();
    }
  });

  test("with a wrong --cluster-id ends with 1 and names both clusters", async () => {
    const ports = await freePorts(6);
    const join = ports
      .slice(3)
      .map((port) => `${HOST}:${port}`)
      .join(",");
    const wrong = "0123456789abcdef0123456789abcdef";
    const nodes = [0, 1, 2].map((i) => {
      const [port, peerPort] = [ports[i] as number, ports[i + 3] as number];
      return start(port, peerPort, [
        ...startArgs(port, peerPort, join, 3),
        ...(i === 1 ? ["--cluster-id", wrong] : []),
      ]);
    });
    const odd = nodes[1] as NodeProcess;
    expect(await endOf(odd)).toBe(1);
    expect(odd.tail()).toMatch(new RegExp(`error: .*cluster [0-9a-f]{32}.*--cluster-id says ${wrong}`));
  });

  test("with another list of nodes is told apart by name", async () => {
    const [a, b, c, peerA, peerB, peerC, peerX] = (await freePorts(7)) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const at = (port: number): string => `${HOST}:${port}`;
    const all = [peerA, peerB, peerC].map(at).join(",");
    const first = start(a, peerA, startArgs(a, peerA, all, 3));
    start(b, peerB, startArgs(b, peerB, all, 3));
    const odd = start(c, peerC, startArgs(c, peerC, [peerA, peerC, peerX].map(at).join(","), 3));
    expect(await first.said("another list")).toContain(at(peerC));
    expect(await odd.said("another list")).toContain(at(peerA));
    await sleep(300);
    expect([first.ready, odd.ready]).toEqual([false, false]);
  });
});

describe("a cluster that exists", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 16 });
  });
  afterAll(() => cluster?.stop());

  test("does not take in a node that comes back empty, and says so; no second cluster comes about", async () => {
    const { port, peerPort } = cluster.node(2).process;
    await cluster.node(2).process.kill();
    const join = cluster.nodes.map((node) => `${HOST}:${node.process.peerPort}`).join(",");
    const secret = ["--cluster-secret-file", cluster.secretFile];
    const again = start(port, peerPort, [...startArgs(port, peerPort, join, 3), ...secret]);
    expect(await endOf(again)).toBe(1);
    expect(again.tail()).toMatch(/error: the other nodes already form cluster [0-9a-f]{32}/);
  });

  test("lets a node that is told to stop finish its calls, hand over and end with 0; the other serves on", async () => {
    const two = await Cluster.start({ nodes: 3, replicas: 3, partitions: 16 });
    try {
      const [leaving, staying] = [two.node(0), two.node(1)];
      let stop = false;
      const statuses = new Set<string>();
      const load = Promise.all(
        Array.from({ length: 6 }, async (_, i) => {
          for (let n = 0; !stop; n++) {
            const key = Buffer.from(`${i}-${n % 20}`);
            const tried = await attempt(5_000, (o) => leaving.clients.kv.put({ key, value: key }, o));
            if ("answer" in tried) continue;
            statuses.add(
              tried.error.info === null ? `bare ${tried.error.status} ${tried.error.message}` : tried.error.info.reason,
            );
            if (tried.error.info === null) return;
          }
        }),
      );
      await sleep(500);
      expect(await leaving.process.stop()).toBe(0);
      stop = true;
      await load;
      // Calls under way were answered; afterwards nothing listens any more.
      for (const status of statuses) expect(status).toMatch(/^DRAINING$|^bare UNAVAILABLE/);
      const key = Buffer.from("after");
      expect(await attempt(5_000, (o) => staying.clients.kv.put({ key, value: key }, o))).toHaveProperty("answer");
    } finally {
      await two.stop();
    }
  });

  test("never calls a write CANCELLED or UNAVAILABLE that its stopping node could not finish: it may yet have been executed", async () => {
    const two = await Cluster.start({ nodes: 3, replicas: 3, partitions: 16 });
    try {
      const leaving = two.node(0);
      const name = await two.findKey("stuck", (at) => at.writer === leaving.id);
      const key = Buffer.from(name);
      await attempt(5_000, (o) => leaving.clients.kv.put({ key, value: key }, o));
      for (const index of [1, 2]) two.node(index).process.pause();
      const stuck = [Buffer.alloc(0), Buffer.alloc(16, 1)].map((requestId) =>
        errorOf((o) => leaving.clients.kv.put({ key, value: Buffer.from("x"), requestId }, o), 9_000),
      );
      await sleep(100);
      const ended = leaving.process.stop(15_000);
      for (const error of await Promise.all(stuck)) {
        expect(error, inWords(error)).toMatchObject({ outcome: { execution: Execution.UNKNOWN } });
        expect(["UNKNOWN", "DEADLINE_EXCEEDED"]).toContain(error.status);
      }
      expect(await ended).toBe(0);
    } finally {
      await two.stop();
    }
  });
});
