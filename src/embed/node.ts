/** A node inside this process: started from an options object, with the settings and the errors of `onar start`. */
import { OnarClient } from "../client/client.js";
import type { NodeConfig } from "../config/config.js";
import { Gathered } from "../config/gather.js";
import { nearest } from "../config/nearest.js";
import { nodeConfigOf } from "../config/node-config.js";
import { SettingError } from "../config/setting-error.js";
import { NODE_KEYS, NODE_SETTINGS, type NodeSettingKey } from "../config/settings.js";
import { fromOptions } from "../config/sources.js";
import { type Passes, type RunningServer, startServer } from "../server/server.js";
import { InProcessConnection } from "./in-process.js";

/**
 * The settings of a node, as `onar start` takes them (docs/configuration.md): `peerListen` is `--peer-listen` and so
 * on. Neither the environment nor a file is read.
 */
export interface NodeOptions {
  /** HOST:PORT to serve clients at; port 0 takes a free one. */
  readonly listen: string;
  /** HOST:PORT to serve other nodes at; port 0 takes a free one. */
  readonly peerListen: string;
  /** HOST:PORT that clients are told; where it listens when missing. */
  readonly advertise?: string;
  /** HOST:PORT that other nodes are told; where it listens when missing. */
  readonly peerAdvertise?: string;
  /** Peer addresses of all founding nodes; this node's own may be among them. */
  readonly join?: readonly string[];
  /** Number of founding nodes, this one included. A node whose directory holds its data needs it no more. */
  readonly expect?: number;
  /** Replicas per key; 3, or `expect` if less, when missing. */
  readonly replicationFactor?: number;
  /** A power of two; 256 when missing. */
  readonly partitions?: number;
  /** Failure zone. */
  readonly zone?: string;
  /** A new member of a cluster that is there gets as many replicas as others have, by itself; true when missing. */
  readonly rebalance?: boolean;
  /** Moves of replicas that a node gives or takes at a time; 16 when missing. */
  readonly movesPerNode?: number;
  /** Moves of replicas in the cluster at a time; 64 when missing. */
  readonly movesPerCluster?: number;
  /** Others get the replicas of a node that is not heard for so long, seconds; 0: never; 300 when missing. */
  readonly replaceAfter?: number;
  /** A file with the cluster's secret, which only its owner can read: all nodes have the same. */
  readonly clusterSecretFile?: string;
  /** Listen on other than loopback although there is no cluster secret: whoever reaches the ports can do anything. */
  readonly insecure?: boolean;
  /** 32 hexadecimal digits: refuse every other cluster. */
  readonly clusterId?: string;
  /** Keep all data in memory: it is forgotten when the node stops. */
  readonly memory?: boolean;
  /** Keep data in this directory. */
  readonly data?: string;
  /** Most memory that storage on disk takes, MiB. */
  readonly storageMemory?: number;
  /** Serve reflection, from which tools such as grpcurl learn the calls; true when missing. */
  readonly reflection?: boolean;
  /** MiB a second at which replicas that move to this node are fetched, all of them together; 8 when missing. */
  readonly transferRate?: number;
  /** Replicas that this node fetches at a time; 4 when missing. */
  readonly transferPartitions?: number;
  /** The node is not ready while its disk has stood still for longer, seconds; 2 when missing. */
  readonly diskStall?: number;
  /**
   * Serve the calls of backups and restores to whoever reaches `listen`; true when missing if that is at loopback, else
   * false.
   */
  readonly backup?: boolean;
  /**
   * Take calls for so long after a stopping node's health fell, seconds; 5 when missing, 0.5 if both ports are at
   * loopback.
   */
  readonly drainDelay?: number;
  /** The transport that serves clients: Onar's own gRPC, `lean`, or `grpc-js`; `lean` when missing. */
  readonly transport?: "lean" | "grpc-js";
  /** Unsent answers and HTTP/2 state of one client connection, MiB; 256 when missing. */
  readonly connectionMemory?: number;
  /** Calls of one client connection that may be cancelled at once; 10,000 when missing. */
  readonly resetBurst?: number;
  /** Calls of one client connection that may be cancelled a second, in the long run; 1,000 when missing. */
  readonly resetRate?: number;
  /** Client connections are ended in order at this age, seconds; never when missing. */
  readonly maxConnectionAge?: number;
  /** How long their calls may still take then, seconds; 30 when missing. */
  readonly maxConnectionAgeGrace?: number;
  /** Client connections are ended in order when they have had no call for so long, seconds; never when missing. */
  readonly maxConnectionIdle?: number;
  /** Calls of one client connection at a time; 2,048 when missing. */
  readonly maxConcurrentStreams?: number;
  /** Longest metadata of a call, bytes, as HTTP/2 counts; 16,384 when missing. */
  readonly maxHeaderListSize?: number;
  /** A client that has not begun to speak HTTP/2 so long after it connected is ended, seconds; 20 when missing. */
  readonly connectionTimeout?: number;
  /** A client that has said nothing for so long is asked whether it is there, seconds; 10 when missing. */
  readonly keepaliveTime?: number;
  /** Its connection is ended if it says nothing for so much longer, seconds; 10 when missing. */
  readonly keepaliveTimeout?: number;
  /** A client that asks whether the node is there more often than that is ended, seconds; 1 when missing. */
  readonly keepaliveMinTime?: number;
  /** Clients may ask so while they have no call; true when missing. */
  readonly keepalivePermitWithoutStream?: boolean;
  /** HOST:PORT to serve Prometheus metrics at; nowhere when missing. */
  readonly metricsListen?: string;
  /** URL of an OpenTelemetry collector to send traces to, by OTLP over HTTP; nothing is traced when missing. */
  readonly traceEndpoint?: string;
  /** Which part of the calls that bring no trace of their own is traced, 0 to 1; 0.01 when missing. */
  readonly traceSample?: number;
  /** Longest key that clients may use, bytes. */
  readonly maxKeyBytes?: number;
  /** Longest value that clients may store, bytes. */
  readonly maxValueBytes?: number;
  /** Longest message that clients may send, bytes. */
  readonly maxMessageBytes?: number;
  /**
   * Connections of clients at a time; further ones are refused. As many as the limit of open files allows when missing.
   */
  readonly maxConnections?: number;
  /** Is told what an operator would read, a line at a time. */
  readonly onNotice?: (text: string) => void;
  /** Is told why the node cannot go on and has stopped. When missing, that is thrown where nobody catches it. */
  readonly onFatal?: (error: Error) => void;
}

