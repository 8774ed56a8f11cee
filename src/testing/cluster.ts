/** The module `onar/testing`: a whole cluster in this process, for tests of programs that use Onar. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Prng } from "../base/prng.js";
import { type ClientOptions, OnarClient } from "../client/client.js";
import { makeSecretFile } from "../config/secret-file.js";
import { type OnarNode, startNodeWith } from "../embed/node.js";

/** The shape of a test cluster. */
export interface TestClusterOptions {
  /** 3 when missing. */
  readonly nodes?: number;
  /** Replicas per key; 3, or the number of nodes if less, when missing. */
  readonly replicationFactor?: number;
  /** A power of two; 16 when missing, so that little time goes into starting. */
  readonly partitions?: number;
  /**
   * All chance comes from this: {@link TestCluster.pick}, and which messages are lost. A whole number; drawn when
   * missing. Nodes run on real time, so the same seed makes the same choices, not the same run.
   */
  readonly seed?: number;
  /** The part of the messages between nodes that is lost, 0 … 1; 0 when missing. */
  readonly loss?: number;
}

const HOST = "127.0.0.1";
const READY_MS = 30_000;
const MAX_NODES = 31;
const DEFAULT_PARTITIONS = 16;

/**
 * Some nodes in this process, on loopback ports, with data in memory.
 *
 * It is made for correctness, not for speed: all nodes share one thread with the test. A node that was killed does not
 * come back, as its data is gone. A majority of the replicas must live for writes to go on.
 *
 * @example
 * ```ts
 * await using cluster = await startTestCluster({ nodes: 3, seed: 7 });
 * const client = cluster.client();
 * await cluster.kill(cluster.pick());
 * await client.put("still", "there");
 * ```
 */
export class TestCluster implements AsyncDisposable {
  /** Print it when a test fails: it repeats the choices. */
  readonly seed: number;
  private readonly chance: Prng;
  private readonly clients = new Set<OnarClient>();
  private readonly dead = new Set<OnarNode>();

  /** @internal */
  constructor(
    /** All nodes, also those that were killed. */
    readonly nodes: readonly OnarNode[],
    private readonly network: Network,
    seed: number,
  ) {
    this.seed = seed;
    this.chance = new Prng(seed).fork("pick");
  }

  /** The nodes that live. */
  get living(): readonly OnarNode[] {
    return this.nodes.filter((node) => !this.dead.has(node));
  }

  /** HOST:PORT of each node that lives. */
  get endpoints(): readonly string[] {
    return this.living.map((node) => node.clientAddress);
  }

  /** A client over gRPC, as your program has it; closed with the cluster at the latest. */
  client(options: Omit<ClientOptions, "endpoints"> = {}): OnarClient {
    const client = new OnarClient({ ...options, endpoints: this.endpoints });
    this.clients.add(client);
    return client;
  }

  /** A living node, by chance. */
  pick(): OnarNode {
    return this.chance.pick(this.living);
  }

  /** Ends a node without a word, as kill -9 does. It does not come back. */
  async kill(node: OnarNode): Promise<void> {
    this.dead.add(node);
    await node.kill();
  }

  /** No message passes between the two nodes any more, in either direction. Clients still reach both. */
  cut(a: OnarNode, b: OnarNode): void {
    this.cutOneWay(a, b);
    this.cutOneWay(b, a);
  }

  /** Messages of `from` do not reach `to` any more. */
  cutOneWay(from: OnarNode, to: OnarNode): void {
    this.network.cut.add(link(from.id, to.id));
  }

  /** Cuts a node off from all others. */
  isolate(node: OnarNode): void {
    for (const other of this.nodes) if (other !== node) this.cut(node, other);
  }

  /** Everything passes again. */
  heal(): void {
    this.network.cut.clear();
  }

  /** Ends all nodes and closes all clients. */
  async close(): Promise<void> {
    await Promise.all([...this.clients].map((client) => client.close()));
    await Promise.all(this.living.map((node) => this.kill(node)));
  }

  /** As `close`, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The network between the nodes. */
class Network {
  readonly cut = new Set<string>();
  private readonly chance: Prng;

  constructor(
    private readonly loss: number,
    seed: number,
  ) {
    this.chance = new Prng(seed).fork("loss");
  }

  passes(from: number, to: number): boolean {
    if (this.cut.size > 0 && this.cut.has(link(from, to))) return false;
    return this.loss === 0 || !this.chance.chance(this.loss);
  }
}

const link = (from: number, to: number): string => `${from}>${to}`;

/**
 * Starts a cluster in this process and resolves when it serves: every partition has a writer.
 *
 * @throws RangeError that names the option; an Error when it does not serve within 30 s
 */
export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const { nodes: count = 3, partitions = DEFAULT_PARTITIONS, loss = 0 } = options;
  const { replicationFactor = Math.min(3, count), seed = Math.floor(Math.random() * 2 ** 32) } = options;
  if (!(Number.isInteger(count) && count >= 1 && count <= MAX_NODES))
    throw new RangeError(`nodes must be a whole number from 1 to ${MAX_NODES}; it is ${count}`);
  if (!(loss >= 0 && loss <= 1)) throw new RangeError(`loss must be a number from 0 to 1; it is ${loss}`);
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a whole number; it is ${seed}`);
  const network = new Network(loss, seed);
  const peers = (await freePorts(count)).map((port) => `${HOST}:${port}`);
  const nodes: OnarNode[] = [];
  const cluster = new TestCluster(nodes, network, seed);
  const folder = mkdtempSync(join(tmpdir(), "onar-testing-"));
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  process.on("exit", removeFolder);
  const clusterSecretFile = join(folder, "cluster-secret");
  makeSecretFile(clusterSecretFile);
  let broken: Error | null = null;
  try {
    for (const peerListen of peers) {
      const settings = { listen: `${HOST}:0`, peerListen, join: peers, expect: count, replicationFactor, partitions };
      const onFatal = (error: Error): void => {
        broken ??= error;
      };
      const passes = (from: number, to: number): boolean => network.passes(from, to);
      nodes.push(await startNodeWith({ ...settings, clusterSecretFile, memory: true, onFatal }, passes));
    }
    const until = performance.now() + READY_MS;
    while (!nodes.every((node) => node.writersKnown)) {
      if (broken !== null) throw broken;
      if (performance.now() > until) throw new Error(`the cluster does not serve after ${READY_MS / 1_000} s`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } catch (error) {
    await cluster.close();
    throw error;
  } finally {
    // The nodes have read it, and keep what they have read.
    process.off("exit", removeFolder);
    removeFolder();
  }
  return cluster;
}

const POLL_MS = 20;

/** Ports that nobody listens at just now. */
async function freePorts(count: number): Promise<number[]> {
  const probes = await Promise.all(
    Array.from({ length: count }, async () => {
      const probe = createServer();
      await new Promise<void>((resolve, reject) => {
        probe.once("error", reject);
        probe.listen(0, HOST, resolve);
      });
      return probe;
    }),
  );
  return Promise.all(
    probes.map(async (probe) => {
      const address = probe.address();
      if (address === null || typeof address === "string") throw new Error("no port");
      await new Promise((resolve) => probe.close(resolve));
      return address.port;
    }),
  );
}
