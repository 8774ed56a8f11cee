/**
 * From gathered settings to what a node is started with: everything that can be known to be wrong before anything is
 * started.
 */
import { MOVE_CAPS } from "../core/placement/moves.js";
import { DEFAULT_PARTITIONS } from "../core/placement/position.js";
import {
  type ClientPortConfig,
  DEFAULT_CLIENT_PORT,
  DEFAULT_DISK_STALL_S,
  DEFAULT_DRAIN_DELAY_S,
  DEFAULT_LIMITS,
  DEFAULT_REPLACE_AFTER_S,
  DEFAULT_REPLICATION_FACTOR,
  DEFAULT_STORAGE_MEMORY_MIB,
  DEFAULT_TRACE_SAMPLE,
  DEFAULT_TRANSFERS,
  type Limits,
  LOOPBACK_DRAIN_DELAY_S,
  type NodeConfig,
} from "./config.js";
import type { Gathered } from "./gather.js";
import { peersOf, portsMustFit, zoneOfMachine } from "./processes.js";
import { flagOf } from "./setting.js";
import { SettingError } from "./setting-error.js";
import type { NodeSettingKey, NodeSettings } from "./settings.js";
import { everyName } from "./sources.js";
import { type Address, formatAddress, isLoopback, replicationFactor, WILDCARDS } from "./values.js";

const STORAGE_REQUIRED = "say where the node's data goes: --data DIR keeps it, --memory forgets it when the node stops";

const CLUSTER_KEYS = ["replicationFactor", "partitions"] as const;

/** A CompareAndSet has a key, a value and another value in its condition, and some fields besides. */
const MESSAGE_OVERHEAD_BYTES = 1_024;

export function nodeConfigOf(gathered: Gathered<NodeSettings>): NodeConfig {
  const listen = gathered.value("listen") ?? required("listen", "HOST:PORT");
  const peerListen = gathered.value("peerListen") ?? required("peerListen", "HOST:PORT");
  const metricsListen = gathered.value("metricsListen") ?? null;
  mustDiffer(gathered, "listen", listen, "peerListen", peerListen);
  if (metricsListen !== null) {
    mustDiffer(gathered, "listen", listen, "metricsListen", metricsListen);
    mustDiffer(gathered, "peerListen", peerListen, "metricsListen", metricsListen);
  }
  mustBeGuarded(gathered, [
    { key: "listen", address: listen },
    { key: "peerListen", address: peerListen },
  ]);
  const advertise = advertised(gathered, "advertise", "listen", listen, "clients");
  const peerAdvertise = advertised(gathered, "peerAdvertise", "peerListen", peerListen, "other nodes");
  const processes = gathered.value("processes") ?? 1;
  if (processes > 1) portsMustFit(gathered, processes);
  const data = dataOf(gathered);
  // A node that comes back knows its cluster, and one that joins a cluster learns of it.
  const joins = (gathered.value("join") ?? []).length > 0;
  const expect = gathered.value("expect") ?? (data === "" && !joins ? required("expect", "NODES") : 0);
  const config: NodeConfig = {
    listen: formatAddress(listen),
    advertise: advertise === null ? "" : formatAddress(advertise),
    peerListen: formatAddress(peerListen),
    peerAdvertise: peerAdvertise === null ? "" : formatAddress(peerAdvertise),
    metricsListen: metricsListen === null ? "" : formatAddress(metricsListen),
    join: founders(gathered, peersOf(peerAdvertise ?? peerListen, processes), expect),
    expect,
    clusterSecretFile: secretFileOf(gathered),
    zone: gathered.value("zone") ?? (processes > 1 ? zoneOfMachine() : ""),
    processes,
    rebalance: gathered.value("rebalance") ?? true,
    moveCaps: {
      perNode: gathered.value("movesPerNode") ?? MOVE_CAPS.perNode,
      perCluster: gathered.value("movesPerCluster") ?? MOVE_CAPS.perCluster,
    },
    replaceAfterMs: gathered.value("replaceAfter") ?? DEFAULT_REPLACE_AFTER_S * 1_000,
    storage: data === "" ? "memory" : "disk",
    data,
    storageMemory: gathered.value("storageMemory") ?? DEFAULT_STORAGE_MEMORY_MIB,
    transfers: {
      rateMib: gathered.value("transferRate") ?? DEFAULT_TRANSFERS.rateMib,
      partitions: gathered.value("transferPartitions") ?? DEFAULT_TRANSFERS.partitions,
    },
    diskStallMs: gathered.value("diskStall") ?? DEFAULT_DISK_STALL_S * 1_000,
    clusterId: gathered.value("clusterId") ?? "",
    cluster: {
      replicationFactor: factor(gathered, expect),
      partitions: gathered.value("partitions") ?? DEFAULT_PARTITIONS,
    },
    insisted: CLUSTER_KEYS.flatMap((key) => {
      const given = gathered.given(key);
      return given === null ? [] : [{ key, label: given.label }];
    }),
    limits: limitsOf(gathered),
    maxConnections: gathered.value("maxConnections") ?? null,
    clientPort: clientPortOf(gathered, listen),
    drainDelayMs: gathered.value("drainDelay") ?? 1_000 * drainDelay(isLoopback(listen) && isLoopback(peerListen)),
    traces: tracesOf(gathered),
  };
  return config;
}

