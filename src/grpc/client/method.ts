/** The things that a client has to know of a method, and may say of a call. */

import type { MethodKind } from "../call/kind.js";
import type { Metadata } from "../metadata/metadata.js";

export interface Method<Kind extends MethodKind, Request, Response> {
  /** "/package.Service/Method" */
  readonly path: string;
  readonly kind: Kind;
  /** The bytes must not change afterwards. */
  encode(request: Request): Uint8Array;
  /** The bytes may be kept: they pin the socket's read, up to 64 KiB. */
  decode(bytes: Uint8Array): Response;
}

export interface CallOptions {
  readonly metadata?: Metadata;
  /** After so long the call ends with DEADLINE_EXCEEDED, here and at the server. Without it there is no deadline. */
  readonly timeoutMs?: number;
  /** Ends the call with CANCELLED, here and at the server. */
  readonly signal?: AbortSignal;
  /** Wait for a connection, not fail at once while the server cannot be reached. */
  readonly waitForReady?: boolean;
  /** Send messages compressed. */
  readonly gzip?: boolean;
  /** The headers, before any message. Not called for a call that fails without any. */
  readonly onHeaders?: (headers: Metadata) => void;
  /** The metadata that came with the status, whatever it is. */
  readonly onTrailers?: (trailers: Metadata) => void;
}
