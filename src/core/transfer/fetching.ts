/**
 * The registers that a merge lacks for the stretch of keys at hand, and the one question that is under way for some of
 * them. There are no more of them than the pages at hand have states.
 */
import { type Instant, since } from "../../base/time.js";
import { voteOf } from "../../base/votes.js";
import type { Timestamp } from "../model/ballot.js";
import type { Attempt, Key } from "../model/ids.js";
import { Asking } from "../quorum/patience.js";
import { MAX_KEYS } from "./source.js";

/** Bytes of the keys of one question. */
const QUESTION_BYTES = 32 * 1_024;

export interface Lacking {
  readonly key: Key;
  /** The highest that a majority told of. */
  readonly timestamp: Timestamp;
  readonly settled: boolean;
  /** The replicas that told of exactly that one, one bit each by place. */
  readonly places: number;
}

class Question extends Asking {
  constructor(
    readonly attempt: Attempt,
    readonly place: number,
    readonly keys: readonly Key[],
    readonly firstAskedAt: Instant,
  ) {
    super(firstAskedAt);
  }
}

export class Fetching {
  question: Question | null = null;
  private readonly lacking = new Map<Key, Lacking>();

  get done(): boolean {
    return this.lacking.size === 0;
  }

  get(key: Key): Lacking | undefined {
    return this.lacking.get(key);
  }

  add(lacking: Lacking): void {
    this.lacking.set(lacking.key, lacking);
  }

  came(key: Key): void {
    this.lacking.delete(key);
  }

  clear(): void {
    this.lacking.clear();
    this.question = null;
  }

  /** Places that can tell the first register that is lacking, one bit each. */
  get holders(): number {
    for (const { places } of this.lacking.values()) return places;
    return 0;
  }

  /** Registers that this place can tell. */
  heldBy(place: number): Lacking[] {
    return [...this.lacking.values()].filter(({ places }) => (places & voteOf(place)) !== 0);
  }

  ask(attempt: Attempt, place: number, now: Instant): Question {
    const keys: Key[] = [];
    let bytes = 0;
    for (const { key, places } of this.lacking.values()) {
      if ((places & voteOf(place)) === 0) continue;
      if (keys.length >= MAX_KEYS || (keys.length > 0 && bytes + key.length > QUESTION_BYTES)) break;
      keys.push(key);
      bytes += key.length;
    }
    this.question = new Question(attempt, place, keys, now);
    return this.question;
  }

  /** For how long the question at hand has had no answer, in milliseconds. */
  silent(now: Instant): number {
    return this.question === null ? 0 : since(now, this.question.firstAskedAt);
  }
}
