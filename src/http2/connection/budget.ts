/**
 * How much of something is allowed: so many at once, so many a second, and some back for what was useful.
 *
 * Source: the token bucket.
 */

export class Budget {
  readonly #burst: number;
  readonly #perMs: number;
  #left: number;
  #since: number;

  constructor(burst: number, perSecond: number, now: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#left = burst;
    this.#since = now;
  }

  /** Takes one; false if there is none. */
  take(now: number): boolean {
    if (this.#left >= 1) {
      this.#left--;
      return true;
    }
    // Only here does time matter: a peer within its burst costs no arithmetic.
    this.#left = Math.min(this.#burst, this.#left + Math.max(0, now - this.#since) * this.#perMs);
    this.#since = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  give(count: number): void {
    if (this.#left < this.#burst) this.#left = Math.min(this.#burst, this.#left + count);
  }
}
