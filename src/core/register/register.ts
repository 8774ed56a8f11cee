/**
 * A register: one key's replicated cell. Immutable; every decision makes a new one that carries the whole state, so that a Write never
 * depends on what a replica holds.
 */
import { present } from "../../base/assert.js";
import type { Timestamp } from "../ballot.js";
import type { Key, Revision } from "../ids.js";
import type { CompletionRecords } from "./completion-records.js";

/** The records as they are, or how to get them out of the encoded form: a busy key has many, and most replicas never look. */
export type RecordSource = CompletionRecords | ((encoded: Uint8Array) => CompletionRecords);

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
  get records(): CompletionRecords {
    if (typeof this.source === "function") this.source = this.source(present(this.encoded, "an encoded form"));
    return this.source;
  }
}

/** What a client sees as the key's version: a tombstone has none. */
export const visibleVersion = (register: Register | null): Revision =>
  register === null || register.value === null ? (0 as Revision) : register.version;
