/**
 * A drain under load in a cluster of four real processes, one of which stands still at a named step of it
 * (test/pauses/pausing-node.mjs). Once everybody runs again the drain ends, nothing is lost, and the history is
 * linearizable.
 */
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { OperationState } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { viewOf, WITHIN_MS } from "./growing-cluster.js";
import { Cluster, eventually, type Node, ROOT } from "./harness.js";
import { Recorder } from "./recorder.js";
import { expectLinearizable, Workload } from "./workload.js";

const PROGRAM = join(ROOT, "test/pauses/pausing-node.mjs");
/** On a machine that does much else. */
const MOVED_WITHIN_MS = 90_000;
const KEYS = 50;
const CONTENDED = ["alpha", "beta", "gamma", "counter-a"];

const nameOf = (i: number): Buffer => Buffer.from(`kept ${i}`);

export class PausedDrain {
  private readonly id = randomBytes(16);
  private epoch = 0n;
  private readonly over = new AbortController();
  private readonly recorder = new Recorder();
  private load: Workload | null = null;

  private constructor(
    readonly cluster: Cluster,
    private readonly orders: string,
  ) {}

  /** `data` has the nodes' directories, node1 to node4. */
  static async filled(data: string, args: readonly string[] = []): Promise<PausedDrain> {
    const orders = join(data, "pause-at");
    const cluster = await Cluster.start({
      ...{ nodes: 4, replicas: 3, partitions: 4, data, program: PROGRAM, args },
      env: () => ({ ONAR_PAUSE_AT: orders }),
    });
    const { kv } = cluster.node(0).clients;
    for (let i = 0; i < KEYS; i++) await kv.put({ key: nameOf(i), value: Buffer.from(`value ${i}`) });
    return new PausedDrain(cluster, orders);
  }

  /**
   * Every node is asked to drain the fourth. Resolves with the one that stands still at the step. `later`: so many
   * views after the one that the drain is computed on; null: the step is of no view.
   */
  async pausedAt(step: string, later: number | null): Promise<Node> {
    const { recorder } = this;
    const { nodes } = this.cluster;
    const { epoch } = await viewOf(nodes[0] as Node);
    this.epoch = epoch;
    this.load = new Workload({
      ...{ recorder, nodes, moveOn: true, keys: CONTENDED, workersPerNode: 1, deadlineMs: 5_000, thinkMs: 40 },
    });
    writeFileSync(this.orders, `${step} ${later === null ? 0n : epoch + BigInt(later)}`);
    const asked = { operationId: this.id, epoch, nodeId: this.leaving };
    // Any of them may be the one that stands still.
    for (const { clients } of nodes)
      void clients.cluster.drain(asked, { signal: this.over.signal }).catch(() => undefined);
    const victim = await eventually(`a node stands still at ${step}`, WITHIN_MS, () =>
      nodes.find(({ process }) => process.lines.includes(`paused at ${step}`)),
    );
    expect(existsSync(this.orders)).toBe(false);
    return victim;
  }

  /** The state of the drain as the node tells it. */
  async toldBy({ clients }: Node): Promise<OperationState | undefined> {
    const { operation } = await clients.cluster.getOperation({ operationId: this.id, epoch: this.epoch });
    return operation?.state;
  }

  /** All nodes run again. */
  async ends(name: string): Promise<void> {
    this.over.abort();
    const { cluster, leaving } = this;
    await cluster.ready();
    const at = cluster.node(0);
    await eventually("the drain is done", MOVED_WITHIN_MS, async () =>
      (await this.toldBy(at)) === OperationState.DONE ? true : undefined,
    );
    const { partitions } = await viewOf(at);
    expect(partitions.filter(({ replicas }) => replicas.includes(leaving))).toEqual([]);
    await this.load?.stop();
    expectLinearizable(this.recorder, name);
    for (let i = 0; i < KEYS; i++) {
      const { entry } = await eventually(`key ${i} is read`, WITHIN_MS, () =>
        at.clients.kv.get({ key: nameOf(i) }).catch(() => undefined),
      );
      expect(entry?.value?.toString()).toBe(`value ${i}`);
    }
  }

  async stop(): Promise<void> {
    this.over.abort();
    const loaded = this.load?.stop();
    await this.cluster.stop();
    await loaded;
  }

  private get leaving(): number {
    return this.cluster.node(3).id;
  }
}
