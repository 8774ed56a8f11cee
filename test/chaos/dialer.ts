/**
 * Tells from its bytes who dialed a connection to a peer port, as HTTP/2 without TLS is plain to read. A dialing node's
 * first message on the stream is its hello, or its handshake where the cluster has no secret. So one proxy before each
 * node can tell the pairs apart, and nodes need nothing special to be proxied.
 */
import { decodeFrame } from "../../src/codec/peer/frame.js";

const PREFACE_BYTES = 24;
const FRAME_HEADER_BYTES = 9;
const DATA = 0;
/** A gRPC message begins with a flag and its length. */
const MESSAGE_HEADER_BYTES = 5;

/** undefined: not known yet. null: this connection does not join two nodes (founding the cluster). */
export type Dialer = number | null | undefined;

export class DialerReader {
  dialer: Dialer;
  private pending = Buffer.alloc(0);
  private skipped = false;
  private readonly message: Buffer[] = [];

  /** The next bytes that the dialing side sent. */
  read(chunk: Buffer): Dialer {
    if (this.dialer !== undefined) return this.dialer;
    this.pending = Buffer.concat([this.pending, chunk]);
    if (!this.skipped) {
      if (this.pending.length < PREFACE_BYTES) return undefined;
      this.pending = this.pending.subarray(PREFACE_BYTES);
      this.skipped = true;
    }
    while (this.dialer === undefined && this.pending.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + this.pending.readUIntBE(0, 3);
      if (this.pending.length < end) break;
      if (this.pending[3] === DATA) this.data(this.pending.subarray(FRAME_HEADER_BYTES, end));
      this.pending = this.pending.subarray(end);
    }
    return this.dialer;
  }

  private data(payload: Buffer): void {
    this.message.push(payload);
    const bytes = Buffer.concat(this.message);
    if (bytes.length < MESSAGE_HEADER_BYTES) return;
    const end = MESSAGE_HEADER_BYTES + bytes.readUInt32BE(1);
    if (bytes.length < end) return;
    try {
      const { handshake, authentication } = decodeFrame(bytes.subarray(MESSAGE_HEADER_BYTES, end));
      const step = authentication?.step;
      this.dialer = (step?.$case === "hello" ? step.value.nodeId : handshake?.nodeId) ?? null;
    } catch {
      this.dialer = null;
    }
  }
}