const drainDelay = (local: boolean): number => (local ? LOOPBACK_DRAIN_DELAY_S : DEFAULT_DRAIN_DELAY_S);

/** null is a value: off. */
const orDefault = <T>(value: T | undefined, fallback: T): T => (value === undefined ? fallback : value);

function clientPortOf(gathered: Gathered<NodeSettings>, listen: Address): ClientPortConfig {
  return {
    reflection: gathered.value("reflection") ?? DEFAULT_CLIENT_PORT.reflection,
    backup: gathered.value("backup") ?? isLoopback(listen),
    transport: gathered.value("transport") ?? DEFAULT_CLIENT_PORT.transport,
    connectionMemory: gathered.value("connectionMemory") ?? DEFAULT_CLIENT_PORT.connectionMemory,
    resetBurst: gathered.value("resetBurst") ?? DEFAULT_CLIENT_PORT.resetBurst,
    resetRate: gathered.value("resetRate") ?? DEFAULT_CLIENT_PORT.resetRate,
    maxConcurrentStreams: gathered.value("maxConcurrentStreams") ?? DEFAULT_CLIENT_PORT.maxConcurrentStreams,
    maxHeaderListSize: gathered.value("maxHeaderListSize") ?? DEFAULT_CLIENT_PORT.maxHeaderListSize,
    connectionTimeoutMs: gathered.value("connectionTimeout") ?? DEFAULT_CLIENT_PORT.connectionTimeoutMs,
    maxConnectionIdleMs: orDefault(gathered.value("maxConnectionIdle"), DEFAULT_CLIENT_PORT.maxConnectionIdleMs),
    maxConnectionAgeMs: orDefault(gathered.value("maxConnectionAge"), DEFAULT_CLIENT_PORT.maxConnectionAgeMs),
    maxConnectionAgeGraceMs: gathered.value("maxConnectionAgeGrace") ?? DEFAULT_CLIENT_PORT.maxConnectionAgeGraceMs,
    keepaliveTimeMs: orDefault(gathered.value("keepaliveTime"), DEFAULT_CLIENT_PORT.keepaliveTimeMs),
    keepaliveTimeoutMs: gathered.value("keepaliveTimeout") ?? DEFAULT_CLIENT_PORT.keepaliveTimeoutMs,
    keepaliveMinTimeMs: gathered.value("keepaliveMinTime") ?? DEFAULT_CLIENT_PORT.keepaliveMinTimeMs,
    keepalivePermitWithoutStream:
      gathered.value("keepalivePermitWithoutStream") ?? DEFAULT_CLIENT_PORT.keepalivePermitWithoutStream,
  };
}

function secretFileOf(gathered: Gathered<NodeSettings>): NodeConfig["clusterSecretFile"] {
  const path = gathered.value("clusterSecretFile");
  return path === undefined ? null : { label: gathered.label("clusterSecretFile"), path };
}

/** Anybody that reaches a port without secret is believed. That may be meant, on a network of its own; it must be
 * said. */
function mustBeGuarded(
  gathered: Gathered<NodeSettings>,
  ports: readonly { readonly key: "listen" | "peerListen"; readonly address: Address }[],
): void {
  if (gathered.value("clusterSecretFile") !== undefined || gathered.value("insecure") === true) return;
  const open = ports.find(({ address }) => !isLoopback(address));
  if (open === undefined) return;
  throw new SettingError(
    `${gathered.label(open.key)} is ${formatAddress(open.address)}, which other machines can reach, and there is no cluster secret: ` +
      "give all nodes the same --cluster-secret-file FILE (openssl rand -hex 32 makes a secret), " +
      "or --insecure if whoever reaches this machine's ports may do anything. See docs/security.md",
  );
}

/** "" = memory. */
function dataOf(gathered: Gathered<NodeSettings>): string {
  const data = gathered.value("data");
  const memory = gathered.value("memory") === true;
  if (data === undefined && !memory) throw new SettingError(STORAGE_REQUIRED);
  if (data !== undefined && memory)
    throw new SettingError(
      `${gathered.label("data")} and ${gathered.label("memory")} exclude each other: give one of them`,
    );
  return data ?? "";
}

