/** A message as it is sent: a byte that says whether it is compressed, four of its length, and the message. */

import { PREFIX_BYTES } from "./message-reader.js";

/** Longer messages are not copied behind their prefix. */
export const COPIED_BYTES = 16_384;

/** Prefix and message as one piece. */
export function frameMessage(bytes: Uint8Array, compressed: boolean): Buffer {
  const { length } = bytes;
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + length);
  writePrefix(frame, length, compressed);
  frame.set(bytes, PREFIX_BYTES);
  return frame;
}

/** The prefix alone; the message is sent behind it as it is. */
export function prefixOf(length: number, compressed: boolean): Buffer {
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  writePrefix(prefix, length, compressed);
  return prefix;
}

function writePrefix(frame: Buffer, length: number, compressed: boolean): void {
  frame[0] = compressed ? 1 : 0;
  frame[1] = length >>> 24;
  frame[2] = length >>> 16;
  frame[3] = length >>> 8;
  frame[4] = length;
}
