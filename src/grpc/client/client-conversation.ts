/**
 * A stream both ways at the client without a promise for each message: the other end of a route of the kind
 * `conversation`.
 *
 * Intuition: messages are asked for one by one, in a loop and not by recursion, as thousands may have come with one
 * read.
 *
 * Invariants:
 * 1. `closed` is told once, and nothing after it.
 * 2. Messages that are sent before there is a connection leave first, in order, once there is one.
 */

import type { Connection } from "../../http2/connection/connection.js";
import type { Stream } from "../../http2/connection/stream.js";
import type { InletSink } from "../call/inlet.js";
import { sendMessage } from "../call/outlet.js";
import type { Metadata } from "../metadata/metadata.js";
import { GrpcError, STATUS } from "../status.js";
import type { ClientCall, Talker } from "./client-call.js";

/** The events that its user is told. An error that it throws ends the call with CANCELLED. */
export interface ClientConversationHandler<Response> {
  /** The server's headers, before any message. */
  began?(headers: Metadata): void;
  message(response: Response): void;
  /** `write` takes more: for the first time, or after it said false. */
  drained?(): void;
  /** The call is over: null if the server has ended it with OK, else why. */
  closed(failure: GrpcError | null): void;
}

const NOTHING = new Uint8Array(0);

export class ClientConversation<Response> implements Talker {
  readonly #handler: ClientConversationHandler<Response>;
  #call: ClientCall<Response> | undefined;
  #connection: Connection | undefined;
  #stream: Stream | undefined;
  /** Sent before there is a connection. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #saidAll = false;
  #asked = false;
  #reading = false;
  #over = false;

  constructor(handler: ClientConversationHandler<Response>) {
    this.#handler = handler;
  }

  /** Once, before anything else. */
  on(call: ClientCall<Response>): void {
    this.#call = call;
    this.#read();
    if (!this.#over) call.start();
  }

  /** Bytes that were sent, and that wait for the server to take them. */
  get unsentBytes(): number {
    return this.#earlyBytes + (this.#stream?.unsentBytes ?? 0);
  }

  /**
   * Sends one message, however much waits. Whoever uses it bounds `unsentBytes`. The bytes must not change until they
   * have left.
   */
  push(bytes: Uint8Array): void {
    if (this.#over || this.#saidAll) return;
    if (this.#connection !== undefined && this.#stream !== undefined) {
      sendMessage(this.#connection, this.#stream, bytes, false, false);
      return;
    }
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
  }

  /**
   * Sends messages, each behind its prefix. False: nothing more should be sent until `drained`; without a connection
   * nothing was. The bytes must not change until they have left.
   */
  write(framed: Uint8Array): boolean {
    if (this.#over) return true;
    if (this.#connection === undefined || this.#stream === undefined) return false;
    return this.#connection.send(this.#stream, framed, false);
  }

  /** `write` would send. */
  get isOpen(): boolean {
    return this.#stream !== undefined && !this.#over;
  }

  /** Says that nothing more is sent. */
  end(): void {
    if (this.#over || this.#saidAll) return;
    this.#saidAll = true;
    if (this.#stream !== undefined && !this.#stream.closed) this.#connection?.send(this.#stream, NOTHING, true);
  }

  /** Bound of a message from now on; until then that of the client. */
  allow(maxResponseBytes: number): void {
    this.#call?.allow(maxResponseBytes);
  }

  /**
   * Asks whether the server's process is there; `answered` is called when it says so. False if that cannot be asked.
   */
  ping(answered: () => void): boolean {
    return !this.#over && this.#connection !== undefined && this.#connection.ping(answered);
  }

  /** Ends the call now; what waits to be sent is thrown away. */
  cut(): void {
    this.#call?.cancel();
  }

  opened(connection: Connection, stream: Stream): void {
    this.#connection = connection;
    this.#stream = stream;
    const early = this.#early;
    this.#early = [];
    this.#earlyBytes = 0;
    for (const bytes of early) sendMessage(connection, stream, bytes, false, false);
    if (this.#saidAll && !stream.closed) connection.send(stream, NOTHING, true);
    this.drained();
  }

  drained(): void {
    if (!this.#over) this.#tell(() => this.#handler.drained?.());
  }

  /** Takes what the server sends. */
  sink(): InletSink<Response> {
    return {
      message: (response) => {
        this.#asked = false;
        if (this.#over) return;
        try {
          this.#handler.message(response);
        } catch (error) {
          this.#broken(error);
        }
        this.#read();
      },
      end: () => this.#close(null),
      failed: (error) => this.#close(error),
    };
  }

  #read(): void {
    if (this.#reading || this.#call === undefined) return;
    this.#reading = true;
    while (!this.#asked && !this.#over) {
      this.#asked = true;
      this.#call.want();
    }
    this.#reading = false;
  }

  #tell(what: () => void): void {
    try {
      what();
    } catch (error) {
      this.#broken(error);
    }
  }

  #broken(error: unknown): void {
    const message = "who was told of a message has thrown";
    this.#call?.failed(new GrpcError(STATUS.cancelled, message, { outcome: "unknown", cause: error }));
  }

  #close(failure: GrpcError | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#early = [];
    this.#earlyBytes = 0;
    this.#handler.closed(failure);
  }
}
