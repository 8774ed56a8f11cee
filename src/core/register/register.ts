/**
 * A register: one key's replicated cell. Immutable; every decision makes a new one that carries the whole state, so that a Write never
 * depends on what a replica holds.
 */
import type { Timestamp } from "../ballot.js";
import type { Key, Revision } from "../ids.js";
import type { RequestId } from "./operation.js";

export type RecordedOutcome =
  | "applied"
  | "condition-failed"
  | "absent"
  | "not-a-number"
  | "overflow"
  /** Decided by a node of a newer version in a way that this one cannot tell. */
  | "untold";

/** Proof that a request with an id was decided here, kept inside the register it decided on (R9). Never holds a value. */
export interface CompletionRecord {
  readonly requestId: RequestId;
  /** CRC-32 of call and arguments. */
  readonly fingerprint: number;
  /** The revision that the request took. */
  readonly revision: Revision;
  readonly outcome: RecordedOutcome;
  /** As answered: the version made by a put, a swap or an add, or the one found; 0 when absent. */
  readonly version: Revision;
  /** As it stands in an encoded register, one character per byte; kept by the codec alone. */
  encoded?: string;
}

/** The records as they are, or how to get at them: a busy key has many, and most replicas never look. */
export type RecordSource = readonly CompletionRecord[] | (() => readonly CompletionRecord[]);

export class Register {
  /** The encoded form it came in or went out in, so that fields a newer version added survive; kept by the codec alone. */
  encoded: Uint8Array | null = null;

  constructor(
    readonly key: Key,
    readonly timestamp: Timestamp,
    /** null: a tombstone. */
    readonly value: Uint8Array | null,
    /** Revision of the last applied write; what clients compare. */
    readonly version: Revision,
    /** Revision of the last decided request, applied or not. */
    readonly revision: Revision,
    /** Highest revision of a record that was forgotten here, or inherited from the partition's floor. */
    readonly floor: Revision,
    private source: RecordSource,
  ) {}

  /** By ascending revision. */
  get records(): readonly CompletionRecord[] {
    if (typeof this.source === "function") this.source = this.source();
    return this.source;
  }
}

/** What a client sees as the key's version: a tombstone has none. */
export const visibleVersion = (register: Register | null): Revision =>
  register === null || register.value === null ? (0 as Revision) : register.version;
