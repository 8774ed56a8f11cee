/**
 * Every setting of a node and of the commands, once. Flags, environment variables, keys of a file, help, errors and the
 * tables in docs/configuration.md are made from this list. setting.ts says what a setting is, and what it is called.
 */
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from "../base/limits.js";
import { LOG_LEVELS } from "../base/log-level.js";
import { MOVE_CAPS } from "../core/placement/moves.js";
import { DEFAULT_PARTITIONS, MAX_PARTITIONS } from "../core/placement/position.js";
import {
  MAX_MOVES_PER_CLUSTER,
  MAX_MOVES_PER_NODE,
  MAX_TRANSFER_PARTITIONS,
  MAX_TRANSFER_RATE_MIB,
} from "../core/view/settings.js";
import {
  DEFAULT_CLIENT_PORT,
  DEFAULT_DISK_STALL_S,
  DEFAULT_DRAIN_DELAY_S,
  DEFAULT_LIMITS,
  DEFAULT_REPLACE_AFTER_S,
  DEFAULT_REPLICATION_FACTOR,
  DEFAULT_STORAGE_MEMORY_MIB,
  DEFAULT_TRACE_SAMPLE,
  DEFAULT_TRANSFERS,
  LOOPBACK_DRAIN_DELAY_S,
  MAX_STORAGE_MEMORY_MIB,
  MIN_STORAGE_MEMORY_MIB,
} from "./config.js";
import { CONNECTION_SETTINGS } from "./connection-settings.js";
import { setting } from "./setting.js";
import { standardEndpoint, standardSample } from "./standard.js";
import {
  address,
  addresses,
  clusterId,
  collector,
  MAX_NODES,
  oneOf,
  partitionCount,
  path,
  ratio,
  seconds,
  secondsOrNone,
  wholeNumber,
  yesOrNo,
  zone,
} from "./values.js";

