/** The arguments of people besides keys and values, checked before anything is done. */
import type { ConnectionOptions } from "node:tls";
import { Presence, type Condition as WireCondition } from "../../gen/ts/onar/kv/v1/common.js";
import { type Bytes, bytesOf, describe } from "./entry.js";
import type { Consistency } from "./outcome.js";
import type { Connect } from "./transport.js";

/** How a client finds its cluster. */
export interface ClientOptions {
  /**
   * Where nodes listen for clients: HOST:PORT, with brackets around an IPv6 address. At least one; more of them, so
   * that one that is down does no harm. The other nodes are found through these.
   */
  readonly endpoints: readonly string[];
  /**
   * 32 hexadecimal digits: every other cluster is refused (WRONG_CLUSTER). When missing, the first cluster that answers
   * is the one.
   */
  readonly clusterId?: string;
  /** How long a call may take, all attempts included, in milliseconds: 0 … 3,600,000. 10,000 when missing. */
  readonly timeoutMs?: number;
  /**
   * Whether nodes are called at the addresses that they advertise, which saves a hop inside the cluster. False when
   * they cannot be reached from here: then only the endpoints are used. True when missing.
   */
  readonly direct?: boolean;
  /**
   * Whether calls ride one stream to each node, where the way there allows it: that costs a fraction of a gRPC call
   * each. False: each is a call of its own, which a balancer of calls can send to another node. True when missing.
   */
  readonly stream?: boolean;
  /**
   * Speaks TLS: to a proxy that ends it, as nodes have none themselves. `true`: with the authorities that Node.js
   * trusts.
   */
  readonly tls?: true | TlsOptions;
  /**
   * Another way to nodes than the client's own, with credentials or a proxy, say: see `onar/client/grpc-js`. Not
   * together with `tls`.
   */
  readonly transport?: Transport;
}

/** Texts and bytes in PEM. */
export interface TlsOptions {
  /** Authorities that are trusted, in place of those of Node.js. */
  readonly ca?: Pem | readonly Pem[];
  /** The client's certificate, with those between it and the authority. */
  readonly cert?: Pem;
  /** Its private key. */
  readonly key?: Pem;
  /**
   * The name that the other side's certificate must have, and that is asked for (SNI). The endpoint's host when
   * missing.
   */
  readonly serverName?: string;
}

/** Text or bytes in PEM. */
export type Pem = string | Uint8Array;

/** A way to nodes, as `onar/client/grpc-js` makes one. Made of it: a connection for each address. */
export type Transport = Connect;

/** Options of one call. */
export interface CallOptions {
  /** How long it may take, all attempts included, in milliseconds; the client's setting when missing. */
  readonly timeoutMs?: number;
  /** Gives the call up. A write that was under way is then unknown. */
  readonly signal?: AbortSignal;
}

/** Options of one get. */
export interface GetOptions extends CallOptions {
  /**
   * "linearizable" (when missing): sees every write that was answered before the read began, through whatever client
   * and node. "local": the settled copy of one replica, without a round among them; it may be old, but is never a value
   * that could still vanish.
   */
  readonly consistency?: Consistency;
}

/** Options of one delete. */
export interface DeleteOptions extends CallOptions {
  /** Removes the key only if this holds. */
  readonly condition?: Condition;
}

/** A condition on a key: it does not exist, it exists, it has this version, it has this value. */
export type Condition = "absent" | "present" | { readonly version: bigint } | { readonly value: Bytes };

const MAX_TIMEOUT_MS = 3_600_000;
const DEFAULT_TIMEOUT_MS = 10_000;
const INT64_MIN = -(1n << 63n);
const INT64_MAX = (1n << 63n) - 1n;
const UINT64_MAX = (1n << 64n) - 1n;

export interface CheckedOptions {
  readonly endpoints: readonly string[];
  readonly clusterId: string;
  readonly timeoutMs: number;
  readonly direct: boolean;
}

/** How the client's own way to nodes is made. */
export interface CheckedWay {
  readonly stream: boolean;
  readonly tls?: ConnectionOptions;
}

export function checkOptions(options: ClientOptions): CheckedOptions {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`options must be an object with endpoints; it is ${describe(options)}`);
  const { endpoints, clusterId = "", timeoutMs = DEFAULT_TIMEOUT_MS, direct = true } = options;
  if (!Array.isArray(endpoints)) throw new TypeError(`endpoints must be an array; it is ${describe(endpoints)}`);
  if (endpoints.length === 0) throw new RangeError("endpoints must name at least one HOST:PORT; it is empty");
  if (clusterId !== "" && !/^[0-9a-fA-F]{32}$/.test(clusterId))
    throw new RangeError(`clusterId must be 32 hexadecimal digits; it is ${describe(clusterId)}`);
  return {
    endpoints: [...new Set(endpoints.map(checkEndpoint))],
    clusterId: clusterId.toLowerCase(),
    timeoutMs: checkTimeout(timeoutMs),
    direct,
  };
}

