/**
 * Drives the machine of one connection on a socket: reads into it, writes what it says, and wakes it when time has
 * come.
 *
 * Intuition: whatever one read causes leaves in one write. Bytes that others cause, an answer from a disk say, leave
 * once in a turn of the event loop. A socket that takes no more pauses the machine, and the machine pauses the socket.
 */

import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { Connection } from "../connection/connection.js";
import type { Closing, ConnectionListener } from "../connection/events.js";
import type { LimitName, Limits, Timing } from "../connection/limits.js";
import type { Role } from "../connection/settings.js";
import type { Stream, StreamListener } from "../connection/stream.js";
import type { HeaderList } from "../hpack/header-list.js";
import type { FlushQueue } from "./flush-queue.js";

/** The events that the user of a connection is told. */
export type ConnectionEvents = Omit<ConnectionListener, "wake">;

export interface DriverOptions {
  readonly role: Role;
  readonly socket: Socket;
  readonly flushes: FlushQueue;
  readonly limits?: Partial<Limits> | undefined;
  readonly timing?: Timing | undefined;
  readonly onLimit?: ((limit: LimitName) => void) | undefined;
  /** Called once, before anything is read: who is to be told. */
  readonly accept: (driver: Driver) => ConnectionEvents;
}

/** After a fatal error the peer has so long to read why. Nothing is read from it meanwhile. */
const LINGER_MS = 500;

export class Driver implements ConnectionListener {
  readonly connection: Connection;
  readonly socket: Socket;
  readonly #flushes: FlushQueue;
  readonly #events: ConnectionEvents;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #error = "";
  #ended = false;
  /** Whether a flush is queued for the end of this turn. */
  isQueued = false;

  constructor(options: DriverOptions) {
    const { socket, role, limits = {}, timing, onLimit } = options;
    this.socket = socket;
    this.#flushes = options.flushes;
    const chance = Math.random();
    const settings = {
      role,
      limits,
      chance,
      ...(timing === undefined ? {} : { timing }),
      ...(onLimit === undefined ? {} : { onLimit }),
    };
    this.connection = new Connection({ ...settings, listener: this }, performance.now());
    this.#events = options.accept(this);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("drain", () => {
      this.connection.flushed(this.#pending(), performance.now());
      this.flush();
    });
    socket.on("end", () => this.#lost("the peer has ended the connection"));
    socket.on("error", (error) => {
      this.#error = error.message;
    });
    socket.on("close", () => this.#lost("the connection was closed"));
    this.flush();
  }

  /** Writes what the machine has to say. */
  flush(): void {
    const { connection, socket } = this;
    if (this.#ended) return;
    for (;;) {
      const chunks = connection.take();
      if (chunks.length === 0) break;
      this.#write(chunks);
      connection.flushed(this.#pending(), performance.now());
    }
    if (connection.closed !== undefined) {
      this.#end();
      return;
    }
    if (connection.wantsInput === socket.isPaused()) {
      if (connection.wantsInput) socket.resume();
      else socket.pause();
    }
    this.#arm();
  }

  request(stream: Stream, headers: HeaderList): StreamListener {
    return this.#events.request(stream, headers);
  }

  ready(): void {
    this.#events.ready();
  }

  available(): void {
    this.#events.available();
  }

  draining(code: number, debug: string): void {
    this.#events.draining(code, debug);
  }

  closed(closing: Closing): void {
    this.#events.closed(closing);
  }

  wake(): void {
    if (this.isQueued) return;
    this.isQueued = true;
    this.#flushes.add(this);
  }

  #read(chunk: Buffer): void {
    this.connection.receive(chunk, performance.now());
    this.flush();
  }

  #write(chunks: readonly Buffer[]): void {
    const { socket } = this;
    const first = chunks[0];
    if (chunks.length === 1 && first !== undefined) {
      socket.write(first);
      return;
    }
    socket.cork();
    for (const chunk of chunks) socket.write(chunk);
    socket.uncork();
  }

  /** Bytes of which the socket tells when they have left: below its own mark it does not, and that is little. */
  #pending(): number {
    return this.socket.writableNeedDrain ? this.socket.writableLength : 0;
  }

  #lost(message: string): void {
    this.connection.lost(this.#error === "" ? message : this.#error);
    this.#end();
  }

  /** The machine has ended: so does the socket. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    const { socket } = this;
    socket.pause();
    if (socket.destroyed) return;
    socket.end();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
  }

  /** Activity only pushes deadlines back: a timer that comes too early is set again then, and not with every read. */
  #arm(): void {
    const at = this.connection.nextDeadline();
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    // Longer delays than a day are set again when the day is over.
    const delay = Math.min(86_400_000, Math.max(0, Math.ceil(at - performance.now())));
    this.#timer = setTimeout(() => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.connection.tick(performance.now());
      this.flush();
    }, delay);
    this.#timer.unref();
  }
}
