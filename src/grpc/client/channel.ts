/**
 * The way to one server: a connection that is made when it is needed, and made again when it is lost.
 *
 * Intuition: a call takes the connection if there is one. Else it waits while one is being made. Once that has failed,
 * calls fail at once until it is tried again, except those that said that they wait.
 *
 * Invariants:
 * 1. There is at most one connection for new calls, and at most one attempt. Connections that drain serve the calls
 *    that they have.
 * 2. Each call that was started is begun or refused once; refused means that nothing of it was sent.
 * 3. At most `maxWaitingCalls` wait.
 */

import { performance } from "node:perf_hooks";
import type { Connection } from "../../http2/connection/connection.js";
import type { Closing, ConnectionListener } from "../../http2/connection/events.js";
import { GrpcError, STATUS } from "../status.js";
import { Backoff, type BackoffOptions, DEFAULT_BACKOFF } from "./backoff.js";

const SOON_MS = 1_000;
/** HTTP/2 has 2^30 numbers for the streams of a connection. */
const MAX_CALLS = 1_000_000_000;

export type ChannelEvents = Omit<ConnectionListener, "wake">;

/** The part of a call that the channel has to know. */
export interface Startable {
  readonly waitForReady: boolean;
  begin(connection: Connection): void;
  refused(error: GrpcError): void;
}

/** A connection that is there, and how to write what was said on it from outside. */
export interface Link {
  readonly connection: Connection;
  flush(): void;
}

export interface ChannelOptions {
  /** Makes a connection; rejects if the server cannot be reached. */
  readonly connect: (events: ChannelEvents) => Promise<Link>;
  readonly backoff?: Partial<BackoffOptions>;
  /** Calls that wait for a connection, or for a stream of it. 10,000 if not given. */
  readonly maxWaitingCalls?: number;
  /** After so many calls a new connection is made. 10^9 if not given. */
  readonly maxCallsPerConnection?: number;
}

export class Channel {
  readonly #options: ChannelOptions;
  readonly #backoff: Backoff;
  readonly #waiting = new Set<Startable>();
  readonly #links = new Set<Link>();
  #current: Link | undefined;
  /** Calls on the current one. */
  #begun = 0;
  #connecting = false;
  /** Why the last attempt failed, until the next one. */
  #failure: GrpcError | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed: (() => void) | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ ...DEFAULT_BACKOFF, ...options.backoff }, Math.random);
  }

  get isConnected(): boolean {
    return this.#current !== undefined;
  }

  start(call: Startable): void {
    const current = this.#current;
    if (current !== undefined && this.#waiting.size === 0 && current.connection.openable > 0) {
      this.#begin(current, call);
      return;
    }
    const { maxWaitingCalls = 10_000 } = this.#options;
    if (this.#closed !== undefined) call.refused(notSent(STATUS.unavailable, "the client was closed"));
    else if (this.#failure !== undefined && !call.waitForReady) call.refused(this.#failure);
    else if (this.#waiting.size >= maxWaitingCalls) {
      call.refused(notSent(STATUS.resourceExhausted, `${maxWaitingCalls} calls wait for a connection already`));
    } else {
      this.#waiting.add(call);
      this.#connect();
    }
  }

  /** The call does not wait any more. */
  forget(call: Startable): void {
    this.#waiting.delete(call);
  }

  /**
   * Takes no further calls, refuses those that wait, lets those that run end for `graceMs` (0: as long as they want).
   */
  async close(graceMs: number): Promise<void> {
    if (this.#closed !== undefined) return;
    clearTimeout(this.#retry);
    const gone = new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    this.#refuseAll(notSent(STATUS.unavailable, "the client was closed"), () => true);
    this.#current = undefined;
    for (const link of [...this.#links]) {
      link.connection.drain(performance.now(), graceMs);
      link.flush();
    }
    if (this.#links.size === 0 && !this.#connecting) return;
    await gone;
  }

  #begin(link: Link, call: Startable): void {
    call.begin(link.connection);
    if (++this.#begun < (this.#options.maxCallsPerConnection ?? MAX_CALLS) || link !== this.#current) return;
    this.#leave(link);
    link.connection.drain(performance.now());
  }

  #connect(): void {
    if (this.#connecting || this.#current !== undefined || this.#failure !== undefined) return;
    if (this.#closed !== undefined) return;
    this.#connecting = true;
    const startedAt = performance.now();
    let link: Link | undefined;
    let isReady = false;
    let closing: Closing | undefined;
    const ready = (): void => {
      if (link === undefined || !isReady || closing !== undefined || !this.#connecting) return;
      this.#connecting = false;
      if (this.#closed !== undefined) {
        link.connection.drain(performance.now());
        link.flush();
        return;
      }
      this.#current = link;
      this.#begun = 0;
      this.#pump();
    };
    const events: ChannelEvents = {
      request: () => {
        throw new Error("a client gets no requests");
      },
      ready: () => {
        isReady = true;
        ready();
      },
      available: () => {
        if (link !== undefined && link === this.#current) this.#pump();
      },
      draining: () => this.#leave(link),
      closed: (reason) => {
        closing = reason;
        if (link === undefined) return;
        this.#links.delete(link);
        if (!isReady) this.#failed(reason.message);
        else if (link === this.#current) {
          // One that is lost soon after it was made counts as an attempt that failed.
          if (performance.now() - startedAt < SOON_MS && reason.kind !== "drained") this.#failed(reason.message);
          else this.#backoff.reset();
          this.#leave(link);
        }
        this.#settleClose();
      },
    };
    this.#options.connect(events).then(
      (made) => {
        link = made;
        if (closing !== undefined) {
          this.#failed(closing.message);
          this.#settleClose();
          return;
        }
        this.#links.add(made);
        if (this.#closed !== undefined) isReady = true;
        ready();
      },
      (error: unknown) => {
        this.#failed(error instanceof Error ? error.message : String(error));
        this.#settleClose();
      },
    );
  }

  /** No further calls on this connection. */
  #leave(link: Link | undefined): void {
    if (link === undefined || link !== this.#current) return;
    this.#current = undefined;
    if (this.#waiting.size > 0) this.#connect();
  }

  #failed(message: string): void {
    this.#connecting = false;
    if (this.#closed !== undefined) return;
    const failure = notSent(STATUS.unavailable, `no connection: ${message}`);
    this.#failure = failure;
    this.#retry = setTimeout(() => {
      this.#failure = undefined;
      if (this.#waiting.size > 0) this.#connect();
    }, this.#backoff.next());
    this.#retry.unref();
    this.#refuseAll(failure, (call) => !call.waitForReady);
  }

  #refuseAll(error: GrpcError, which: (call: Startable) => boolean): void {
    for (const call of [...this.#waiting]) {
      // A call that hears of its end may end others.
      if (!which(call) || !this.#waiting.delete(call)) continue;
      call.refused(error);
    }
  }

  #pump(): void {
    for (const call of this.#waiting) {
      const current = this.#current;
      if (current === undefined || current.connection.openable === 0) return;
      this.#waiting.delete(call);
      this.#begin(current, call);
    }
  }

  #settleClose(): void {
    if (this.#closed !== undefined && this.#links.size === 0 && !this.#connecting) this.#closed();
  }
}

function notSent(code: number, message: string): GrpcError {
  return new GrpcError(code, message, { outcome: "unprocessed" });
}
