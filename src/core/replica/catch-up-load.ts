/** The bytes that all partitions of a node have asked for in catching up and not got yet (CATCH_UP_BYTES). Pages wait
 * for each other. */
import { CATCH_UP_BYTES } from "../model/bounds.js";

export class CatchUpLoad {
  /** As far as it can be guessed. */
  bytes = 0;

  /** Whether a page of about that size may be asked for now; it then counts until `came`. One at least may. */
  ask(bytes: number): boolean {
    if (this.bytes > 0 && this.bytes + bytes > CATCH_UP_BYTES) return false;
    this.bytes += bytes;
    return true;
  }

  /** That page came, or is not waited for any more. */
  came(bytes: number): void {
    this.bytes -= bytes;
  }
}
