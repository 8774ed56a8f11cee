/** Completion records: which requests with an id a register remembers (R9). */
import type { Revision } from "./ids.js";
import type { RequestId } from "./operation.js";

export type RecordedOutcome =
  | "applied"
  | "condition-failed"
  | "absent"
  | "not-a-number"
  | "overflow"
  /** Decided by a node of a newer version in a way that this one cannot tell. */
  | "untold";

/**
 * Proof that a request with an id was decided here, kept inside the register it decided on (R9). Never holds a value.
 */
export interface CompletionRecord {
  readonly requestId: RequestId;
  /** CRC-32 of call and arguments. */
  readonly fingerprint: number;
  /** The revision that the request took. */
  readonly revision: Revision;
  readonly outcome: RecordedOutcome;
  /** As answered: the version made by a put, a swap or an add, or the one found; 0 when absent. */
  readonly version: Revision;
}

const FIRST_BYTES = 64;

/** Records that windows lie over; it only grows at its end. */
export class RecordList {
  readonly records: CompletionRecord[] = [];
  /** The first characters of each request id as a number, so that a search reads no strings. */
  readonly heads: number[] = [];
  /** Where the encoded form of each record ends, up to the last one that has been encoded. Filled by the codec
   * alone. */
  readonly ends: number[] = [];
  private bytes: Uint8Array = new Uint8Array(0);

  add(record: CompletionRecord): void {
    this.records.push(record);
    this.heads.push(headOf(record.requestId));
  }

  /** The next record's encoded form. */
  addEncoded(encoded: Uint8Array): void {
    const start = this.startOf(this.ends.length);
    const end = start + encoded.length;
    if (end > this.bytes.length) this.bytes = withRoom(this.bytes.subarray(0, start), end);
    this.bytes.set(encoded, start);
    this.ends.push(end);
  }

  /** The encoded form of the records from `first` on, before `end`: a view. */
  encoded(first: number, end: number): Uint8Array {
    return this.bytes.subarray(this.startOf(first), this.startOf(end));
  }

  /** A list of its own with the records from `first` on, before `end`. */
  part(first: number, end: number): RecordList {
    const part = new RecordList();
    for (let i = first; i < end; i++) {
      part.records.push(this.records[i] as CompletionRecord);
      part.heads.push(this.heads[i] as number);
    }
    const encoded = Math.min(end, this.ends.length);
    if (encoded <= first) return part;
    const bytes = this.encoded(first, encoded);
    part.bytes = withRoom(bytes, bytes.length);
    const start = this.startOf(first);
    for (let i = first; i < encoded; i++) part.ends.push((this.ends[i] as number) - start);
    return part;
  }

  private startOf(record: number): number {
    return record === 0 ? 0 : (this.ends[record - 1] as number);
  }
}

/**
 * The completion records of one register, oldest first. Immutable: a window over a list that the registers of a key
 * share. So a busy key's next register costs no copy of its records.
 */
export class CompletionRecords implements Iterable<CompletionRecord> {
  static readonly none = new CompletionRecords(new RecordList(), 0, 0);

  private constructor(
    readonly list: RecordList,
    /** Where the window begins and ends in the list. */
    readonly first: number,
    readonly end: number,
  ) {}

  /** All of the list, which is not grown by anybody else from here on. */
  static over(list: RecordList): CompletionRecords {
    return new CompletionRecords(list, 0, list.records.length);
  }

  static of(records: Iterable<CompletionRecord>): CompletionRecords {
    const list = new RecordList();
    for (const record of records) list.add(record);
    return CompletionRecords.over(list);
  }

  get length(): number {
    return this.end - this.first;
  }

  /** −1 is the newest. */
  at(index: number): CompletionRecord | undefined {
    const at = index < 0 ? this.end + index : this.first + index;
    return at < this.first || at >= this.end ? undefined : this.list.records[at];
  }

  find(requestId: RequestId): CompletionRecord | null {
    const { heads, records } = this.list;
    const head = headOf(requestId);
    for (let i = this.first; i < this.end; i++) {
      if (heads[i] === head && records[i]?.requestId === requestId) return records[i] as CompletionRecord;
    }
    return null;
  }

  /** Without so many of the oldest. */
  without(oldest: number): CompletionRecords {
    return oldest === 0 ? this : new CompletionRecords(this.list, Math.min(this.first + oldest, this.end), this.end);
  }

  with(record: CompletionRecord): CompletionRecords {
    const { list, first, end } = this;
    // Records beyond this window, which others see, are not its own. Records that no window needs any more go once they
    // are half of the list.
    const mine = end === list.records.length && 2 * first <= this.length;
    const grown = mine && list !== CompletionRecords.none.list ? list : list.part(first, end);
    grown.add(record);
    return new CompletionRecords(grown, grown === list ? first : 0, grown.records.length);
  }

  *[Symbol.iterator](): IterableIterator<CompletionRecord> {
    for (let i = this.first; i < this.end; i++) yield this.list.records[i] as CompletionRecord;
  }
}

/** A copy with room for half as much again as is needed. */
function withRoom(bytes: Uint8Array, needed: number): Uint8Array {
  const larger = new Uint8Array(Math.max(FIRST_BYTES, needed + (needed >> 1)));
  larger.set(bytes);
  return larger;
}

/** Ids are random: three characters tell nearly all apart. */
function headOf(requestId: RequestId): number {
  return (requestId.charCodeAt(0) << 16) | (requestId.charCodeAt(1) << 8) | requestId.charCodeAt(2);
}
