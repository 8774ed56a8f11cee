/** The configuration that a node is started with. Cluster settings are fixed by whoever founds the cluster; node
 * settings are each node's own. */
import type { MoveCaps } from "../core/placement/moves.js";
import { DEFAULT_PARTITIONS } from "../core/placement/position.js";

export interface Limits {
  /** Longest key, bytes. */
  readonly maxKeyBytes: number;
  /** Longest value, bytes. */
  readonly maxValueBytes: number;
  /** Longest message, bytes. */
  readonly maxMessageBytes: number;
}

export const DEFAULT_LIMITS: Limits = { maxKeyBytes: 4_096, maxValueBytes: 1_048_576, maxMessageBytes: 4_194_304 };

/** For the whole cluster; what the proposer of view 1 was started with counts. */
export interface ClusterConfig {
  /** Replicas per key (δ): 1 … the number of founding nodes. */
  readonly replicationFactor: number;
  /** A power of two, 1 … 65,536; never changes afterwards. */
  readonly partitions: number;
}

export const TRANSPORTS = ["lean", "grpc-js"] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** The services of the client port, beside keys and the state of the cluster. */
export interface ClientPortConfig {
  /** Whose HTTP/2 and gRPC serves the port: our own (`lean`), or grpc-js. */
  readonly transport: Transport;
  /** Server reflection is served. */
  readonly reflection: boolean;
  /** The calls of backups and restores are served. */
  readonly backup: boolean;
  /**
   * HTTP/2 state and unsent answers of one connection, MiB: beyond it, further calls of that connection are refused.
   */
  readonly connectionMemory: number;
  /** So many calls of a connection may be cancelled at once … */
  readonly resetBurst: number;
  /** … and so many a second in the long run; beyond both the connection is ended. */
  readonly resetRate: number;
  /** Calls of a connection at a time. */
  readonly maxConcurrentStreams: number;
  /** Longest metadata of a call, bytes, as HTTP/2 counts. */
  readonly maxHeaderListSize: number;
  /** From connecting to the client's first settings, milliseconds. */
  readonly connectionTimeoutMs: number;
  /** A connection without a call for so long is ended in order, milliseconds; null: never. */
  readonly maxConnectionIdleMs: number | null;
  /** A connection that is older is ended in order, milliseconds; null: never. */
  readonly maxConnectionAgeMs: number | null;
  /** … and its calls are cut after so many milliseconds more. */
  readonly maxConnectionAgeGraceMs: number;
  /** A client that has said nothing for so long is asked whether it is there, milliseconds; null: never. */
  readonly keepaliveTimeMs: number | null;
  /** … and its connection is ended if it says nothing for so many milliseconds more. */
  readonly keepaliveTimeoutMs: number;
  /** A client that asks more often than that is ended, milliseconds. */
  readonly keepaliveMinTimeMs: number;
  /** Clients may ask while they have no call. */
  readonly keepalivePermitWithoutStream: boolean;
}

/** How fast this node fetches replicas that move to it. */
export interface TransferConfig {
  /** MiB a second, of all of them together. */
  readonly rateMib: number;
  /** Partitions at a time. */
  readonly partitions: number;
}

export const DEFAULT_TRANSFERS: TransferConfig = { rateMib: 8, partitions: 4 };

/** As a node has it that listens at loopback. */
export const DEFAULT_CLIENT_PORT: ClientPortConfig = {
  transport: "lean",
  reflection: true,
  backup: true,
  connectionMemory: 256,
  resetBurst: 10_000,
  resetRate: 1_000,
  maxConcurrentStreams: 2_048,
  maxHeaderListSize: 16_384,
  connectionTimeoutMs: 20_000,
  maxConnectionIdleMs: null,
  maxConnectionAgeMs: null,
  maxConnectionAgeGraceMs: 30_000,
  // One that was ended for resetting too many streams never says that it is gone.
  keepaliveTimeMs: 10_000,
  keepaliveTimeoutMs: 10_000,
  keepaliveMinTimeMs: 1_000,
  keepalivePermitWithoutStream: true,
};
/** From NOT_SERVING until calls are refused, seconds: meshes and balancers look every few seconds. */
export const DEFAULT_DRAIN_DELAY_S = 5;
/** The same for a node that nobody at another machine can reach. */
export const LOOPBACK_DRAIN_DELAY_S = 0.5;

export interface NodeConfig {
  /** HOST:PORT to serve clients at; port 0 takes a free one. */
  readonly listen: string;
  /** HOST:PORT that clients are told; "" = where it listens. */
  readonly advertise: string;
  /** HOST:PORT to serve other nodes at. */
  readonly peerListen: string;
  /** HOST:PORT that other nodes are told; "" = where it listens. */
  readonly peerAdvertise: string;
  /** HOST:PORT to serve metrics at; "" = nowhere. */
  readonly metricsListen: string;
  /** Peer addresses of the other founding nodes; this node's own may be among them. */
  readonly join: readonly string[];
  /** Number of founding nodes, this one included; 0 = not said, which a node with data need not. */
  readonly expect: number;
  /** The file of the cluster secret, and what errors call the setting; null: the cluster has no secret. */
  readonly clusterSecretFile: { readonly label: string; readonly path: string } | null;
  readonly zone: string;
  /** Nodes that one command starts; processes.ts has what each of several is started with. */
  readonly processes: number;
  /** As a new member of a cluster that is there it gets as many replicas as others have, by itself. */
  readonly rebalance: boolean;
  /** Moves of replicas that may be under way together, where this node proposes views. */
  readonly moveCaps: MoveCaps;
  /** A member that is not heard for so long gives its replicas to others, milliseconds; 0: never. */
  readonly replaceAfterMs: number;
  readonly storage: "memory" | "disk";
  /** The node's directory; "" with storage in memory. */
  readonly data: string;
  /** How much memory storage on disk uses beside what the system caches, MiB. */
  readonly storageMemory: number;
  readonly transfers: TransferConfig;
  /** A disk that has stood still for longer makes the node not ready, milliseconds. */
  readonly diskStallMs: number;
  /** 32 hexadecimal digits: refuse every other cluster; "" = take the one found. */
  readonly clusterId: string;
  readonly cluster: ClusterConfig;
  /**
   * Those of the cluster's settings that somebody gave, and their names in errors. A node whose directory belongs to a
   * cluster with other settings does not start.
   */
  readonly insisted: readonly { readonly key: keyof ClusterConfig; readonly label: string }[];
  readonly limits: Limits;
  /** Connections of clients at a time; null: as many as the limit of open files allows. */
  readonly maxConnections: number | null;
  readonly clientPort: ClientPortConfig;
  /** A stopping node takes calls for at least so long after its health fell, milliseconds. */
  readonly drainDelayMs: number;
  /** Where traces go, and which part of the calls begins one, 0 to 1; null: nothing is traced. */
  readonly traces: { readonly endpoint: string; readonly sample: number } | null;
}

/** The share of calls without a trace that begin one. */
export const DEFAULT_TRACE_SAMPLE = 0.01;
export const DEFAULT_REPLICATION_FACTOR = 3;
export const DEFAULT_STORAGE_MEMORY_MIB = 128;
export const DEFAULT_DISK_STALL_S = 2;
export const DEFAULT_REPLACE_AFTER_S = 300;
export const MIN_STORAGE_MEMORY_MIB = 16;
export const MAX_STORAGE_MEMORY_MIB = 65_536;
export const MAX_CONNECTIONS = 1_000_000;
export { DEFAULT_PARTITIONS };
