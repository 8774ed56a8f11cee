/** Keys whose register was found bad here and that wait for the writer to mend them (R11), within bounds. */
import type { Key } from "../model/ids.js";
import type { MendingLoad } from "./mending-load.js";

/** Bad keys that wait for the writer; further ones are found again when they are looked at. */
const MAX_BAD = 4_096;

export class BadKeys {
  /** Each with the number of that finding. */
  readonly found = new Map<Key, number>();
  /** One was found for which there was no room. */
  overlooked = false;
  private findings = 0;
  private bytes = 0;

  constructor(private readonly load: MendingLoad) {}

  add(key: Key): void {
    if (this.found.has(key)) return;
    if (this.found.size < MAX_BAD && this.load.fits(this.bytes, key.length)) {
      this.found.set(key, ++this.findings);
      this.count(key.length);
    } else this.overlooked = true;
  }

  /**
   * Questions asked of the writer so far count no more, as their answers may be older than what is known by now. False:
   * the key waits for no mending.
   */
  foundAgain(key: Key): boolean {
    if (!this.found.has(key)) return false;
    this.found.set(key, ++this.findings);
    return true;
  }

  /** It waits behind all others from now on. */
  queueAgain(key: Key): void {
    const finding = this.found.get(key);
    if (finding !== undefined && this.found.delete(key)) this.found.set(key, finding);
  }

  sound(key: Key): void {
    if (this.found.size > 0 && this.found.delete(key)) this.count(-key.length);
  }

  /** The copy is of no use any more. */
  end(): void {
    this.count(-this.bytes);
    this.found.clear();
  }

  private count(bytes: number): void {
    this.bytes += bytes;
    this.load.bytes += bytes;
  }
}