/** auto: text on a terminal and for a supervising parent, JSON otherwise. */
export const LOG_FORMATS = ["auto", "text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

const MIN_MESSAGE_BYTES = 4_096;
export const MAX_MESSAGE_BYTES = 16_777_216;

const ADDRESS = "HOST:PORT";

export const NODE_SETTINGS = {
  listen: setting({
    scope: "node",
    argument: "<host:port>",
    bound: ADDRESS,
    fallback: "required",
    text: "serve clients here; port 0 takes a free one",
    read: (label, text) => address(label, text, 0),
  }),
  peerListen: setting({
    scope: "node",
    argument: "<host:port>",
    bound: ADDRESS,
    fallback: "required",
    text: "serve other nodes here",
    read: (label, text) => address(label, text, 0),
  }),
  advertise: setting({
    scope: "node",
    argument: "<host:port>",
    bound: ADDRESS,
    fallback: "where it listens",
    text: "where clients are told to connect; needed when --listen is 0.0.0.0 or [::]",
    read: (label, text) => address(label, text, 1),
  }),
  peerAdvertise: setting({
    scope: "node",
    argument: "<host:port>",
    bound: ADDRESS,
    fallback: "where it listens",
    text: "where other nodes are told to connect; needed when --peer-listen is 0.0.0.0 or [::]",
    read: (label, text) => address(label, text, 1),
  }),
  join: setting({
    scope: "node",
    argument: "<peers>",
    bound: `${ADDRESS},${ADDRESS},…, none twice`,
    fallback: "nobody",
    text: "with --expect, peer addresses of all founding nodes; without, of some nodes of a cluster to join; this node's own may be among them",
    list: true,
    read: (label, text) => (text === "" ? [] : addresses(label, text)),
  }),
  expect: setting({
    scope: "node",
    argument: "<nodes>",
    bound: `1 to ${MAX_NODES}`,
    fallback: "required, except for a node with data or one that joins a cluster",
    text: "number of founding nodes: the cluster exists once all are there",
    read: (label, text) => wholeNumber(label, text, 1, MAX_NODES),
  }),
  replicationFactor: setting({
    scope: "cluster",
    argument: "<n>",
    bound: `1 to ${MAX_NODES}, at most --expect`,
    fallback: `${DEFAULT_REPLICATION_FACTOR}, or --expect if less`,
    text: "replicas per key",
    read: (label, text) => wholeNumber(label, text, 1, MAX_NODES),
  }),
  partitions: setting({
    scope: "cluster",
    argument: "<n>",
    bound: `a power of two, 1 to ${MAX_PARTITIONS}`,
    fallback: String(DEFAULT_PARTITIONS),
    text: "partitions; fixed forever",
    read: (label, text) => partitionCount(label, text),
  }),
  clusterSecretFile: setting({
    scope: "node",
    argument: "<file>",
    bound: "a file that only its owner can read, with a secret of 32 to 1024 characters a line, 2 lines at most",
    fallback: "no secret",
    text: "prove to other nodes that this one belongs to the cluster, and refuse those that do not; all nodes have the same",
    read: (label, text) => path(label, text),
  }),
  insecure: setting({
    scope: "node",
    argument: "",
    bound: "true or false",
    fallback: "false",
    text: "listen on other than loopback although the cluster has no secret: whoever reaches the ports can do anything",
    read: (label, text) => yesOrNo(label, text),
  }),
  zone: setting({
    scope: "node",
    argument: "<name>",
    bound: "1 to 64 visible ASCII characters",
    fallback: "none",
    text: "failure zone; replicas are put into different zones where there are enough",
    read: (label, text) => zone(label, text),
  }),
  processes: setting({
    scope: "node",
    argument: "<n>",
    bound: `1 to ${MAX_NODES}`,
    fallback: "1",
    text: "run so many nodes here, supervised, that share --listen: each has the ports and the data folder of its number",
    read: (label, text) => wholeNumber(label, text, 1, MAX_NODES),
  }),
  rebalance: setting({
    scope: "node",
    argument: "",
    bound: "true or false",
    fallback: "true",
    text: "when this node joins a cluster, move replicas to it until all nodes keep as many",
    on: true,
    read: (label, text) => yesOrNo(label, text),
  }),
  movesPerNode: setting({
    scope: "node",
    argument: "<n>",
    bound: `1 to ${MAX_MOVES_PER_NODE}`,
    fallback: String(MOVE_CAPS.perNode),
    text: "replicas that a node gives or takes at a time, at most, where this node proposes views and onar settings said nothing",
    read: (label, text) => wholeNumber(label, text, 1, MAX_MOVES_PER_NODE),
  }),
  movesPerCluster: setting({
    scope: "node",
    argument: "<n>",
    bound: `1 to ${MAX_MOVES_PER_CLUSTER}`,
    fallback: String(MOVE_CAPS.perCluster),
    text: "replicas that move in the cluster at a time, at most, where this node proposes views and onar settings said nothing",
    read: (label, text) => wholeNumber(label, text, 1, MAX_MOVES_PER_CLUSTER),
  }),
  replaceAfter: setting({
    scope: "node",
    argument: "<seconds>",
    bound: "0 to 3600",
    fallback: String(DEFAULT_REPLACE_AFTER_S),
    text: "others get the replicas of a node that is not heard for so long; 0: never. As with moves, onar settings comes first",
    read: (label, text) => secondsOrNone(label, text),
  }),
  clusterId: setting({
    scope: "node",
    argument: "<hex>",
    bound: "32 hexadecimal digits",
    fallback: "any cluster",
    text: "refuse every other cluster",
    read: (label, text) => clusterId(label, text),
  }),
  memory: setting({
    scope: "node",
    argument: "",
    bound: "true or false",
    fallback: "false",
    text: "keep all data in memory: it is forgotten when the node stops",
    read: (label, text) => yesOrNo(label, text),
  }),
  data: setting({
    scope: "node",
    argument: "<dir>",
    bound: "a directory of this node's own, empty at first",
    fallback: "required, or --memory",
    text: "keep the node's data here, durably; made when it is missing",
    read: (label, text) => path(label, text),
  }),
  storageMemory: setting({
    scope: "node",
    argument: "<mib>",
    bound: `${MIN_STORAGE_MEMORY_MIB} to ${MAX_STORAGE_MEMORY_MIB}`,
    fallback: String(DEFAULT_STORAGE_MEMORY_MIB),
    text: "MiB of memory for storage with --data, beside what the system caches",
    read: (label, text) => wholeNumber(label, text, MIN_STORAGE_MEMORY_MIB, MAX_STORAGE_MEMORY_MIB),
  }),
  diskStall: setting({
    scope: "node",
    argument: "<seconds>",
    bound: "0.001 to 3600",
    fallback: String(DEFAULT_DISK_STALL_S),
    text: "say NOT_SERVING while the disk has stood still for longer than this; with --data",
    read: (label, text) => seconds(label, text),
  }),
  transferRate: setting({
    scope: "node",
    argument: "<mib>",
    bound: `1 to ${MAX_TRANSFER_RATE_MIB}`,
    fallback: String(DEFAULT_TRANSFERS.rateMib),
    text: "MiB a second at which this node fetches replicas that move to it; an eighth of it while short of CPU time. onar settings comes first",
    read: (label, text) => wholeNumber(label, text, 1, MAX_TRANSFER_RATE_MIB),
  }),
  transferPartitions: setting({
    scope: "node",
    argument: "<n>",
    bound: `1 to ${MAX_TRANSFER_PARTITIONS}`,
    fallback: String(DEFAULT_TRANSFERS.partitions),
    text: "replicas that this node fetches at a time; further ones wait. onar settings comes first",
    read: (label, text) => wholeNumber(label, text, 1, MAX_TRANSFER_PARTITIONS),
  }),
  maxKeyBytes: setting({
    scope: "node",
    argument: "<bytes>",
    bound: `1 to ${MAX_KEY_BYTES}`,
    fallback: String(DEFAULT_LIMITS.maxKeyBytes),
    text: "longest key that clients may use; give all nodes the same",
    read: (label, text) => wholeNumber(label, text, 1, MAX_KEY_BYTES),
  }),
  maxValueBytes: setting({
    scope: "node",
    argument: "<bytes>",
    bound: `0 to ${MAX_VALUE_BYTES}`,
    fallback: String(DEFAULT_LIMITS.maxValueBytes),
    text: "longest value that clients may store; give all nodes the same",
    read: (label, text) => wholeNumber(label, text, 0, MAX_VALUE_BYTES),
  }),
  maxMessageBytes: setting({
    scope: "node",
    argument: "<bytes>",
    bound: `${MIN_MESSAGE_BYTES} to ${MAX_MESSAGE_BYTES}, room for a key and two values`,
    fallback: String(DEFAULT_LIMITS.maxMessageBytes),
    text: "longest message that clients may send",
    read: (label, text) => wholeNumber(label, text, MIN_MESSAGE_BYTES, MAX_MESSAGE_BYTES),
  }),
  reflection: setting({
    scope: "node",
    argument: "",
    bound: "true or false",
    fallback: String(DEFAULT_CLIENT_PORT.reflection),
    text: "serve reflection, from which tools such as grpcurl learn the calls",
    on: true,
    read: (label, text) => yesOrNo(label, text),
  }),
  backup: setting({
    scope: "node",
    argument: "",
    bound: "true or false",
    fallback: "true if --listen is at loopback",
    text: "serve the calls of onar backup and onar restore to whoever reaches --listen",
    on: true,
    read: (label, text) => yesOrNo(label, text),
  }),
  drainDelay: setting({
    scope: "node",
    argument: "<seconds>",
    bound: "0 to 3600",
    fallback: `${DEFAULT_DRAIN_DELAY_S}; ${LOOPBACK_DRAIN_DELAY_S} if both ports are at loopback`,
    text: "when told to stop, take calls for so long after health fell, so that clients and meshes notice",
    read: (label, text) => secondsOrNone(label, text),
  }),
  ...CONNECTION_SETTINGS,
  metricsListen: setting({
    scope: "node",
    argument: "<host:port>",
    bound: ADDRESS,
    fallback: "off",
    text: "serve Prometheus metrics here, at /metrics; port 0 takes a free one",
    read: (label, text) => address(label, text, 0),
  }),
  traceEndpoint: setting({
    scope: "node",
    argument: "<url>",
    bound: "a URL with http or https, or off",
    fallback: "off, or as OTEL_EXPORTER_OTLP_ENDPOINT says",
    text: "send traces to this OpenTelemetry collector, by OTLP over HTTP; /v1/traces is added to a URL without path",
    read: (label, text) => collector(label, text),
    standard: standardEndpoint,
  }),
  traceSample: setting({
    scope: "node",
    argument: "<ratio>",
    bound: "0 to 1",
    fallback: `${DEFAULT_TRACE_SAMPLE}, or as OTEL_TRACES_SAMPLER says`,
    text: "which part of the calls that bring no trace of their own is traced; those that bring one do as it says",
    read: (label, text) => ratio(label, text),
    standard: standardSample,
  }),
  logLevel: setting({
    scope: "node",
    argument: "<level>",
    bound: LOG_LEVELS.join(", "),
    fallback: "info",
    text: "how much to tell",
    read: (label, text) => oneOf(label, text, LOG_LEVELS),
  }),
  logFormat: setting({
    scope: "node",
    argument: "<format>",
    bound: LOG_FORMATS.join(", "),
    fallback: "auto: text on a terminal, JSON otherwise",
    text: "lines for people, or one JSON object a line",
    read: (label, text) => oneOf(label, text, LOG_FORMATS),
  }),
};

export const OUTPUT_FORMATS = ["text", "json"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];
/** The nodes of `onar cluster`, so that commands go on when one of them dies. */
export const DEFAULT_ENDPOINT = "127.0.0.1:4600,127.0.0.1:4601,127.0.0.1:4602";
export const DEFAULT_TIMEOUT_S = "10";

/** Settings of the commands that call nodes: flags and environment only. */
export const CLIENT_SETTINGS = {
  endpoint: setting({
    scope: "client",
    argument: "<addresses>",
    bound: `${ADDRESS},${ADDRESS},…, none twice`,
    fallback: DEFAULT_ENDPOINT,
    text: "nodes to call: the next one when one fails",
    read: (label, text) => addresses(label, text),
  }),
  timeout: setting({
    scope: "client",
    argument: "<seconds>",
    bound: "0.001 to 3600",
    fallback: DEFAULT_TIMEOUT_S,
    text: "give up after this long, retries included",
    read: (label, text) => seconds(label, text),
  }),
  output: setting({
    scope: "client",
    argument: "<format>",
    bound: OUTPUT_FORMATS.join(" or "),
    fallback: "text",
    text: "how answers are printed",
    read: (label, text) => oneOf(label, text, OUTPUT_FORMATS),
  }),
};

/** Where a file is given that has further settings; not a setting of such a file itself. */
export const CONFIG_FLAG = "--config";
export const CONFIG_VARIABLE = "ONAR_CONFIG";

export type NodeSettings = typeof NODE_SETTINGS;
export type NodeSettingKey = keyof NodeSettings;
export type ClientSettings = typeof CLIENT_SETTINGS;

export const isNodeSetting = (key: string): key is NodeSettingKey => Object.hasOwn(NODE_SETTINGS, key);
export const NODE_KEYS: readonly NodeSettingKey[] = Object.keys(NODE_SETTINGS).filter(isNodeSetting);
