/** A cluster of real processes on disk, further nodes that join it, and the end of them all. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Operation, OperationState, type View } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { Cluster, eventually, freePorts, HOST, Node, NodeProcess } from "./harness.js";

export const PARTITIONS = 8;
export const WITHIN_MS = 30_000;

export interface NewcomerOptions {
  readonly contacts: readonly string[];
  /** "": none. */
  readonly secretFile: string;
  readonly more?: readonly string[];
  /** false: in memory; null: `more` says where. */
  readonly disk?: boolean | null;
  /** In place of the one that is shipped. */
  readonly program?: string;
}

export class GrowingCluster {
  /** Every node has a directory of its own in it. */
  readonly data = mkdtempSync(join(tmpdir(), "onar-growing-"));
  private cluster: Cluster | null = null;
  private readonly newcomers: Node[] = [];

  /** `zones`: of the nodes, in their order; the first counts again behind the last. */
  async start(
    nodes = 3,
    replicas = 3,
    args: readonly string[] = [],
    zones: readonly string[] = [""],
  ): Promise<Cluster> {
    const env = (node: number): Record<string, string> => ({ ONAR_ZONE: zones[node % zones.length] ?? "" });
    this.cluster = await Cluster.start({ nodes, replicas, partitions: PARTITIONS, data: this.data, args, env });
    return this.cluster;
  }

  /** Begins to join; whether it comes to that is another question. */
  async newcomer(name: string, options: NewcomerOptions): Promise<Node> {
    const { contacts, secretFile, more = [], disk = true, program } = options;
    const [port = 0, peerPort = 0] = await freePorts(2);
    return this.add(
      new NodeProcess(
        port,
        peerPort,
        [
          ...["--listen", `${HOST}:${port}`, "--peer-listen", `${HOST}:${peerPort}`],
          ...["--join", contacts.join(",")],
          ...(disk === null ? [] : disk ? ["--data", join(this.data, name)] : ["--memory"]),
          ...(secretFile === "" ? [] : ["--cluster-secret-file", secretFile]),
          ...more,
        ],
        {},
        program,
      ),
    );
  }

  /** Has become a member, and serves. `grows`: it gets its share by itself; otherwise nothing moves to it. */
  async joined(name: string, to: Cluster, disk = true, program?: string, grows = false): Promise<Node> {
    const contacts = [`${HOST}:${to.node(1).process.peerPort}`];
    const more = grows ? [] : ["--no-rebalance"];
    const options = { contacts, secretFile: to.secretFile, more, disk, ...(program === undefined ? {} : { program }) };
    const node = await this.newcomer(name, options);
    await node.process.said("ready", WITHIN_MS);
    return node;
  }

  /** Ends with the others. */
  add(process: NodeProcess): Node {
    const node = new Node(process);
    this.newcomers.push(node);
    return node;
  }

  async end(): Promise<void> {
    for (const node of this.newcomers.splice(0)) await node.process.kill();
    await this.cluster?.stop();
    this.cluster = null;
    rmSync(this.data, { recursive: true, force: true });
  }
}

export async function viewOf(node: Node): Promise<View> {
  const { view } = await node.clients.cluster.getView({});
  if (view === undefined) throw new Error("no view");
  return view;
}

export const idOf = async (node: Node): Promise<number> => {
  const { members } = await viewOf(node);
  const found = members.find(({ peerAddress }) => peerAddress === `${HOST}:${node.process.peerPort}`);
  if (found === undefined) throw new Error(`nobody at ${node.process.peerPort}`);
  return found.id;
};

export interface Named {
  readonly operationId: Buffer;
  readonly epoch: bigint;
}

/** Asks, computed on the newest view, until an operation is not superseded by a view that came in between. */
export async function insist(
  at: Node,
  ask: (named: Named) => Promise<{ operation?: Operation | undefined }>,
): Promise<Operation> {
  return eventually("the operation is taken", WITHIN_MS, async () => {
    const { epoch } = await viewOf(at);
    const { operation } = await ask({ operationId: randomBytes(16), epoch });
    return operation?.state === OperationState.PENDING || operation?.state === OperationState.DONE
      ? operation
      : undefined;
  });
}

/** The state in which the operation ends, as that node tells. */
export async function becomesOf(at: Node, { id, epoch }: Operation): Promise<OperationState> {
  let last = OperationState.UNSPECIFIED;
  for await (const { operation } of at.clients.cluster.watchOperation({ operationId: id, epoch }))
    last = operation?.state ?? OperationState.UNSPECIFIED;
  return last;
}
