/**
 * A conversation on one call of this server.
 *
 * Intuition: messages are asked for one by one, in a loop and not by recursion, as thousands may have come with one
 * read.
 *
 * Invariants:
 * 1. No message is told while it is paused, or after its end.
 * 2. `closed` is told once.
 */

import type { InletSink } from "../call/inlet.js";
import type { GrpcError } from "../status.js";
import type { Call } from "./call.js";
import type { Conversation, ConversationHandler } from "./conversation.js";
import type { ConversationRoute } from "./route.js";

/** The call that it is held on. */
export interface ConversationHost {
  readonly call: Call;
  isDraining(): boolean;
  /** Asks for one message. */
  want(): void;
  /** Sends framed messages; false: wait for `drained`. */
  write(framed: Uint8Array): boolean;
  readonly unsentBytes: number;
  allow(maxRequestBytes: number): void;
  ping(answered: () => void): boolean;
  end(failure: unknown): void;
  cut(failure: GrpcError): void;
}

export class ServerConversation implements Conversation<unknown> {
  readonly #host: ConversationHost;
  readonly #route: ConversationRoute<unknown, unknown>;
  #handler: ConversationHandler<unknown> | undefined;
  #paused = false;
  /** A message was asked for and has not come. */
  #asked = false;
  #reading = false;
  #full = false;
  #over = false;

  constructor(host: ConversationHost, route: ConversationRoute<unknown, unknown>) {
    this.#host = host;
    this.#route = route;
  }

  get call(): Call {
    return this.#host.call;
  }

  get isDraining(): boolean {
    return this.#host.isDraining();
  }

  get isFull(): boolean {
    return this.#full;
  }

  /** May throw what the handler throws. */
  begin(): void {
    this.#handler = this.#route.handle(this);
    if (this.#over) this.#handler.closed();
    else this.#read();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  send(responses: readonly unknown[]): number {
    if (this.#over) return responses.length;
    if (this.#full) return 0;
    return this.#route.frame(responses, (framed) => {
      this.#full = !this.#host.write(framed);
      return !this.#full;
    });
  }

  push(responses: readonly unknown[]): void {
    if (this.#over) return;
    this.#route.frame(responses, (framed) => {
      this.#full = !this.#host.write(framed);
      return !this.#over;
    });
  }

  get unsentBytes(): number {
    return this.#host.unsentBytes;
  }

  allow(maxRequestBytes: number): void {
    this.#host.allow(maxRequestBytes);
  }

  ping(answered: () => void): boolean {
    return !this.#over && this.#host.ping(answered);
  }

  end(failure?: GrpcError): void {
    if (!this.#over) this.#host.end(failure);
  }

  cut(failure: GrpcError): void {
    if (!this.#over) this.#host.cut(failure);
  }

  /** Takes what the client sends. */
  sink(): InletSink<unknown> {
    return {
      message: (request) => {
        this.#asked = false;
        this.#tell((handler) => handler.message(request));
        this.#read();
      },
      end: () => this.#tell((handler) => handler.ended()),
      failed: (error) => this.end(error),
    };
  }

  drained(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#tell((handler) => handler.drained());
  }

  /** The call is over. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler?.closed();
  }

  #read(): void {
    if (this.#reading || this.#handler === undefined) return;
    this.#reading = true;
    while (!this.#paused && !this.#asked && !this.#over) {
      this.#asked = true;
      this.#host.want();
    }
    this.#reading = false;
  }

  #tell(what: (handler: ConversationHandler<unknown>) => void): void {
    if (this.#over || this.#handler === undefined) return;
    try {
      what(this.#handler);
    } catch (error) {
      this.#host.end(error);
    }
  }
}
