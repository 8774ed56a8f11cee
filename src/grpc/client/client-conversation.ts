/**
 * A stream both ways from the client's side, without a promise for each message. It is for streams with thousands of messages in a turn of
 * the event loop. The server's side of it is `server/conversation.ts`.
 *
 * Intuition: messages are asked for one by one, in a loop and not by recursion, as thousands may have come with one read.
 *
 * Invariants:
 * 1. `ended` is told once, and nothing after it.
 * 2. Such a call is never begun twice, as nobody keeps what was sent on it.
 */

import type { InletSink } from "../call/inlet.js";
import type { Metadata } from "../metadata/metadata.js";
import { GrpcError, STATUS } from "../status.js";
import type { ClientCall } from "./client-call.js";

/** The things that a client has to know of a method to converse by it. */
export interface ConversationMethod<Request, Response> {
  /** "/package.Service/Method" */
  readonly path: string;
  /**
   * Writes messages one behind the other, each behind its prefix and not compressed, until `write` says false. Returns how many it wrote.
   * Few long pieces cost least.
   */
  frame(requests: readonly Request[], write: (framed: Uint8Array) => boolean): number;
  /** The bytes may be kept: they pin the socket's read, up to 64 KiB. */
  decode(bytes: Uint8Array): Response;
}

/** An error that one of them throws ends the call with CANCELLED. */
export interface ConversationEvents<Response> {
  /** The server's headers, before any message. */
  began(headers: Metadata): void;
  message(response: Response): void;
  /** Messages can be sent: for the first time, or again after it was full. */
  drained(): void;
  /** The call is over: null if it ended with OK. */
  ended(failure: GrpcError | null): void;
}

type Begin<Response> = (sink: InletSink<Response>, drained: () => void) => ClientCall<Response>;

export class ClientConversation<Request, Response> {
  readonly #method: ConversationMethod<Request, Response>;
  readonly #events: ConversationEvents<Response>;
  #call: ClientCall<Response> | undefined;
  /** A message was asked for and has not come. */
  #asked = false;
  #reading = false;
  #full = true;
  #over = false;

  constructor(method: ConversationMethod<Request, Response>, events: ConversationEvents<Response>) {
    this.#method = method;
    this.#events = events;
  }

  /** For `GrpcClient.converse`, which calls it once. */
  begin(callOf: Begin<Response>): void {
    const call = callOf(this.#sink(), () => this.#drained());
    this.#call = call;
    this.#read();
    call.start();
  }

  /** The server takes too little of what was sent, or the call was not begun yet: `drained` says when it takes more. */
  get isFull(): boolean {
    return this.#full;
  }

  /** Sends messages until it is full, and says how many: those behind are to be sent again later. After the end it has no effect. */
  send(requests: readonly Request[]): number {
    const call = this.#call;
    if (this.#over || call === undefined) return requests.length;
    if (this.#full) return 0;
    return this.#method.frame(requests, (framed) => {
      this.#full = !call.write(framed);
      return !this.#full;
    });
  }

  /** Nothing more is sent; answers still come. */
  sendEnd(): void {
    this.#call?.writeEnd();
  }

  /** Gives it up, on both sides. */
  cancel(): void {
    this.#call?.cancel();
  }

  #sink(): InletSink<Response> {
    return {
      message: (response) => {
        this.#asked = false;
        try {
          this.#events.message(response);
        } catch (error) {
          this.#broken(error);
        }
        this.#read();
      },
      end: () => this.#end(null),
      failed: (error) => this.#end(error),
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

  #drained(): void {
    if (!this.#full || this.#over) return;
    this.#full = false;
    try {
      this.#events.drained();
    } catch (error) {
      this.#broken(error);
    }
  }

  #end(failure: GrpcError | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.ended(failure);
  }

  #broken(error: unknown): void {
    const message = "who was told of a message has thrown";
    this.#call?.failed(new GrpcError(STATUS.cancelled, message, { outcome: "unknown", cause: error }));
  }
}
