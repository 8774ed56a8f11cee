/**
 * One HTTP/2 connection, of a client or of a server, as a pure machine: bytes and time go in, events and bytes come
 * out.
 *
 * How to drive it: give it what comes (`receive`), and call it when `nextDeadline` is there (`tick`). After each of
 * both, or when the listener is woken, write what `take` returns. Then say with `flushed` how much of that the network
 * has not taken. Read nothing while `wantsInput` is false. Once it is `closed`, write what it has left and end the
 * socket. That is all; `socket/driver.ts` does it.
 *
 * Listeners are called from within `receive`, `tick` and the other methods, and may call any method. Nothing is sent
 * before the caller of `receive` takes it: so all answers to one read leave in one write.
 *
 * Invariants:
 * 1. Every stream that was begun is closed once, before the connection is or with it.
 * 2. After `closed` no event comes, whatever is received.
 * 3. `Limits` bounds all that is kept, except what open streams were given to send beyond `maxUnsentBytes`; they are
 *    bounded each.
 *
 * Source: RFC 9113.
 */

import { ConnectionError, ERROR_CODE, unreachable } from "../error.js";
import { FrameInput } from "../frame/frame-input.js";
import { CLIENT_PREFACE, MAX_INT31 } from "../frame/wire.js";
import type { HeaderList } from "../hpack/header-list.js";
import { GIVES_UP, LIMIT_OF } from "./due.js";
import { type Closing, type ConnectionListener, failedBy } from "./events.js";
import { Exchanges } from "./exchanges.js";
import { Farewell } from "./farewell.js";
import { Inbound, type InboundHost } from "./inbound.js";
import { type Due, NEVER } from "./lifetime.js";
import {
  CLIENT_TIMING,
  checkLimits,
  DEFAULT_LIMITS,
  type LimitName,
  type Limits,
  SERVER_TIMING,
  type Timing,
} from "./limits.js";
import { assemble, type Parts } from "./parts.js";
import { Pings } from "./pings.js";
import { type Role, settingsToSend } from "./settings.js";
import type { Stream, StreamEnd, StreamListener } from "./stream.js";

export interface ConnectionOptions {
  readonly role: Role;
  readonly listener: ConnectionListener;
  readonly limits?: Partial<Limits>;
  readonly timing?: Timing;
  /** From 0 to 1, by chance: spreads the ages of connections (`maxConnectionAgeMs`). */
  readonly chance?: number;
  /** A limit has taken effect: a PING was sent, a stream refused, a connection drained or ended because of it. */
  readonly onLimit?: (limit: LimitName) => void;
}

const KEEPALIVE = Buffer.from("keep-ali", "latin1");

export class Connection {
  readonly #listener: ConnectionListener;
  readonly #limits: Limits;
  readonly #parts: Parts;
  readonly #exchanges: Exchanges;
  readonly #input: FrameInput;
  readonly #farewell: Farewell;
  readonly #pings: Pings;
  #closing: Closing | undefined;
  /** Somebody is inside who takes the output afterwards; the listener was woken and has not taken yet. */
  #inside = false;
  #woken = false;
  #pending = 0;

