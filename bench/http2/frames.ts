/**
 * The part of HTTP/2's wire format (RFC 9113, sections 4 and 6) that a gRPC client needs. A writer gathers the frames
 * of one event-loop turn, so that they leave in one socket write.
 */

import type { Socket } from "node:net";

export const FRAME_HEADER_BYTES = 9;
export const CLIENT_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
/** Both windows of RFC 9113 before anybody has said otherwise. */
export const INITIAL_WINDOW_BYTES = 65_535;
export const INITIAL_MAX_FRAME_BYTES = 16_384;

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
} as const;

/** HTTP/2 error codes that this client sends. */
export const HTTP2_ERROR = { none: 0, protocol: 1, flowControl: 3, cancel: 8 } as const;

const CHUNK_BYTES = 128 * 1024;

/**
 * Appends frames to a buffer and hands it to the socket on `flush`. A buffer given to the socket is not touched before
 * the socket has given it back. The kernel may not have taken all of it yet.
 */
export class FrameWriter {
  readonly #socket: Socket;
  readonly #free: Buffer[] = [];
  #buffer: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #used = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** A frame without payload follows; the caller appends exactly `length` octets. */
  frame(type: number, flags: number, streamId: number, length: number): void {
    this.#reserve(FRAME_HEADER_BYTES);
    const buffer = this.#buffer;
    const at = this.#used;
    // Length (24 bits) and type in one word.
    buffer.writeUInt32BE(length * 256 + type, at);
    buffer[at + 4] = flags;
    buffer.writeUInt32BE(streamId, at + 5);
    this.#used = at + FRAME_HEADER_BYTES;
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    let from = start;
    while (from < end) {
      if (this.#used === CHUNK_BYTES) this.flush();
      const to = Math.min(end, from + CHUNK_BYTES - this.#used);
      // A loop beats the call into C++ up to a few dozen octets.
      if (to - from <= 32) {
        const buffer = this.#buffer;
        let at = this.#used;
        for (let i = from; i < to; i++) buffer[at++] = source[i] ?? 0;
      } else {
        this.#buffer.set(from === 0 && to === source.length ? source : source.subarray(from, to), this.#used);
      }
      this.#used += to - from;
      from = to;
    }
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#buffer.writeUInt32BE(value, this.#used);
    this.#used += 4;
  }

  uint16(value: number): void {
    this.#reserve(2);
    this.#buffer.writeUInt16BE(value, this.#used);
    this.#used += 2;
  }

  flush(): void {
    if (this.#used === 0) return;
    const full = this.#buffer;
    const used = this.#used;
    this.#buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.#used = 0;
    this.#socket.write(full.subarray(0, used), () => {
      if (this.#free.length < 4) this.#free.push(full);
    });
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes > CHUNK_BYTES) this.flush();
  }
}
