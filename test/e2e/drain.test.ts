/** A rolling restart by SIGTERM: clients that follow gRPC health see no failed call, without retrying anything. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/ts/grpc/health/v1/health.js";
import { KeyValueServiceDefinition } from "../../gen/ts/onar/kv/v1/kv.js";
import { attempt, inWords, NodeClients } from "./clients.js";
import { buildIfStale, eventually, freePorts, HOST, NodeProcess } from "./harness.js";

const NODES = 3;
const CALL_MS = 5_000;
const folder = mkdtempSync(join(tmpdir(), "onar-drain-"));

/** A node that can be started again on its data. */
class Restartable {
  process: NodeProcess;

  constructor(
    private readonly port: number,
    private readonly peerPort: number,
    private readonly args: readonly string[],
  ) {
    this.process = this.start();
  }

  get address(): string {
    return `${HOST}:${this.port}`;
  }

  start(): NodeProcess {
    this.process = new NodeProcess(this.port, this.peerPort, this.args);
    return this.process;
  }
}

let nodes: readonly Restartable[];
beforeAll(async () => {
  buildIfStale();
  const ports = await freePorts(2 * NODES);
  const founders = ports.slice(NODES).map((port) => `${HOST}:${port}`);
  nodes = founders.map((peer, i) => {
    const port = ports[i] as number;
    return new Restartable(port, ports[i + NODES] as number, [
      ...["--listen", `${HOST}:${port}`, "--peer-listen", peer, "--join", founders.join(",")],
      ...["--expect", String(NODES), "--partitions", "64", "--data", join(folder, `node${i}`)],
    ]);
  });
  await Promise.all(nodes.map(({ process }) => process.said("ready", 30_000)));
});
afterAll(async () => {
  await Promise.all((nodes ?? []).map(({ process }) => process.kill()));
  rmSync(folder, { recursive: true, force: true });
});

/** Follows the health of one endpoint by Watch, as a balancer does. */
class Endpoint {
  readonly clients: NodeClients;
  serving = false;
  private readonly stop = new AbortController();

  constructor(readonly address: string) {
    this.clients = new NodeClients(address);
    void this.follow();
  }

  close(): void {
    this.stop.abort();
    this.clients.close();
  }

  private async follow(): Promise<void> {
    const { signal } = this.stop;
    while (!signal.aborted) {
      try {
        const service = KeyValueServiceDefinition.fullName;
        for await (const { status } of this.clients.health.watch({ service }, { signal })) {
          this.serving = status === ServingStatus.SERVING;
        }
      } catch {
        // Not there: asked again.
      }
      this.serving = false;
      await sleep(50);
    }
  }
}

/** Keeps calling at endpoints that serve, one after the other, and notes everything that is not OK. */
class Caller {
  done = 0;
  readonly failed: string[] = [];
  private stopping = false;
  private readonly loops: readonly Promise<void>[];

  constructor(
    private readonly endpoints: readonly Endpoint[],
    callers: number,
  ) {
    this.loops = Array.from({ length: callers }, (_, i) => this.loop(i));
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.loops);
  }

  private async loop(caller: number): Promise<void> {
    for (let n = caller; !this.stopping; n++) {
      const serving = this.endpoints.filter((endpoint) => endpoint.serving);
      const endpoint = serving[n % serving.length];
      if (endpoint === undefined) {
        this.failed.push("no endpoint serves");
        return;
      }
      const { kv } = endpoint.clients;
      const key = Buffer.from(`key-${n % 50}`);
      const requestId = randomBytes(16);
      const tried =
        n % 3 === 0
          ? await attempt(CALL_MS, (o) => kv.get({ key }, o))
          : await attempt(CALL_MS, (o) => kv.put({ key, value: key, requestId }, o));
      if ("answer" in tried) this.done++;
      else this.failed.push(`${endpoint.address}: ${inWords(tried.error)}`);
    }
  }
}

describe("SIGTERM of one node after the other, each started again", () => {
  test("fails no call of clients that follow health, and every node ends with 0", { timeout: 120_000 }, async () => {
    const endpoints = nodes.map(({ address }) => new Endpoint(address));
    try {
      await eventually("all endpoints serve", 20_000, () => (endpoints.every((one) => one.serving) ? true : undefined));
      const caller = new Caller(endpoints, 8);
      for (const [i, node] of nodes.entries()) {
        const before = caller.done;
        await eventually("calls go on", 20_000, () => (caller.done > before + 200 ? true : undefined));
        expect(await node.process.stop(20_000)).toBe(0);
        const without = caller.done;
        await eventually("calls go on without it", 20_000, () => (caller.done > without + 200 ? true : undefined));
        await node.start().said("ready", 30_000);
        await eventually("its health is followed again", 20_000, () => endpoints[i]?.serving || undefined);
        expect(caller.failed).toEqual([]);
      }
      await caller.stop();
      expect(caller.failed).toEqual([]);
      expect(caller.done).toBeGreaterThan(1_000);
    } finally {
      for (const endpoint of endpoints) endpoint.close();
    }
  });
});
