/**
 * PINGs that the user of a connection sends, to learn whether the other end still answers.
 *
 * Invariants:
 * 1. At most `MAX_WAITING` of them wait; none waits once the connection is closed.
 */

import type { FrameOutput } from "../frame/frame-output.js";

const MAX_WAITING = 16;
/** The first half of the payload: it tells these PINGs from those of the connection itself. */
const MARK = 0x61736b21;

export class Pings {
  readonly #output: FrameOutput;
  readonly #waiting = new Map<number, () => void>();
  #last = 0;

  constructor(output: FrameOutput) {
    this.#output = output;
  }

  /** False if too many wait already. */
  send(answered: () => void): boolean {
    if (this.#waiting.size >= MAX_WAITING) return false;
    this.#last = (this.#last + 1) >>> 0;
    this.#waiting.set(this.#last, answered);
    const payload = Buffer.allocUnsafe(8);
    payload.writeUInt32BE(MARK, 0);
    payload.writeUInt32BE(this.#last, 4);
    this.#output.ping(false, payload, 0);
    return true;
  }

  /** The peer has answered a PING with these 8 bytes. */
  answered(bytes: Buffer, at: number): void {
    if (bytes.readUInt32BE(at) !== MARK) return;
    const name = bytes.readUInt32BE(at + 4);
    const told = this.#waiting.get(name);
    this.#waiting.delete(name);
    told?.();
  }

  forget(): void {
    this.#waiting.clear();
  }
}
