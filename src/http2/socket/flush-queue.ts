/**
 * Connections that have something to write at the end of this turn of the event loop; one for all connections of a
 * server.
 */

interface Flushable {
  isQueued: boolean;
  flush(): void;
}

export class FlushQueue {
  #queue: Flushable[] = [];

  add(one: Flushable): void {
    if (this.#queue.push(one) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const one of queue) {
      one.isQueued = false;
      one.flush();
    }
  }
}
