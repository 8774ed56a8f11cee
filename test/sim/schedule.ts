/**
 * Virtual time: a heap of what is to happen, ordered by time and then by when it was asked for. So a run has one order
 * only.
 */

interface Event {
  readonly time: number;
  readonly order: number;
  readonly happen: () => void;
}

export class Schedule {
  /** Milliseconds since the run began. */
  now = 0;
  /** Events that happened. */
  count = 0;
  private readonly heap: Event[] = [];
  private lastOrder = 0;

  at(time: number, happen: () => void): void {
    this.lastOrder++;
    const event: Event = { time: time > this.now ? time : this.now, order: this.lastOrder, happen };
    const { heap } = this;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above] as Event;
      if (!before(event, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = event;
  }

  after(delay: number, happen: () => void): void {
    this.at(this.now + delay, happen);
  }

  /** When the next event is due; null: nothing is to happen. */
  get next(): number | null {
    return this.heap[0]?.time ?? null;
  }

  /** Lets happen what is due until then; time ends there. */
  runUntil(end: number): void {
    while (this.next !== null && this.next <= end) this.runNext();
    this.now = end;
  }

  /** Lets the next event happen, which there must be. */
  runNext(): void {
    const next = this.heap[0];
    if (next === undefined) throw new Error("nothing is to happen");
    this.pop();
    this.now = next.time;
    this.count++;
    next.happen();
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && before(heap[right] as Event, heap[child] as Event)) child = right;
      if (!before(heap[child] as Event, last)) break;
      heap[index] = heap[child] as Event;
      index = child;
    }
    heap[index] = last;
  }
}

const before = (a: Event, b: Event): boolean => a.time < b.time || (a.time === b.time && a.order < b.order);
