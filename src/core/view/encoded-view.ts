/**
 * A view together with the bytes that were proposed and decided. The bytes are what is stored, sent and hashed; nobody
 * encodes a view again that somebody else made. A node of another version drops the fields it does not know, so its
 * encoding would have another digest.
 */
import type { View } from "./view.js";

export interface EncodedView {
  readonly view: View;
  readonly bytes: Uint8Array;
  /**
   * SHA-256 of `bytes`, in lower-case hexadecimal. Made where the bytes are made or arrive: the core computes no
   * hashes.
   */
  readonly digest: string;
  /**
   * The bytes say something that this version does not read. Such a view counts, and is voted for and passed on like
   * any other. Its successor is proposed by nodes that read all of it (V1e).
   */
  readonly unread?: true;
}
