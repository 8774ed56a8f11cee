/** The lines of all keys in one office: whose turn it is (line.ts). */
import type { Instant } from "../../base/time.js";
import type { KeyState } from "./key-state.js";
import { Line, type Lined, MAX_UNDONE_OF_KEY } from "./line.js";
import type { Queued } from "./queued.js";

export class Lines {
  private readonly states = new Set<KeyState>();

  /** Somebody waits. */
  get busy(): boolean {
    return this.states.size > 0;
  }

  /** Whether this write has to wait for others of its key. */
  isFull(state: KeyState, queued: Queued): boolean {
    return state.line !== null || isFull(state, queued);
  }

  join(state: KeyState, queued: Queued): void {
    state.line ??= new Line();
    state.line.join(queued);
    this.states.add(state);
  }

  /**
   * The next one of the key whose turn it is; null: nobody's. It has left the line, and is to be decided on at once.
   */
  next(state: KeyState): Lined | null {
    const { line } = state;
    const first = line?.first;
    if (line === null || first === undefined || isFull(state, first.queued)) return null;
    line.shift();
    this.leave(state, line);
    return first;
  }

  /** Keys with a line, as of now. */
  keys(): KeyState[] {
    return [...this.states];
  }

  /** Those who have waited until their deadline; they wait no more. */
  overdue(now: Instant): Queued[] {
    const late: Queued[] = [];
    for (const state of this.keys()) {
      if (state.line === null) continue;
      late.push(...state.line.overdue(now));
      this.leave(state, state.line);
    }
    return late;
  }

  displace(): void {
    for (const { line } of this.states) line?.displace();
  }

  /** The office is over: returns those who wait. */
  end(): Queued[] {
    const waiting: Queued[] = [];
    for (const state of this.states) {
      waiting.push(...(state.line?.drain() ?? []));
      state.line = null;
    }
    this.states.clear();
    return waiting;
  }

  private leave(state: KeyState, line: Line): void {
    if (line.length > 0) return;
    state.line = null;
    this.states.delete(state);
  }
}

const isFull = (state: KeyState, { request }: Queued): boolean =>
  (request?.requestId ?? null) !== null && state.undone.length >= MAX_UNDONE_OF_KEY;
