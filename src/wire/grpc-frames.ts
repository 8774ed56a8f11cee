/** Messages as gRPC puts them into a stream of bytes: one byte that says whether it is compressed, four of length, the message. */

const PREFIX_BYTES = 5;

/** One message with its prefix, encoded by `encode`. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** Cuts what arrives into messages. */
export class Unframer {
  private readonly chunks: Buffer[] = [];
  private have = 0;
  private need = PREFIX_BYTES;

  /** `take` gets each message that is complete with these bytes; they are its own only until it returns. */
  push(chunk: Buffer, take: (message: Buffer) => void): void {
    this.chunks.push(chunk);
    this.have += chunk.length;
    if (this.have < this.need) return;
    const bytes = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks);
    this.chunks.length = 0;
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      if (left < PREFIX_BYTES) {
        this.need = PREFIX_BYTES;
        break;
      }
      if (bytes[at] !== 0) throw new Error("a compressed message, which was not asked for");
      this.need = PREFIX_BYTES + bytes.readUInt32BE(at + 1);
      if (left < this.need) break;
      take(bytes.subarray(at + PREFIX_BYTES, at + this.need));
      at += this.need;
    }
    this.have = bytes.length - at;
    if (this.have > 0) this.chunks.push(bytes.subarray(at));
  }
}
