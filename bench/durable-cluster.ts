/** A cluster on disk whose nodes can be killed and started again, each a process of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClusterNode, freeBasePort, PEER_PORT_OFFSET } from "./cluster.js";
import { type Child, startChild } from "./process/child.js";

const HOST = "127.0.0.1";
/** Metrics ports are this far above the client ports. */
const METRICS_PORT_OFFSET = 50;
const START_LIMIT_MS = 60_000;

export class DurableCluster {
  readonly nodes: ClusterNode[] = [];
  private readonly children: Child[] = [];

  private constructor(
    private readonly program: string,
    private readonly count: number,
    private readonly basePort: number,
    private readonly folder: string,
    private readonly args: readonly string[],
  ) {}

  /** `args`: further ones of every node. */
  static async start(program: string, count: number, args: readonly string[] = []): Promise<DurableCluster> {
    const folder = mkdtempSync(join(tmpdir(), "onar-bench-"));
    const cluster = new DurableCluster(program, count, await freeBasePort(count), folder, args);
    try {
      // None is ready before all are there.
      await Promise.all(Array.from({ length: count }, (_, index) => cluster.startNode(index)));
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Resolves when the node serves. */
  async startNode(index: number): Promise<void> {
    const { basePort, count } = this;
    const peers = Array.from({ length: count }, (_, i) => `${HOST}:${basePort + PEER_PORT_OFFSET + i}`);
    const port = basePort + index;
    const args = [
      ...["start", "--listen", `${HOST}:${port}`, "--peer-listen", peers[index] ?? ""],
      ...["--join", peers.join(","), "--expect", `${count}`, "--data", join(this.folder, `node${index + 1}`)],
      ...["--log-format", "text", "--metrics-listen", this.metricsAddress(index), ...this.args],
    ];
    const child = await startChild([this.program, ...args], START_LIMIT_MS);
    this.children[index] = child;
    this.nodes[index] = { number: index + 1, pid: child.pid, client: { host: HOST, port } };
  }

  /** HOST:PORT of the node's metrics. */
  metricsAddress(index: number): string {
    return `${HOST}:${this.basePort + METRICS_PORT_OFFSET + index}`;
  }

  /** SIGKILL; `gone` resolves when it has ended. */
  kill(index: number): { readonly gone: Promise<void> } {
    const child = this.children[index];
    if (child === undefined) throw new Error(`there is no node ${index + 1}`);
    return { gone: child.kill() };
  }

  /** Ends all and removes their data. */
  async stop(): Promise<void> {
    await Promise.all(this.children.map((child) => child?.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