  constructor(options: ConnectionOptions, now: number) {
    const { role, chance = 0.5, onLimit = () => {} } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    checkLimits(limits);
    const timing = options.timing ?? (role === "server" ? SERVER_TIMING : CLIENT_TIMING);
    this.#listener = options.listener;
    this.#limits = limits;
    this.#parts = assemble({
      role,
      limits,
      timing,
      now,
      chance,
      onLimit,
      onLocalEnd: (stream) => this.#exchanges.localEnded(stream),
    });
    this.#exchanges = new Exchanges(this.#parts, {
      listener: options.listener,
      touched: () => this.#touched(),
      closed: () => this.#finishIfDrained(),
    });
    this.#farewell = new Farewell(this.#parts);
    this.#pings = new Pings(this.#parts.output);
    this.#input = new FrameInput(new Inbound(this.#parts, this.#host()), role === "server");
    const { inflow, output } = this.#parts;
    if (role === "client") output.raw(CLIENT_PREFACE);
    output.settings(settingsToSend(role, limits));
    inflow.announce();
  }

  /** Why it has ended; undefined while it has not. */
  get closed(): Closing | undefined {
    return this.#closing;
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#parts.streams.size;
  }

  /** Client: how many streams may be opened now. */
  get openable(): number {
    const { peer, streams } = this.#parts;
    if (this.#closing !== undefined || this.draining || streams.highestLocal >= MAX_INT31) return 0;
    return Math.max(0, Math.min(peer.maxConcurrentStreams, this.#limits.maxConcurrentStreams) - streams.size);
  }

  /** Whether no further stream is taken, or the peer takes none. */
  get draining(): boolean {
    return this.#farewell.here || this.#farewell.atPeer;
  }

  /** The longest header list that the peer takes, as it says. */
  get peerMaxHeaderListSize(): number {
    return this.#parts.peer.maxHeaderListSize;
  }

  /** Whether to go on reading. A client always reads: two ends that wait for each other to read would wait forever. */
  get wantsInput(): boolean {
    if (this.#closing !== undefined) return false;
    return this.#parts.role === "client" || this.#parts.outflow.pending < this.#limits.inputPauseBytes;
  }

  /** Takes bytes from the peer; the chunk must not change afterwards. Never throws what the peer has caused. */
  receive(chunk: Buffer, now: number): void {
    if (this.#closing !== undefined) return;
    this.#parts.clock.now = now;
    this.#parts.lifetime.read(now);
    this.#inside = true;
    try {
      this.#input.push(chunk);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#inside = false;
    }
  }

  /** When `tick` is to be called, in the same milliseconds; Infinity for never. */
  nextDeadline(): number {
    return this.#closing === undefined ? this.#parts.lifetime.next() : NEVER;
  }

  tick(now: number): void {
    this.#parts.clock.now = now;
    this.#inside = true;
    try {
      for (;;) {
        const due = this.#closing === undefined ? this.#parts.lifetime.due(now) : undefined;
        if (due === undefined) break;
        this.#due(due, now);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#inside = false;
    }
  }

  /** The bytes to be written now, in order. */
  take(): readonly Buffer[] {
    this.#woken = false;
    return this.#parts.output.take();
  }

  /**
   * So many of the bytes that were taken have not left yet. Call it after each write, and when that changes; then take
   * again.
   */
  flushed(pendingBytes: number, now: number): void {
    const { lifetime, outflow } = this.#parts;
    lifetime.waiting(pendingBytes, pendingBytes < this.#pending, now);
    this.#pending = pendingBytes;
    outflow.taken = pendingBytes;
    this.#parts.clock.now = now;
    this.#inside = true;
    try {
      outflow.pump();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#inside = false;
    }
  }

  /** The network has ended the connection. */
  lost(message: string): void {
    this.#parts.output.drop();
    this.#close({ kind: "lost", code: this.#farewell.peerCode, message });
  }

  /**
   * Client: begins a request; `more` are fields behind those of `headers`. Undefined when no stream may be opened
   * (`openable` is 0). Make `headers` once for all calls that share it: it is encoded once then.
   */
  request(headers: HeaderList, endStream: boolean, listener: StreamListener, more?: HeaderList): Stream | undefined {
    if (this.#parts.role !== "client") throw new Error("only a client makes requests");
    return this.openable === 0 ? undefined : this.#exchanges.begin(headers, endStream, listener, more);
  }

  /** Server: the head of the response, or an interim one (a status below 200). No effect on a stream that is closed. */
  respond(stream: Stream, headers: HeaderList, endStream: boolean, more?: HeaderList): void {
    this.#exchanges.respond(stream, headers, endStream, more);
  }

  /**
   * Sends a piece of the body, which must not change until it has left. False if nothing more should be sent until the
   * listener's `drained`. No effect on a stream that is closed.
   */
  send(stream: Stream, bytes: Uint8Array, endStream: boolean): boolean {
    return this.#exchanges.send(stream, bytes, endStream);
  }

  /** Ends our side with trailers, behind all that was sent. No effect on a stream that is closed. */
  trailers(stream: Stream, list: HeaderList, more?: HeaderList): void {
    this.#exchanges.trailers(stream, list, more);
  }

  /** Gives a stream up, both ways. */
  reset(stream: Stream, code: number): void {
    this.#exchanges.reset(stream, code);
  }

  /** The application has done with so many bytes of the stream's data: the peer may send as many more. */
  consume(stream: Stream, bytes: number): void {
    this.#exchanges.consume(stream, bytes);
  }

  /**
   * Asks whether the peer is there; `answered` is called when it says so. False if too many ask already, or it is
   * closed.
   */
  ping(answered: () => void): boolean {
    if (this.#closing !== undefined || !this.#pings.send(answered)) return false;
    this.#touched();
    return true;
  }

  /**
   * Ends the connection in good order: takes no further streams, lets those that are open end, then closes. A server
   * says so in two phases, so that no request that is on its way is lost. After `graceMs`, if not 0, what is still open
   * is given up.
   */
  drain(now: number, graceMs = 0): void {
    if (this.#closing !== undefined || this.#farewell.here) return;
    this.#farewell.begin(now, graceMs);
    this.#finishIfDrained();
    this.#touched();
  }

  /** Ends the connection at once, with a GOAWAY; its streams are lost. */
  close(code: number, message: string): void {
    if (this.#closing !== undefined) return;
    this.#farewell.goAway(code, message);
    this.#close({ kind: "ended", code, message });
    this.#touched();
  }

  #host(): InboundHost {
    return {
      opened: (id, headers) => this.#exchanges.opened(id, headers),
      ready: () => this.#listener.ready(),
      settingsChanged: () => {
        if (this.#parts.role === "client") this.#listener.available();
      },
      pingAcknowledged: (bytes, at) => {
        if (this.#farewell.isAnswer(bytes, at)) this.#sayLastStream();
        else this.#pings.answered(bytes, at);
      },
      peerGoesAway: (lastStreamId, code, debug) => this.#peerGoesAway(lastStreamId, code, debug),
      admits: () => this.#admits(),
      closeStream: (stream, end) => this.#exchanges.close(stream, end),
      resetStream: (stream, code) => this.reset(stream, code),
    };
  }

  #admits(): number {
    if (this.#farewell.lastStreamSaid) return -1;
    const { outflow, streams } = this.#parts;
    if (streams.size >= this.#limits.maxConcurrentStreams) this.#parts.limited("maxConcurrentStreams");
    else if (outflow.unsentBytes >= this.#limits.maxUnsentBytes) this.#parts.limited("maxUnsentBytes");
    else return 0;
    return ERROR_CODE.refusedStream;
  }

  #peerGoesAway(lastStreamId: number, code: number, debug: string): void {
    const { role, streams } = this.#parts;
    if (this.#farewell.peerGoesAway(code)) this.#listener.draining(code, debug);
    if (role === "client") {
      for (const stream of [...streams.values()]) {
        if (stream.id <= lastStreamId) continue;
        this.#exchanges.close(stream, { kind: "reset", by: "peer", code: ERROR_CODE.refusedStream, unprocessed: true });
      }
    }
    this.#finishIfDrained();
  }

  #sayLastStream(): void {
    this.#farewell.sayLastStream();
    this.#finishIfDrained();
  }

  #finishIfDrained(): void {
    if (this.#closing !== undefined || !this.#farewell.isOver) return;
    if (!this.#farewell.lastStreamSaid) this.#farewell.goAway(ERROR_CODE.noError, "");
    this.#close({ kind: "drained", code: this.#farewell.peerCode, message: "nothing was left to do" });
  }

  #due(due: Due, now: number): void {
    this.#parts.limited(LIMIT_OF[due]);
    switch (due) {
      case "handshake":
      case "settings":
      case "silent":
      case "grace":
        return this.#giveUp(GIVES_UP[due]);
      case "ping":
        return this.#parts.output.ping(false, KEEPALIVE, 0);
      case "idle":
      case "age":
        return this.drain(now);
      case "drain":
        return this.#sayLastStream();
      case "stalled":
        this.#parts.output.drop();
        this.#close({ kind: "timeout", code: ERROR_CODE.noError, message: "the peer takes nothing" });
        return;
      default:
        return unreachable(due);
    }
  }

  #giveUp({ code, message }: { readonly code: number; readonly message: string }): void {
    this.#farewell.goAway(code, message);
    this.#close({ kind: "timeout", code, message });
  }

  #fail(error: unknown): void {
    if (this.#closing !== undefined) return;
    if (error instanceof ConnectionError) {
      const { code, message, limit } = error;
      if (limit !== undefined) this.#parts.limited(limit);
      this.#farewell.goAway(code, message);
      this.#close({ kind: "violated", code, message });
    } else {
      // The error that went wrong here is nothing for the peer to read.
      this.#farewell.goAway(ERROR_CODE.internalError, "");
      this.#close(failedBy(error));
    }
  }

  #close(closing: Closing): void {
    if (this.#closing !== undefined) return;
    this.#closing = closing;
    this.#input.stop();
    this.#pings.forget();
    const { code, message } = closing;
    const outcome: StreamEnd = { kind: "lost", code, message, unprocessed: false };
    const open = [...this.#parts.streams.values()];
    // All of them before the first listener hears of it: nothing is sent behind the GOAWAY.
    for (const stream of open) {
      stream.closed = true;
      stream.outcome = outcome;
      this.#parts.streams.delete(stream);
      this.#parts.outflow.forget(stream);
    }
    let failure: unknown;
    for (const stream of open) {
      try {
        stream.listener.closed(stream, outcome);
      } catch (error) {
        failure ??= error;
      }
    }
    // One listener's mistake must not keep the others from hearing of the end.
    if (failure !== undefined) this.#closing = failedBy(failure);
    this.#listener.closed(this.#closing);
  }

  #touched(): void {
    if (this.#inside || this.#woken || this.#parts.output.size === 0) return;
    this.#woken = true;
    this.#listener.wake();
  }
}
