/**
 * A register: one key's replicated cell. Immutable; every decision makes a new one that carries the whole state, so
 * that a Write never depends on what a replica holds.
 */
import { present } from "../../base/assert.js";
import type { Timestamp } from "./ballot.js";
import type { CompletionRecords } from "./completion-records.js";
import { type Key, NO_REVISION, type Revision } from "./ids.js";

/**
 * The records as they are, or how to get them out of the encoded form: a busy key has many, and most replicas never
 * look.
 */
export type RecordSource = CompletionRecords | ((encoded: Uint8Array) => CompletionRecords);

export class Register {
  /**
   * The encoded form it came in or went out in, so that fields a newer version added survive; kept by the codec alone.
   */
  encoded: Uint8Array | null = null;
  /** Deleted: it has no value. */
  readonly tombstone: boolean;
  /** Where the value lies in the encoded form, once there is one. */
  private valueStart = 0;
  private valueEnd = -1;

  constructor(
    readonly key: Key,
    readonly timestamp: Timestamp,
    /** null: a tombstone. */
    private given: Uint8Array | null,
    /** Revision of the last applied write; what clients compare. */
    readonly version: Revision,
    /** Revision of the last decided request, applied or not. */
    readonly revision: Revision,
    /** Highest revision of a record that was forgotten here, or inherited from the partition's floor. */
    readonly floor: Revision,
    private source: RecordSource,
  ) {
    this.tombstone = given === null;
  }

  /** null: a tombstone. A view: of a register that rests encoded, as most do, each call makes one. */
  get value(): Uint8Array | null {
    if (this.encoded === null || this.valueEnd < 0) return this.given;
    return this.encoded.subarray(this.valueStart, this.valueEnd);
  }

  /** How long its value is; 0 for a tombstone. */
  get valueBytes(): number {
    if (this.encoded === null || this.valueEnd < 0) return this.given?.length ?? 0;
    return this.valueEnd - this.valueStart;
  }

  /** About how many it takes, in memory and on the wire. */
  get bytes(): number {
    if (this.encoded !== null) return this.encoded.length + OVERHEAD_BYTES;
    const records = typeof this.source === "function" ? 0 : this.source.length * RECORD_BYTES;
    return this.key.length + (this.given?.length ?? 0) + records + OVERHEAD_BYTES;
  }

  /** It rests as these bytes, in which its value lies there; called by the codec alone. */
  restAs(encoded: Uint8Array, valueStart: number, valueEnd: number): void {
    this.encoded = encoded;
    if (this.tombstone) return;
    this.valueStart = valueStart;
    this.valueEnd = valueEnd;
    // One copy is enough.
    this.given = NO_BYTES;
  }

  /** By ascending revision. */
  get records(): CompletionRecords {
    if (typeof this.source === "function") this.source = this.source(present(this.encoded, "an encoded form"));
    return this.source;
  }
}

const NO_BYTES = new Uint8Array(0);
/** Bytes of an object without its content, and of a completion record. */
const OVERHEAD_BYTES = 256;
const RECORD_BYTES = 40;

/** The key's version as a client sees it: a tombstone has none. */
export const visibleVersion = (register: Register | null): Revision =>
  register === null || register.tombstone ? NO_REVISION : register.version;
