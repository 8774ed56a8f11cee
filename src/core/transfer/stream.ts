/**
 * One replica of the group before, as a merge sees it: its registers' timestamps in the order of keys, one page at a
 * time. A page says what was held when it was made; another page may be of another moment, and of another copy.
 */
import type { Instant } from "../../base/time.js";
import { STATES_BYTES } from "../model/bounds.js";
import type { Attempt, ChangeNumber, GroupEpoch, Key } from "../model/ids.js";
import { compareKeys } from "../model/key-order.js";
import { planted } from "../model/planted.js";
import type { HeldState, States } from "../model/transfer-message.js";
import { Asking } from "../quorum/patience.js";

/** Bytes of a state in memory beside its key, about. */
const STATE_BYTES = 96;

interface StatesPage {
  /** The stretch of keys that it covers begins behind this one; null: with the first. */
  readonly after: Key | null;
  /** Its end; null: the last key. */
  readonly upTo: Key | null;
  readonly states: readonly HeldState[];
  readonly votes: boolean;
  readonly bytes: number;
}

/** A question for the next page. */
class Question extends Asking {
  constructor(
    readonly attempt: Attempt,
    readonly after: Key | null,
    readonly firstAskedAt: Instant,
  ) {
    super(firstAskedAt);
  }
}

export class Stream {
  /** It is asked for pages. */
  active = false;
  question: Question | null = null;
  /**
   * It has told everything since the first key, without a gap and from one copy; up to which change that is. null: it
   * has not.
   */
  since: { readonly copy: GroupEpoch; readonly change: ChangeNumber } | null = null;
  /** Registers that it says to hold. */
  size = 0;
  private page: StatesPage | null = null;
  private next = 0;
  private copy: GroupEpoch | null = null;
  private missedSome = false;

  constructor(readonly place: number) {}

  get bytes(): number {
    return this.page?.bytes ?? 0;
  }

  get votes(): boolean {
    return this.page?.votes === true;
  }

  /** Where the page at hand ends; null: with the last key. */
  get upTo(): Key | null {
    return this.page?.upTo ?? null;
  }

  ask(attempt: Attempt, after: Key | null, now: Instant): void {
    this.question = new Question(attempt, after, now);
  }

  /** That page has come. */
  take(after: Key | null, { source, sealed, states, upTo }: States): void {
    const first = after === null && this.copy === null;
    if (first && !this.missedSome) this.since = { copy: source.copy, change: source.lastChange };
    else if (source.copy !== this.copy) this.since = null;
    this.copy = source.copy;
    this.size = source.size;
    this.page = {
      after,
      upTo: planted("V3.page-is-last") ? null : upTo,
      states,
      votes: sealed.votes,
      bytes: bytesOf(states),
    };
    this.next = 0;
  }

  /** Keys were decided without it. */
  missed(): void {
    if (planted("V3.cursor-past-gap")) return;
    this.missedSome = true;
    this.since = null;
  }

  /** Forgets the page at hand. */
  drop(): void {
    this.page = null;
  }

  /** The page at hand tells what comes behind that key. */
  covers(key: Key | null): boolean {
    const { page } = this;
    if (page === null) return false;
    if (page.after !== null && (key === null || compareKeys(page.after, key) > 0)) return false;
    return page.upTo === null || key === null || compareKeys(page.upTo, key) > 0;
  }

  /** From here on `peek` gives what comes behind that key, which the page covers. */
  seek(key: Key | null): void {
    const states = this.page?.states ?? [];
    this.next = 0;
    if (key === null) return;
    let high = states.length;
    while (this.next < high) {
      const middle = (this.next + high) >>> 1;
      const state = states[middle];
      if (state !== undefined && compareKeys(state.key, key) <= 0) this.next = middle + 1;
      else high = middle;
    }
  }

  peek(): HeldState | null {
    return this.page?.states[this.next] ?? null;
  }

  /** Its state of that key, in ascending order of keys; null: absent. */
  pass(key: Key): HeldState | null {
    const state = this.peek();
    if (state === null || state.key !== key) return null;
    this.next++;
    return state;
  }
}

/** Bytes that a page of states counts for before it has come. */
export const EXPECTED_STATES = STATES_BYTES;

export const bytesOf = (states: readonly HeldState[]): number => {
  let bytes = 0;
  for (const { key } of states) bytes += key.length + STATE_BYTES;
  return bytes;
};
