/** A call as its handler knows it, and the things it may do besides answering. */

import type { Metadata } from "../metadata/metadata.js";

/** The other end of the connection. */
export interface Caller {
  /** HOST:PORT */
  readonly address: string;
  /** The certificate that it has shown, as DER, if TLS asked for one. It was checked as TLS was told to. */
  readonly certificate: Uint8Array | undefined;
}

export interface Call {
  /** "/package.Service/Method" */
  readonly path: string;
  /** The metadata that the client sent. */
  readonly metadata: Metadata;
  /**
   * When the client stops waiting, by `performance.now()`; Infinity if it does not say. The call ends then by itself.
   */
  readonly deadlineAt: number;
  /** Aborted when the client has gone away or the deadline is over: nobody waits for an answer any more. */
  readonly signal: AbortSignal;
  readonly caller: Caller;
  /** To be sent before the first message. Headers added after that are not sent. */
  readonly responseHeaders: Metadata;
  /** To be sent behind the last message, with the status. */
  readonly responseTrailers: Metadata;
  /** Set it before the first message to have messages compressed, if the client takes gzip. */
  gzip: boolean;
  /** Sends the headers now, not with the first message. */
  sendHeaders(): void;
}
