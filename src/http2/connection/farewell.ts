/**
 * How a connection is left: who has said GOAWAY, and whether anything is still to be waited for.
 *
 * Intuition: a server that just stops loses the requests that are on their way to it. So it says goodbye twice. First
 * it says that it is about to go, with a PING behind it. When the client has answered that, every request that it sent
 * before it knew has come, and the second GOAWAY names the last of them. A client knows by that number which of its
 * requests were not looked at.
 *
 * Source: RFC 9113 §6.8.
 */

import { ERROR_CODE } from "../error.js";
import type { FrameOutput } from "../frame/frame-output.js";
import { MAX_INT31 } from "../frame/wire.js";
import type { Lifetime } from "./lifetime.js";
import type { Role } from "./settings.js";
import type { StreamTable } from "./stream-table.js";

/** The content of the PING behind the first GOAWAY. */
const DRAINING = Buffer.from("draining", "latin1");

export interface FarewellParts {
  readonly role: Role;
  readonly output: FrameOutput;
  readonly streams: StreamTable;
  readonly lifetime: Lifetime;
}

export class Farewell {
  readonly #parts: FarewellParts;
  /** We take no further streams, or are about to. */
  here = false;
  /** Server: the GOAWAY with the last stream was sent. */
  lastStreamSaid = false;
  /** The peer takes no further streams; the code of its GOAWAY. */
  atPeer = false;
  peerCode: number = ERROR_CODE.noError;

  constructor(parts: FarewellParts) {
    this.#parts = parts;
  }

  /** No stream is open, and none comes: the connection may end. */
  get isOver(): boolean {
    if (this.#parts.streams.size > 0) return false;
    return this.atPeer || (this.here && (this.lastStreamSaid || this.#parts.role === "client"));
  }

  /** Begins to drain; what is open after `graceMs`, if not 0, is given up. */
  begin(now: number, graceMs: number): void {
    const { lifetime, output, role } = this.#parts;
    this.here = true;
    lifetime.draining(now, graceMs);
    if (role === "server") {
      output.goAway(MAX_INT31, ERROR_CODE.noError, "");
      output.ping(false, DRAINING, 0);
    } else lifetime.drained();
  }

  /** Whether it is the answer to the PING behind the first GOAWAY. */
  isAnswer(bytes: Buffer, at: number): boolean {
    return this.here && DRAINING.compare(bytes, at, at + DRAINING.length) === 0;
  }

  /** The second phase: every stream that the peer began before it saw the first one has come. */
  sayLastStream(): void {
    if (this.lastStreamSaid) return;
    this.lastStreamSaid = true;
    this.#parts.lifetime.drained();
    this.goAway(ERROR_CODE.noError, "");
  }

  /** The peer has said GOAWAY; true the first time. */
  peerGoesAway(code: number): boolean {
    const isFirst = !this.atPeer;
    this.atPeer = true;
    if (code !== ERROR_CODE.noError) this.peerCode = code;
    return isFirst;
  }

  goAway(code: number, debug: string): void {
    this.#parts.output.goAway(this.#parts.streams.highestRemote, code, debug);
  }
}
