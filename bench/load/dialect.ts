/**
 * A store as a load needs to know it: how it is reached, what leaves for each kind of call, and what its answers
 * tell. Each store that the generator speaks to has one: onar.ts, etcd.ts, nats.ts.
 *
 * Intuition: a request is a template, and only the octets that change are overwritten before it leaves. So a call
 * costs the generator as little with one store as with another.
 */

import { Connection, type ConnectionOptions } from "../http2/connection.js";
import type { CallHandler } from "../http2/stream.js";

export type CallKind = "get" | "put" | "cas";

/** A whole request as it leaves, and where its changing parts are; 0 where there is none. */
export interface RequestTemplate {
  /** The gRPC method; empty for a protocol that has none. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly keyAt: number;
  readonly valueAt: number;
  readonly requestIdAt: number;
  /** Says for which version a CAS is, and returns how long the request is then; absent: always all of `bytes`. */
  readonly expect?: (version: number) => number;
}

export interface RequestShape {
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly requestId: boolean;
}

/** The parts of an answer that the checks need. */
export interface DecodedAnswer {
  /** The version of the entry that a GET found or a write made, or that a CAS found in its way. */
  readonly version: number;
  /** Undefined when the key was absent, and for writes. */
  readonly value: Buffer | undefined;
  /** False for a CAS that found another version. */
  readonly applied: boolean;
}

/** A connection as a lane uses it, whatever protocol it speaks; `Connection` says what each part means. */
export interface Line {
  readonly nowMs: number;
  readonly reading: boolean;
  readonly usable: boolean;
  readonly inFlight: number;
  readonly maxConcurrentStreams: number;
  call(path: string, body: Uint8Array, length: number, handler: CallHandler): void;
  expire(limitMs: number): void;
  close(): void;
}

export interface Dialect {
  dial(options: ConnectionOptions): Line;
  template(kind: CallKind, shape: RequestShape): RequestTemplate;
  /** Throws on malformed bytes. */
  decode(kind: CallKind, body: Buffer): DecodedAnswer;
}

/** For stores that speak gRPC. */
export function dialGrpc(options: ConnectionOptions): Line {
  return new Connection(options);
}
