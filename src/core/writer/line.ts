/**
 * The writes of one key that wait for their turn, while enough of them are under way.
 *
 * The intuition: a register remembers MAX_RECORDS requests with ids. If more were decided at once, the floor would rise
 * above what anybody can have been told. Whoever comes then is turned away as too late (R9), and comes again, to find
 * that it is too late again. So half as many are under way at most, and the others wait here, first come, first served.
 *
 * Invariants:
 *   L1  A request that has a place is decided though the floor has risen meanwhile. It was not too late when it came,
 *       and no copy of it is decided while it waits. A second copy has no place: it is judged when its turn comes (R9).
 *   L2  Nobody is decided on before those that came earlier.
 */
import { MAX_RECORDS } from "../../base/limits.js";
import type { Instant } from "../../base/time.js";
import type { RequestId } from "../model/operation.js";
import { planted } from "../model/planted.js";
import type { Queued } from "./queued.js";

/** Writes of a key under way at a time, when they have ids. */
export const MAX_UNDONE_OF_KEY = MAX_RECORDS / 2;

export interface Lined {
  readonly queued: Queued;
  /** It is decided whatever the floor is by then (L1). */
  placed: boolean;
}

export class Line {
  private list: Lined[] = [];
  /** How many copies of each request wait. */
  private readonly copies = new Map<RequestId, number>();

  get length(): number {
    return this.list.length;
  }

  get first(): Lined | undefined {
    return this.list[0];
  }

  join(queued: Queued): void {
    const id = queued.request?.requestId ?? null;
    const copies = id === null ? 0 : (this.copies.get(id) ?? 0);
    if (id !== null) this.copies.set(id, copies + 1);
    this.list.push({ queued, placed: copies === 0 || planted("R9.line-takes-copies") });
  }

  shift(): void {
    const first = this.list.shift();
    if (first !== undefined) this.forget(first);
  }

  /** Takes out those whose deadline has come. */
  overdue(now: Instant): Queued[] {
    const late = this.list.filter(({ queued }) => now >= queued.asker.deadline);
    if (late.length === 0) return [];
    this.list = this.list.filter(({ queued }) => now < queued.asker.deadline);
    for (const lined of late) this.forget(lined);
    return late.map(({ queued }) => queued);
  }

  /** The floor has risen by itself: who waits is judged when its turn comes. */
  displace(): void {
    for (const lined of this.list) lined.placed = false;
  }

  drain(): Queued[] {
    this.copies.clear();
    return this.list.splice(0).map(({ queued }) => queued);
  }

  private forget({ queued }: Lined): void {
    const id = queued.request?.requestId ?? null;
    if (id === null) return;
    const copies = (this.copies.get(id) ?? 1) - 1;
    if (copies === 0) this.copies.delete(id);
    else this.copies.set(id, copies);
  }
}
