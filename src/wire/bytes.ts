/** Buffers, and whose they are. */

export const toBuffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/**
 * A copy for what is kept: in memory of its own. Node.js cuts small buffers from common ones of 8 KiB, all of which
 * lives as long as any part of it does.
 */
export function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
