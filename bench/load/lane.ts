/**
 * One connection's place: it holds the connection of the moment, and makes a new one when that is lost or drains. It
 * keeps the slots that wait for it.
 */

import { performance } from "node:perf_hooks";
import type { CallHandler } from "../http2/stream.js";
import type { Dialect, Line } from "./dialect.js";
import type { Endpoint } from "./options.js";

const RECONNECT_AFTER_MS = 100;

/** Makes calls over a lane, one at a time. */
export interface Caller extends CallHandler {
  /** Starts its next call, or parks until the lane admits one. */
  start(): void;
}

export interface LaneEvents {
  readonly onReady: () => void;
  /** The connection is lost or draining; another one will be made. */
  readonly onLost: () => void;
}

export class Lane {
  ready = false;
  readonly #dialect: Dialect;
  readonly #endpoint: Endpoint;
  readonly #deadlineMs: number;
  readonly #events: LaneEvents;
  readonly #parked: Caller[] = [];
  #connection: Line;
  /** Those that drain: they still owe answers. */
  readonly #old = new Set<Line>();
  #over = false;

  constructor(dialect: Dialect, endpoint: Endpoint, deadlineMs: number, events: LaneEvents) {
    this.#dialect = dialect;
    this.#endpoint = endpoint;
    this.#deadlineMs = deadlineMs;
    this.#events = events;
    this.#connection = this.#dial();
  }

  /** Whether a call can start now. */
  admits(): boolean {
    const connection = this.#connection;
    return connection.usable && connection.inFlight < connection.maxConcurrentStreams;
  }

  /** `body` [0, length) is copied before this returns. */
  call(path: string, body: Uint8Array, length: number, slot: Caller): void {
    this.#connection.call(path, body, length, slot);
  }

  /** The time of the socket read in progress, or else now. */
  nowMs(): number {
    return this.#connection.reading ? this.#connection.nowMs : performance.now();
  }

  park(slot: Caller): void {
    this.#parked.push(slot);
  }

  /** Lets slots start that have waited, as far as the connection takes them. */
  unpark(): void {
    while (this.#parked.length > 0 && this.admits()) this.#parked.shift()?.start();
  }

  expire(limitMs: number): void {
    for (const connection of [this.#connection, ...this.#old]) connection.expire(limitMs);
  }

  close(): void {
    this.#over = true;
    for (const connection of [this.#connection, ...this.#old]) connection.close();
  }

  #dial(): Line {
    const connection: Line = this.#dialect.dial({
      host: this.#endpoint.host,
      port: this.#endpoint.port,
      deadlineMs: this.#deadlineMs,
      onReady: () => {
        this.ready = true;
        this.#events.onReady();
        this.unpark();
      },
      onDraining: () => this.#replace(connection, 0),
      onClosed: () => {
        this.#old.delete(connection);
        this.#replace(connection, RECONNECT_AFTER_MS);
      },
    });
    return connection;
  }

  #replace(connection: Line, afterMs: number): void {
    if (this.#over || connection !== this.#connection) return;
    this.#events.onLost();
    if (afterMs === 0) {
      this.#old.add(connection);
      this.#connection = this.#dial();
      return;
    }
    setTimeout(() => {
      if (!this.#over && connection === this.#connection) this.#connection = this.#dial();
    }, afterMs);
  }
}
