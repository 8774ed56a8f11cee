/**
 * Messages as gRPC puts them into a stream of bytes: one byte that says whether it is compressed, four of length, the
 * message.
 */
import { WireWriter } from "./protobuf.js";

const LENGTH_BYTES = 4;
const PREFIX_BYTES = 1 + LENGTH_BYTES;
const PREFIX = Buffer.alloc(PREFIX_BYTES);

/** About so much is handed to the transport at once. */
const WRITE_BYTES = 256 * 1_024;

/** A buffer that serves all streams in turn: it is empty whenever control is given up. */
const writer = new WireWriter();

/**
 * Hands the messages to `write`, each with its prefix and not compressed, until it says false. It makes as few buffers
 * as keep a large one from growing without bound. Returns how many messages were handed on.
 */
export function writeFrames<T>(
  messages: readonly T[],
  encode: (message: T, w: WireWriter) => void,
  write: (bytes: Buffer) => boolean,
): number {
  let written = 0;
  for (const message of messages) {
    writer.raw(PREFIX);
    const start = writer.length;
    encode(message, writer);
    writer.uint32At(start - LENGTH_BYTES, writer.length - start);
    written++;
    if (writer.length >= WRITE_BYTES && !write(writer.finish())) return written;
  }
  if (writer.length > 0) write(writer.finish());
  return written;
}

/** The prefix of a message of this length that is not compressed. */
export function prefixOf(length: number): Buffer {
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  prefix[0] = 0;
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

/** A message that says that it is longer than is allowed. */
export class MessageTooLong extends Error {
  constructor(
    readonly length: number,
    readonly bound: number,
  ) {
    super(`a message of ${length} bytes; the bound is ${bound}`);
  }
}

/** Cuts what arrives into messages: bytes are pushed, messages are taken. */
export class Unframer {
  /** The first byte of the message that was taken last: 1 if it is compressed, 0 if not. */
  flag = 0;
  private chunks: Buffer[] = [];
  /** The next message begins here in the first chunk. */
  private at = 0;
  /** Bytes from there on. */
  private have = 0;
  /** How many of them the next step needs: a prefix, or a prefix with its message. */
  private need = PREFIX_BYTES;

  /** `maxBytes`: of a message. It may change; the next message counts. */
  constructor(public maxBytes = Number.POSITIVE_INFINITY) {}

  /** Nothing is left, not even a part of a message. */
  get empty(): boolean {
    return this.have === 0;
  }

  push(chunk: Buffer): void {
    if (this.have === 0) {
      this.chunks = [chunk];
      this.at = 0;
    } else {
      this.chunks.push(chunk);
    }
    this.have += chunk.length;
  }

  /**
   * The next message: a view of what was pushed. null: it is not complete.
   *
   * @throws MessageTooLong as soon as its length is known
   */
  next(): Buffer | null {
    if (this.have < this.need) return null;
    const bytes = this.joined();
    const length = bytes.readUInt32BE(this.at + 1);
    if (length > this.maxBytes) throw new MessageTooLong(length, this.maxBytes);
    this.need = PREFIX_BYTES + length;
    if (this.have < this.need) return null;
    this.flag = bytes[this.at] ?? 0;
    const end = this.at + this.need;
    const message = bytes.subarray(this.at + PREFIX_BYTES, end);
    this.at = end;
    this.have -= this.need;
    this.need = PREFIX_BYTES;
    return message;
  }

  private joined(): Buffer {
    const [first] = this.chunks;
    if (first !== undefined && this.chunks.length === 1) return first;
    const bytes = Buffer.concat(this.chunks);
    this.chunks = [bytes];
    return bytes;
  }
}
