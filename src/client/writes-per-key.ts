/**
 * Writes on one key that are under way at a time, bounded. A node keeps the records of a key's last requests only (at
 * most 128). A request that is decided after more than that came since its `after` cannot be told from a repeated one.
 * Further writes wait here, in order.
 *
 * A client does not know how many others write the key. When one of its writes was expired, there are many, and it
 * makes do with fewer.
 */
import { TransientMap } from "../base/transient-map.js";

/** Writes of one client. Eight such clients on one key fit beside each other, as some writes pass between telling a
 * revision and using it. */
export const MAX_WRITES_PER_KEY = 8;

interface Turn {
  taken: number;
  limit: number;
  readonly waiting: (() => void)[];
}

export class Turns {
  private readonly turns = new TransientMap<string, Turn>();

  /** Takes a turn if there is one now. */
  takeNow(key: string): boolean {
    const turn = this.of(key);
    if (turn.taken >= turn.limit) return false;
    turn.taken++;
    return true;
  }

  /**
   * `ready` is called when it is this write's turn, possibly at once. The function that is returned takes it back while
   * it waits.
   */
  take(key: string, ready: () => void): () => void {
    if (this.takeNow(key)) {
      ready();
      return () => {};
    }
    const { waiting } = this.of(key);
    waiting.push(ready);
    return () => {
      const at = waiting.indexOf(ready);
      if (at >= 0) waiting.splice(at, 1);
    };
  }

  /** A turn that was taken is over. */
  pass(key: string): void {
    const turn = this.turns.get(key);
    if (turn === undefined) return;
    const next = turn.taken > turn.limit ? undefined : turn.waiting.shift();
    if (next !== undefined) return next();
    turn.taken--;
    if (turn.taken === 0) this.turns.delete(key);
  }

  /** A write on the key was expired: there are too many of them, until nobody here writes it for a moment. */
  expired(key: string): void {
    const turn = this.turns.get(key);
    if (turn !== undefined) turn.limit = 1;
  }

  private of(key: string): Turn {
    let turn = this.turns.get(key);
    if (turn === undefined) {
      turn = { taken: 0, limit: MAX_WRITES_PER_KEY, waiting: [] };
      this.turns.set(key, turn);
    }
    return turn;
  }
}
