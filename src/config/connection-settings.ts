/**
 * The settings of clients' connections: how many, how long, and what each may keep. Where grpc-go has the same one, it
 * has its name. Those of keepalive are called `keepalive-…`, as grpc-go has them in a package of that name.
 */
import { DEFAULT_CLIENT_PORT, MAX_CONNECTIONS, TRANSPORTS } from "./config.js";
import { setting } from "./setting.js";
import { oneOf, seconds, secondsOrNone, secondsOrOff, wholeNumber, yesOrNo } from "./values.js";

const MAX_CONNECTION_MEMORY_MIB = 4_096;
const MAX_RESETS = 1_000_000;
const MAX_STREAMS = 100_000;
const MIN_HEADER_LIST_BYTES = 1_024;
const MAX_HEADER_LIST_BYTES = 65_536;

const inSeconds = (ms: number): string => String(ms / 1_000);

export const CONNECTION_SETTINGS = {
  transport: setting({
    scope: "node",
    argument: "<name>",
    bound: TRANSPORTS.join(", "),
    fallback: DEFAULT_CLIENT_PORT.transport,
    text: "what serves clients: lean is Onar's own gRPC, grpc-js the library that it is measured against",
    read: (label, text) => oneOf(label, text, TRANSPORTS),
  }),
  maxConnections: setting({
    scope: "node",
    argument: "<n>",
    bound: `1 to ${MAX_CONNECTIONS}`,
    fallback: "three quarters of the files that the process may open (ulimit -n), less 64; 10000 at most",
    text: "connections of clients at a time; further ones are refused",
    read: (label, text) => wholeNumber(label, text, 1, MAX_CONNECTIONS),
  }),
  maxConcurrentStreams: setting({
    scope: "node",
    argument: "<n>",
    bound: `1 to ${MAX_STREAMS}`,
    fallback: String(DEFAULT_CLIENT_PORT.maxConcurrentStreams),
    text: "calls of one client connection at a time; HTTP/2 refuses further ones, and clients hold them back",
    read: (label, text) => wholeNumber(label, text, 1, MAX_STREAMS),
  }),
  maxHeaderListSize: setting({
    scope: "node",
    argument: "<bytes>",
    bound: `${MIN_HEADER_LIST_BYTES} to ${MAX_HEADER_LIST_BYTES}`,
    fallback: String(DEFAULT_CLIENT_PORT.maxHeaderListSize),
    text: "longest metadata of a call, each header with 32 bytes more; a call with more has RESOURCE_EXHAUSTED (grpc-js has its own)",
    read: (label, text) => wholeNumber(label, text, MIN_HEADER_LIST_BYTES, MAX_HEADER_LIST_BYTES),
  }),
  connectionMemory: setting({
    scope: "node",
    argument: "<mib>",
    bound: `16 to ${MAX_CONNECTION_MEMORY_MIB}`,
    fallback: String(DEFAULT_CLIENT_PORT.connectionMemory),
    text: "MiB of unsent answers and HTTP/2 state of one client connection; beyond it further calls of that connection are refused",
    read: (label, text) => wholeNumber(label, text, 16, MAX_CONNECTION_MEMORY_MIB),
  }),
  resetBurst: setting({
    scope: "node",
    argument: "<calls>",
    bound: `100 to ${MAX_RESETS}`,
    fallback: String(DEFAULT_CLIENT_PORT.resetBurst),
    text: "calls of one client connection that may be cancelled at once; beyond it the connection is ended (with grpc-js from Node.js 22.11 on; 1000 before)",
    read: (label, text) => wholeNumber(label, text, 100, MAX_RESETS),
  }),
  resetRate: setting({
    scope: "node",
    argument: "<calls>",
    bound: `1 to ${MAX_RESETS}`,
    fallback: String(DEFAULT_CLIENT_PORT.resetRate),
    text: "the same in the long run, a second (with grpc-js from Node.js 22.11 on; 33 before)",
    read: (label, text) => wholeNumber(label, text, 1, MAX_RESETS),
  }),
  connectionTimeout: setting({
    scope: "node",
    argument: "<seconds>",
    bound: "0.001 to 3600",
    fallback: inSeconds(DEFAULT_CLIENT_PORT.connectionTimeoutMs),
    text: "a client that has not begun to speak HTTP/2 this long after it connected is ended (not with grpc-js)",
    read: (label, text) => seconds(label, text),
  }),
  maxConnectionIdle: setting({
    scope: "node",
    argument: "<seconds>",
    bound: "0.001 to 3600, or off",
    fallback: "off",
    text: "end client connections in order that have had no call for so long",
    read: (label, text) => secondsOrOff(label, text),
  }),
  maxConnectionAge: setting({
    scope: "node",
    argument: "<seconds>",
    bound: "0.001 to 3600, or off",
    fallback: "off",
    text: "end client connections in order at this age, a tenth more or less, so that a balancer of connections spreads them anew",
    read: (label, text) => secondsOrOff(label, text),
  }),
  maxConnectionAgeGrace: setting({
    scope: "node",
    argument: "<seconds>",
    bound: "0.001 to 3600",
    fallback: String(DEFAULT_CLIENT_PORT.maxConnectionAgeGraceMs / 1_000),
    text: "how long calls of a connection that is ended for its age may still take",
    read: (label, text) => seconds(label, text),
  }),
  keepaliveTime: setting({
    scope: "node",
    argument: "<seconds>",
    bound: "0.001 to 3600, or off",
    fallback: inSeconds(DEFAULT_CLIENT_PORT.keepaliveTimeMs ?? 0),
    text: "ask a client that has said nothing for so long whether it is still there",
    read: (label, text) => secondsOrOff(label, text),
  }),
  keepaliveTimeout: setting({
    scope: "node",
    argument: "<seconds>",
    bound: "0.001 to 3600",
    fallback: inSeconds(DEFAULT_CLIENT_PORT.keepaliveTimeoutMs),
    text: "end the connection of a client that has been asked and says nothing for so long",
    read: (label, text) => seconds(label, text),
  }),
  keepaliveMinTime: setting({
    scope: "node",
    argument: "<seconds>",
    bound: "0 to 3600",
    fallback: inSeconds(DEFAULT_CLIENT_PORT.keepaliveMinTimeMs),
    text: "end the connection of a client that asks the node whether it is there more often than this (not with grpc-js)",
    read: (label, text) => secondsOrNone(label, text),
  }),
  keepalivePermitWithoutStream: setting({
    scope: "node",
    argument: "",
    bound: "true or false",
    fallback: String(DEFAULT_CLIENT_PORT.keepalivePermitWithoutStream),
    text: "let clients ask so while they have no call, too (grpc-js always does)",
    on: true,
    read: (label, text) => yesOrNo(label, text),
  }),
};
