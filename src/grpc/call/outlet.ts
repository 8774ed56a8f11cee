/**
 * The messages that leave on a stream: framed, compressed where that is agreed on, no faster than the other side takes
 * them.
 */

import type { Connection } from "../../http2/connection/connection.js";
import type { Stream } from "../../http2/connection/stream.js";
import { compress } from "../message/compression.js";
import { COPIED_BYTES, frameMessage, prefixOf } from "../message/message-frame.js";

/** Up to here a message is passed on by reference. A longer one is copied behind its prefix, since HTTP/2 takes one
 * long piece at most. */
const REFERENCED_BYTES = 8_388_608;

export class Outlet {
  readonly #connection: Connection;
  readonly #stream: Stream;
  #drained: (() => void) | undefined;

  constructor(connection: Connection, stream: Stream) {
    this.#connection = connection;
    this.#stream = stream;
  }

  /** Sends a message by itself. A promise if the next one should wait for it. */
  send(bytes: Uint8Array, gzip: boolean): Promise<void> | undefined {
    if (!gzip) return this.#write(bytes, false);
    const compressed = compress(bytes);
    if (compressed instanceof Promise) return compressed.then((whole) => this.#write(whole, true));
    return this.#write(compressed, true);
  }

  /** Sends the only message, and ends our side with it. A promise if it takes time to compress. */
  sendLast(bytes: Uint8Array, gzip: boolean): Promise<void> | undefined {
    const compressed = gzip ? compress(bytes) : bytes;
    if (compressed instanceof Promise) return compressed.then((whole) => this.#end(whole, true));
    this.#end(compressed, gzip);
    return undefined;
  }

  /** The other side takes more, or nothing any more. */
  drained(): void {
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }

  #end(bytes: Uint8Array, compressed: boolean): void {
    if (!this.#stream.closed) sendMessage(this.#connection, this.#stream, bytes, compressed, true);
  }

  #write(bytes: Uint8Array, compressed: boolean): Promise<void> | undefined {
    if (this.#stream.closed || sendMessage(this.#connection, this.#stream, bytes, compressed, false)) return undefined;
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }
}

/** False if the next message should wait for `drained`. `end`: nothing follows, not even trailers. */
export function sendMessage(
  connection: Connection,
  stream: Stream,
  bytes: Uint8Array,
  compressed: boolean,
  end: boolean,
): boolean {
  const { length } = bytes;
  if (length <= COPIED_BYTES || length > REFERENCED_BYTES) {
    return connection.send(stream, frameMessage(bytes, compressed), end);
  }
  connection.send(stream, prefixOf(length, compressed), false);
  return connection.send(stream, bytes, end);
}
