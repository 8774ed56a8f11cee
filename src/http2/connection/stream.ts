/**
 * One stream: a request and its response.
 *
 * The states of RFC 9113 §5.1 are told by two flags: which side has ended. `idle` has no object; `reserved` does not
 * occur, as nothing is pushed. The connection changes the fields; whoever uses a stream reads them.
 */

import type { HeaderList } from "../hpack/header-list.js";

/** How a stream came to its end. */
export type StreamEnd =
  /** Both sides have said all. */
  | { readonly kind: "ended" }
  /** One side gave it up. `unprocessed`: the peer has not begun to work on it, so it may be tried again. */
  | { readonly kind: "reset"; readonly by: "peer" | "here"; readonly code: number; readonly unprocessed: boolean }
  /** The connection has ended. */
  | { readonly kind: "lost"; readonly code: number; readonly message: string; readonly unprocessed: boolean };

export const ENDED: StreamEnd = { kind: "ended" };

/** The events of a stream. Every method may call any method of the connection. */
export interface StreamListener {
  /** Client: the response's header list; before it perhaps some with a status below 200. */
  headers(stream: Stream, headers: HeaderList): void;
  /**
   * A piece of the body: `bytes` from start, before end. It may be kept, and then pins the socket's read. The peer
   * may send more of it after `Connection.consume`.
   */
  data(stream: Stream, bytes: Buffer, start: number, end: number): void;
  /** The peer has said all. */
  end(stream: Stream, trailers: HeaderList | undefined): void;
  /** `send` had said to wait; it need not any more. */
  drained(stream: Stream): void;
  /** Nothing comes or goes any more. Exactly once, also after `end`. */
  closed(stream: Stream, end: StreamEnd): void;
}

export class Stream {
  readonly id: number;
  listener: StreamListener;
  /** The peer has ended its side, we have ended ours; nothing goes either way any more. */
  remoteEnded = false;
  localEnded = false;
  closed = false;
  /** How it was closed. */
  outcome: StreamEnd | undefined = undefined;
  /** The head of the response was sent, or received. */
  responded = false;
  /** The request is a HEAD: a content-length in its response has no body. */
  isHead = false;

  /** The bytes that may still be sent; may be negative after the peer has lowered its setting. */
  sendWindow: number;
  /** The chunks that wait to be sent: from `unsentAt` on, of which the first begins at `unsentOffset`. */
  unsent: Uint8Array[] | undefined = undefined;
  unsentAt = 0;
  unsentOffset = 0;
  unsentBytes = 0;
  /** The end of our side, once the chunks are out: nothing, the last chunk itself, or trailers. */
  endsAfter = false;
  trailers: HeaderList | undefined = undefined;
  moreTrailers: HeaderList | undefined = undefined;
  /** `send` has said to wait. */
  waiting = false;
  /** Its neighbours among the streams that may send now. */
  isReady = false;
  next: Stream | undefined = undefined;
  previous: Stream | undefined = undefined;

  /** The bytes that the peer may still send. */
  receiveWindow: number;
  /** Given to the listener, and not consumed. */
  unconsumed = 0;
  /** Consumed, and not told to the peer. */
  uncredited = 0;
  /** The content-length that was announced, or -1, and how much has come. */
  expectedBytes = -1;
  receivedBytes = 0;

  constructor(id: number, listener: StreamListener, sendWindow: number, receiveWindow: number) {
    this.id = id;
    this.listener = listener;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  /** The state, in the words of RFC 9113 §5.1. */
  get state(): "open" | "half-closed (local)" | "half-closed (remote)" | "closed" {
    if (this.closed) return "closed";
    if (this.localEnded) return "half-closed (local)";
    return this.remoteEnded ? "half-closed (remote)" : "open";
  }
}