export function checkWay({ stream = true, tls, transport }: ClientOptions): CheckedWay {
  if (typeof stream !== "boolean") throw new TypeError(`stream must be true or false; it is ${describe(stream)}`);
  if (transport !== undefined && typeof transport !== "function")
    throw new TypeError(`transport must be one that onar/client/grpc-js makes; it is ${describe(transport)}`);
  if (tls === undefined) return { stream };
  if (transport !== undefined) throw new TypeError("tls cannot be given together with transport, which has its own");
  if (tls === true) return { stream, tls: {} };
  if (typeof tls !== "object" || tls === null)
    throw new TypeError(`tls must be true or an object with ca, cert, key, serverName; it is ${describe(tls)}`);
  const { ca, cert, key, serverName } = tls;
  for (const [name, given] of Object.entries({ cert, key })) checkPem(name, given);
  for (const one of Array.isArray(ca) ? ca : [ca]) checkPem("ca", one);
  if ((cert === undefined) !== (key === undefined))
    throw new TypeError(`tls.${cert === undefined ? "cert" : "key"} is missing: a certificate and its key go together`);
  if (serverName !== undefined && (typeof serverName !== "string" || serverName === ""))
    throw new TypeError(`tls.serverName must be the name of a host; it is ${describe(serverName)}`);
  const options: ConnectionOptions = {};
  if (ca !== undefined) options.ca = (Array.isArray(ca) ? ca : [ca]).map(bufferOf);
  if (cert !== undefined) options.cert = bufferOf(cert);
  if (key !== undefined) options.key = bufferOf(key);
  if (serverName !== undefined) options.servername = serverName;
  try {
    process.getBuiltinModule("node:tls").createSecureContext(options);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TypeError(`tls has something that is no PEM, or a key of another certificate: ${why}`);
  }
  return { stream, tls: options };
}

const bufferOf = (pem: Pem): Buffer => Buffer.from(pem);

function checkPem(name: string, pem: unknown): void {
  if (pem === undefined || typeof pem === "string" || pem instanceof Uint8Array) return;
  throw new TypeError(`tls.${name} must be text or bytes in PEM; it is ${describe(pem)}`);
}

function checkEndpoint(endpoint: unknown): string {
  const match = typeof endpoint === "string" ? /^(?:\[[0-9A-Fa-f:.]+\]|[^\s:/[\],]+):(\d{1,5})$/.exec(endpoint) : null;
  const port = Number(match?.[1]);
  if (typeof endpoint !== "string" || !(port >= 1 && port <= 65_535))
    throw new RangeError(`endpoints must be HOST:PORT, for example 127.0.0.1:4600; one is ${describe(endpoint)}`);
  return endpoint;
}

export function checkTimeout(timeoutMs: number): number {
  if (typeof timeoutMs !== "number" || !(timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS))
    throw new RangeError(`timeoutMs must be a number from 0 to ${MAX_TIMEOUT_MS}; it is ${describe(timeoutMs)}`);
  return timeoutMs;
}

export function checkDelta(delta: bigint | number): bigint {
  if (typeof delta === "number" && Number.isSafeInteger(delta)) return BigInt(delta);
  if (typeof delta === "bigint" && delta >= INT64_MIN && delta <= INT64_MAX) return delta;
  throw new RangeError(
    `delta must be a whole number of 64 bits, signed (a bigint beyond 2^53); it is ${describe(delta)}`,
  );
}

export function checkConsistency(consistency: Consistency): Consistency {
  if (consistency === "linearizable" || consistency === "local") return consistency;
  throw new RangeError(`consistency must be "linearizable" or "local"; it is ${describe(consistency)}`);
}

export function conditionToWire(condition: Condition): WireCondition {
  if (condition === "absent") return { expected: { $case: "presence", value: Presence.ABSENT } };
  if (condition === "present") return { expected: { $case: "presence", value: Presence.PRESENT } };
  if (typeof condition === "object" && condition !== null) {
    if ("version" in condition) return { expected: { $case: "version", value: checkVersion(condition.version) } };
    if ("value" in condition) {
      return { expected: { $case: "value", value: bytesOf("condition.value", condition.value) } };
    }
  }
  throw new TypeError(`condition must be "absent", "present", { version } or { value }; it is ${describe(condition)}`);
}

function checkVersion(version: bigint): bigint {
  if (typeof version === "bigint" && version >= 1n && version <= UINT64_MAX) return version;
  const hint = version === 0n ? ', which no key has: for a key that does not exist use "absent"' : "";
  throw new RangeError(`condition.version must be a bigint from 1 to 2^64 - 1; it is ${describe(version)}${hint}`);
}
