/**
 * The answer to one call, as its client gets it: a head, messages and trailers.
 *
 * Intuition: headers, message and trailers of an answer go into one write. Metadata and outlet are made when somebody
 * asks for them.
 *
 * Invariant: a failure before any message is one header list, "trailers-only".
 */

import type { Connection } from "../../http2/connection/connection.js";
import type { Stream } from "../../http2/connection/stream.js";
import type { HeaderList } from "../../http2/hpack/header-list.js";
import { Outlet, sendMessage } from "../call/outlet.js";
import { accepts, compress } from "../message/compression.js";
import { Metadata } from "../metadata/metadata.js";
import { causedByPeer, GrpcError, STATUS } from "../status.js";
import { failureList, GZIP_HEAD, HEAD, listOf, OK } from "./answer-heads.js";
import type { BidirectionalRoute, ServerStreamingRoute } from "./route.js";

type StreamRoute = ServerStreamingRoute<unknown, unknown> | BidirectionalRoute<unknown, unknown>;

/** The call that the answer is of. */
export interface Answered {
  readonly gzip: boolean;
  /** The status is about to be sent. */
  ended(code: number): void;
  failed(error: unknown): void;
}

export class Answer {
  readonly #call: Answered;
  readonly #connection: Connection;
  readonly #stream: Stream;
  readonly #requestHeaders: HeaderList;
  /** The call has ended: no more is answered. */
  over = false;
  #headers: Metadata | undefined;
  #trailers: Metadata | undefined;
  #outlet: Outlet | undefined;
  #responses: AsyncIterator<unknown> | undefined;
  #headSent = false;
  #gzipSent = false;

  constructor(call: Answered, connection: Connection, stream: Stream, requestHeaders: HeaderList) {
    this.#call = call;
    this.#connection = connection;
    this.#stream = stream;
    this.#requestHeaders = requestHeaders;
  }

  get headers(): Metadata {
    this.#headers ??= new Metadata();
    return this.#headers;
  }

  get trailers(): Metadata {
    this.#trailers ??= new Metadata();
    return this.#trailers;
  }

  /** Responses are still being streamed. */
  get isStream(): boolean {
    return this.#responses !== undefined;
  }

  drained(): void {
    this.#outlet?.drained();
  }

  /** One message, and the status. */
  withOne(bytes: Uint8Array): void {
    if (this.#call.gzip && this.#clientTakesGzip()) {
      const compressed = compress(bytes);
      if (compressed instanceof Promise) this.#later(compressed.then((whole) => this.#send(whole, true)));
      else this.#send(compressed, true);
    } else this.#send(bytes, false);
  }

  #later(sent: Promise<void>): void {
    sent.catch((error: unknown) => this.#call.failed(error));
  }

  #send(bytes: Uint8Array, compressed: boolean): void {
    if (this.over) return;
    this.#gzipSent = compressed;
    this.sendHead();
    sendMessage(this.#connection, this.#stream, bytes, compressed, false);
    this.sendOk();
  }

  /** Responses one after the other, as fast as the client takes them. */
  withStream(responses: AsyncIterable<unknown>, route: StreamRoute): void {
    const iterator = responses[Symbol.asyncIterator]();
    this.#responses = iterator;
    this.#later(this.#pump(iterator, route));
  }

  async #pump(iterator: AsyncIterator<unknown>, route: StreamRoute): Promise<void> {
    const outlet = new Outlet(this.#connection, this.#stream);
    this.#outlet = outlet;
    for (;;) {
      const result = await iterator.next();
      if (this.over) return;
      if (result.done === true) break;
      const bytes = route.encode(result.value);
      this.#gzipSent ||= this.#call.gzip && !this.#headSent && this.#clientTakesGzip();
      this.sendHead();
      const full = outlet.send(bytes, this.#gzipSent && this.#call.gzip);
      if (full !== undefined) await full;
      if (this.over) return;
    }
    this.#responses = undefined;
    this.sendHead();
    this.sendOk();
  }

  /** No more responses are wanted. */
  leave(): void {
    const responses = this.#responses;
    this.#responses = undefined;
    // A generator that waits for something else than the signal cannot be ended; it hears of it when it goes on.
    responses?.return?.().catch(() => {});
  }

  #clientTakesGzip(): boolean {
    return !this.#headSent && accepts(this.#requestHeaders.get("grpc-accept-encoding"), "gzip");
  }

  sendHead(): void {
    if (this.#headSent) return;
    const more = listOf(this.#headers);
    if (!this.#fits(more)) throw new GrpcError(STATUS.resourceExhausted, "headers longer than the client takes");
    this.#headSent = true;
    this.#connection.respond(this.#stream, this.#gzipSent ? GZIP_HEAD : HEAD, false, more);
  }

  sendOk(): void {
    const more = listOf(this.#trailers);
    if (!this.#fits(more)) throw new GrpcError(STATUS.resourceExhausted, "trailers longer than the client takes");
    this.#call.ended(STATUS.ok);
    this.#connection.trailers(this.#stream, OK, more);
  }

  sendFailure(error: GrpcError): void {
    this.#call.ended(error.code);
    let list = failureList(error, this.#trailers);
    // Metadata too long for the client must not keep it from hearing of its failure.
    if (!this.#fits(list)) list = failureList(causedByPeer(error.code, error.message), undefined);
    if (this.#headSent) this.#connection.trailers(this.#stream, list);
    else this.#connection.respond(this.#stream, HEAD, true, list);
  }

  #fits(list: HeaderList | undefined): boolean {
    const { peerMaxHeaderListSize } = this.#connection;
    return list === undefined || list.size + HEAD.size <= peerMaxHeaderListSize;
  }
}