function tracesOf(gathered: Gathered<NodeSettings>): NodeConfig["traces"] {
  const endpoint = gathered.value("traceEndpoint") ?? null;
  const sample = gathered.value("traceSample") ?? DEFAULT_TRACE_SAMPLE;
  return endpoint === null ? null : { endpoint, sample };
}

export function limitsOf(gathered: Gathered<NodeSettings>): Limits {
  const limits: Limits = {
    maxKeyBytes: gathered.value("maxKeyBytes") ?? DEFAULT_LIMITS.maxKeyBytes,
    maxValueBytes: gathered.value("maxValueBytes") ?? DEFAULT_LIMITS.maxValueBytes,
    maxMessageBytes: gathered.value("maxMessageBytes") ?? DEFAULT_LIMITS.maxMessageBytes,
  };
  const least = limits.maxKeyBytes + 2 * limits.maxValueBytes + MESSAGE_OVERHEAD_BYTES;
  if (limits.maxMessageBytes < least) {
    throw new SettingError(
      `${gathered.label("maxMessageBytes")} must be at least ${least}, so that a CompareAndSet with a key of ${limits.maxKeyBytes} and two values of ${limits.maxValueBytes} bytes fits; it is ${limits.maxMessageBytes}`,
    );
  }
  return limits;
}

function required(key: NodeSettingKey, value: string): never {
  throw new SettingError(`${flagOf(key)} ${value} is required (${everyName(key)}); see onar start --help`);
}

function mustDiffer(
  gathered: Gathered<NodeSettings>,
  aKey: NodeSettingKey,
  a: Address,
  bKey: NodeSettingKey,
  b: Address,
): void {
  if (a.port === 0 || a.port !== b.port) return;
  if (a.host !== b.host && !WILDCARDS.has(a.host) && !WILDCARDS.has(b.host)) return;
  throw new SettingError(
    `${gathered.label(aKey)} and ${gathered.label(bKey)} must be different; both are at port ${a.port}`,
  );
}

function advertised(
  gathered: Gathered<NodeSettings>,
  key: "advertise" | "peerAdvertise",
  listenKey: "listen" | "peerListen",
  listen: Address,
  whom: string,
): Address | null {
  const address = gathered.value(key);
  if (address === undefined) {
    if (!WILDCARDS.has(listen.host)) return null;
    throw new SettingError(
      `${gathered.label(listenKey)} ${formatAddress(listen)} is no address that ${whom} can connect to: say where they can with ${flagOf(key)} HOST:PORT`,
    );
  }
  if (!WILDCARDS.has(address.host)) return address;
  throw new SettingError(
    `${gathered.label(key)} must be an address that ${whom} can connect to; it is ${formatAddress(address)}`,
  );
}

/**
 * The other founding nodes, as given; `own` may stand among them, and those that start together are added. All must be
 * named: a part of the list could found a second cluster.
 */
function founders(gathered: Gathered<NodeSettings>, own: readonly string[], expect: number): readonly string[] {
  const label = gathered.label("join");
  const named = (gathered.value("join") ?? []).map(formatAddress);
  if (expect === 0) return named;
  const missing = expect - own.length;
  if (missing < 0) {
    throw new SettingError(
      `${gathered.label("expect")} must be at least ${own.length}, as so many founding nodes start here (${gathered.label("processes")} ${own.length}); it is ${expect}`,
    );
  }
  if (named.length === 0) {
    if (missing === 0) return own.length === 1 ? [] : own;
    throw new SettingError(
      `${label} must name the ${missing} other founding nodes (${gathered.label("expect")} ${expect}); it is missing`,
    );
  }
  const others = named.filter((name) => !own.includes(name));
  if (others.length !== missing) {
    const hint = own.length === 1 && others.length === expect ? `; none of them is this node's own, ${own[0]}` : "";
    throw new SettingError(
      `${label} must name all ${missing} other founding nodes (${gathered.label("expect")} ${expect}); it names ${others.length}${hint}`,
    );
  }
  return own.length === 1 ? named : [...own, ...others];
}

function factor(gathered: Gathered<NodeSettings>, expect: number): number {
  const given = gathered.value("replicationFactor");
  if (expect === 0) return given ?? DEFAULT_REPLICATION_FACTOR;
  if (given === undefined) return Math.min(DEFAULT_REPLICATION_FACTOR, expect);
  return replicationFactor(gathered.label("replicationFactor"), String(given), expect);
}