/** How a client of a node in this process is to behave. */
export interface InProcessClientOptions {
  /** As ClientOptions.timeoutMs. */
  readonly timeoutMs?: number;
}

/** The node cannot go on, or could not start; the message is for people. */
export class NodeError extends Error {
  override readonly name = "NodeError";
}

/** A node in this process. */
export class OnarNode implements AsyncDisposable {
  private ended = false;
  private readonly clients = new Set<OnarClient>();

  /** @internal */
  constructor(
    private readonly server: RunningServer,
    private readonly config: NodeConfig,
  ) {}

  /** Drawn when the node was new; names its data. */
  get id(): number {
    return this.server.nodeId;
  }

  /** HOST:PORT where clients reach it. */
  get clientAddress(): string {
    return this.server.clientAddress;
  }

  /** HOST:PORT where other nodes reach it. */
  get peerAddress(): string {
    return this.server.peerAddress;
  }

  /** Resolves when the cluster exists and this node serves. */
  get serving(): Promise<void> {
    return this.server.serving;
  }

  /**
   * Every partition has a writer, as far as this node knows.
   *
   * @internal
   */
  get writersKnown(): boolean {
    const { node } = this.server.state;
    return node !== null && node.status.withoutWriter === 0;
  }

  /** A client whose calls go straight to this node, without sockets; closed with the node at the latest. */
  client(options: InProcessClientOptions = {}): OnarClient {
    const { server, config } = this;
    const client = new OnarClient(
      { ...options, endpoints: [server.clientAddress], direct: false },
      () => new InProcessConnection(server.state, config.limits, () => this.ended),
    );
    this.clients.add(client);
    return client;
  }

  /**
   * Drains, then stops: offices go to other nodes while requests are still taken, requests under way are answered. With
   * `drain: false`, when the whole cluster stops and there is nobody to take over, only the latter.
   */
  async close(options: { readonly drain: boolean } = { drain: true }): Promise<void> {
    await this.server.close(options);
    await this.end();
  }

  /** Stops at once and says nothing to anybody, as a process that is killed. For tests. */
  async kill(): Promise<void> {
    this.server.kill();
    await this.end();
  }

  /** As `close`, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async end(): Promise<void> {
    this.ended = true;
    await Promise.all([...this.clients].map((client) => client.close()));
    this.clients.clear();
  }
}

/**
 * Starts a node in this process and resolves when it listens; await {@link OnarNode.serving} before the first call, or
 * just call: calls wait.
 *
 * @throws SettingError, StartError with a message that names the option
 *
 * @example
 * ```ts
 * await using node = await startNode({ listen: "127.0.0.1:4600", peerListen: "127.0.0.1:4700", expect: 1, memory: true
 * }); const client = node.client();
 * await client.put("greeting", "hello");
 * ```
 */
export const startNode = (options: NodeOptions): Promise<OnarNode> => startNodeWith(options, undefined);

/** The node's notices go to `onNotice`. */
const OF_THE_PROGRAM: ReadonlySet<string> = new Set(["processes", "logLevel", "logFormat"] satisfies NodeSettingKey[]);

/** The same, for tests that keep messages back. */
export async function startNodeWith(options: NodeOptions, passes: Passes | undefined): Promise<OnarNode> {
  const { onNotice, onFatal, ...settings } = options;
  const known = NODE_KEYS.filter((key) => !OF_THE_PROGRAM.has(key));
  for (const key of Object.keys(settings)) {
    if (known.some((one) => one === key)) continue;
    const meant = nearest(key, [...known, "onNotice", "onFatal"]);
    throw new SettingError(`options.${key} is no setting${meant === null ? "" : `; did you mean ${meant}?`}`);
  }
  const config = nodeConfigOf(new Gathered(NODE_SETTINGS, [fromOptions(settings)]));
  const server = await startServer(
    config,
    {
      notice: (text) => onNotice?.(text),
      fatal: (text) => {
        const error = new NodeError(text);
        if (onFatal !== undefined) return onFatal(error);
        queueMicrotask(() => {
          throw error;
        });
      },
    },
    passes,
  );
  return new OnarNode(server, config);
}
