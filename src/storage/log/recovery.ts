/**
 * Reading the log back: which records count, which are rotten, and where the log ends.
 *
 * The intuition: a bad record may be the trace of a write that the crash cut short, and then nothing depends on it. Or
 * it was durable and has rotted since, and then something may. They look alike. A disk writes the parts of an
 * unfinished write in any order, so good records may stand behind a bad one in both cases. They are told apart because
 * writes never overlap. The first record of a write, and the header of a segment, prove that everything before them had
 * reached the disk. So bad bytes before such a proof have rotted. Bad bytes behind the last proof belong to the last
 * write, whose answers nobody needs to have seen: they are cut off. (It may have been durable after all, and have
 * rotted just there. Then this copy is behind its peers' knowledge: they refuse it, R10.)
 *
 * Cutting off must not destroy the proof that something before was durable, or the next start would take it for torn.
 * So the next segment is begun first: its header proves all that this start found.
 *
 * Invariants:
 *   L1  Records are applied in the order of their numbers, without a gap above what the checkpoint has.
 *   L2 Nothing that a proof covers is ever cut off, or taken for absent. A rotten register is applied as bad. A rotten
 *       promise, reservation or floor, or a record nobody can name, says nothing, and the node does not start (R8,
 *       R11).
 */
import { isKnown, isLazy, KIND } from "../../codec/disk/entry.js";
import type { LogRecord } from "../../codec/disk/log-record.js";
import type { NodeId } from "../../core/model/ids.js";
import { planted } from "../../core/model/planted.js";
import { type Files, isFull, UNNAMED } from "../files.js";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  type Hole,
  isRecord,
  isSegmentName,
  LOG_VERSION,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  scan,
  segmentName,
} from "./segment.js";

/** The directory cannot be used; the message is for people and says what they can do. */
export class RecoveryError extends Error {
  override readonly name = "RecoveryError";
}

/** Nothing is there, though this node has been in a cluster. */
export const emptied = (): RecoveryError =>
  new RecoveryError(
    "the log and the checkpoint are gone, but this node has been in a cluster: it must not come back without what it promised. " +
      "Replace it by a new node with an empty directory",
  );

export interface RecoveryOptions {
  readonly files: Files;
  readonly node: NodeId;
  /** A random number below 2^31 for the segment that is begun. */
  readonly salt: () => number;
  /** The checkpoint has all records up to this one. */
  readonly from: number;
  /** Each record above `from`, in order; a register without a body is bad. */
  readonly apply: (record: LogRecord) => void;
  /** One line for the operator. */
  readonly notice: (text: string) => void;
}

export interface Segment {
  readonly name: string;
  readonly first: number;
  /** Up to here there is something; zeros may follow. */
  readonly length: number;
}

export interface Recovered {
  readonly segments: readonly Segment[];
  /** Number of the last record; at least `from`. */
  readonly last: number;
  readonly rottenRegisters: number;
}

type Finished = (error: Error | null, recovered: Recovered | null) => void;

export function recoverLog(options: RecoveryOptions, done: Finished): void {
  new Recovery(options, done).start();
}

const HINT = "This node counts as lost: move its directory away and replace the node; do not copy an older one over it";

interface Place {
  readonly segment: number;
  readonly at: number;
}

/** A bad record, and the good ones behind it, until a proof tells what became of them. */
type Undecided = Place & {
  /** The number that was expected here. */
  readonly expected: number;
  readonly found: LogRecord | Hole;
};

class Recovery {
  private readonly options: RecoveryOptions;
  private names: string[] = [];
  private readonly segments: Segment[] = [];
  private undecided: Undecided[] = [];
  /** Where segments are cut off. */
  private readonly cuts: Undecided[] = [];
  private expected = 0;
  private rottenRegisters = 0;
  private rottenLazy = 0;

  constructor(
    options: RecoveryOptions,
    private readonly done: Finished,
  ) {
    this.options = options;
  }

  start(): void {
    this.options.files.list((error, names) => {
      if (error !== null) return this.done(error, null);
      this.names = names.filter(isSegmentName).sort();
      this.remove(names.filter((name) => name.endsWith(UNNAMED)));
    });
  }

  /** Files that were being made when a crash came. */
  private remove([name, ...others]: readonly string[]): void {
    if (name === undefined) return this.read(0);
    this.options.files.remove(name, (error) => (error === null ? this.remove(others) : this.done(error, null)));
  }

  private read(index: number): void {
    const name = this.names[index];
    if (name === undefined) return this.end();
    this.options.files.read(name, (error, bytes) => {
      if (error !== null) return this.done(error, null);
      let again: boolean;
      try {
        again = this.take(index, name, bytes);
      } catch (thrown) {
        return this.done(thrown as Error, null);
      }
      if (again) return this.read(index + 1);
      // Made just before the crash, and nothing in it was ever durable.
      this.options.files.remove(name, (failed) => (failed === null ? this.end() : this.done(failed, null)));
    });
  }

  /** false: the file is an empty beginning, and the last. */
  private take(index: number, name: string, bytes: Buffer): boolean {
    const header = decodeSegmentHeader(bytes);
    const isLast = index === this.names.length - 1;
    if (header === null) {
      if (isLast && (bytes.length <= SEGMENT_HEADER_BYTES || bytes.every((byte) => byte === 0))) return false;
      throw new RecoveryError(`log/${name} has no readable header. ${HINT}`);
    }
    this.check(name, header);
    if (this.segments.length === 0) this.expected = header.first;
    this.leftOver(header.first);
    this.proven(header.first);
    this.missing(header.first, { segment: this.segments.length, at: 0 }, name);
    const segment = this.segments.length;
    let length = SEGMENT_HEADER_BYTES;
    for (const found of scan(bytes, header.salt)) {
      const place = { segment, at: found.at };
      length = found.end;
      if (isRecord(found)) this.record(found, place, name);
      else this.undecided.push({ ...place, expected: this.expected, found });
    }
    this.segments.push({ name, first: header.first, length });
    return true;
  }

  /** Bytes behind the beginning of the next segment were being cut off when a crash came. */
  private leftOver(next: number): void {
    const at = this.undecided.findIndex(({ expected, found }) => (isRecord(found) ? found.number : expected) >= next);
    if (at < 0) return;
    this.cuts.push(this.undecided[at] as Undecided);
    this.undecided.length = at;
    this.expected = next;
  }

  private check(name: string, header: SegmentHeader): void {
    if (header.version > LOG_VERSION) {
      throw new RecoveryError(
        `log/${name} has format ${header.version}, and this version of Onar knows formats up to ${LOG_VERSION}: use a newer one`,
      );
    }
    if (header.node !== this.options.node) {
      throw new RecoveryError(
        `log/${name} belongs to node ${header.node}, this directory to node ${this.options.node}: files were mixed up. ${HINT}`,
      );
    }
  }

  private record(record: LogRecord, place: Place, name: string): void {
    if (record.first) this.proven(record.number);
    if (record.number < this.expected) {
      throw new RecoveryError(
        `log/${name} at byte ${record.at}: record ${record.number} stands where ${this.expected} belongs. ${HINT}`,
      );
    }
    this.missing(record.number, place, name);
    if (record.first) this.proven(record.number);
    const { expected } = this;
    this.expected = record.number + 1;
    if (record.body !== null && this.undecided.length === 0) this.apply(record);
    else this.undecided.push({ ...place, expected, found: record });
  }

  /** Records that should be here and are not, without any bytes to blame. */
  private missing(next: number, place: Place, name: string): void {
    const before = this.undecided.at(-1);
    if (next === this.expected || (before !== undefined && !isRecord(before.found))) return;
    if (next - 1 <= this.options.from) {
      this.expected = next;
      return;
    }
    if (this.undecided.length === 0 && place.at === 0) {
      throw new RecoveryError(
        `records ${this.expected} to ${next - 1} are missing before log/${name}: a file of the log was removed, or lost its end. ${HINT}`,
      );
    }
    this.undecided.push({ ...place, expected: this.expected, found: { at: place.at, end: place.at } });
  }

  /** Everything found so far was durable; what stands next is `next`, where that is known. */
  private proven(next = this.expected): void {
    const { undecided } = this;
    if (planted("R11.rotten-is-torn")) return;
    this.undecided = [];
    for (let i = 0; i < undecided.length; i++) {
      const { found, expected, segment } = undecided[i] as Undecided;
      if (isRecord(found)) {
        if (found.body === null) this.rotten(found, segment);
        else this.apply(found);
        continue;
      }
      const behind = undecided[i + 1];
      const until = behind === undefined ? next : isRecord(behind.found) ? behind.found.number : behind.expected;
      // Records that the checkpoint has are not missed here, nor are bytes that were no record.
      if (until - 1 <= this.options.from || until === expected) continue;
      const which = until - 1 === expected ? `record ${expected}` : `records ${expected} to ${until - 1}`;
      throw new RecoveryError(
        `${this.nameOf(segment)} at byte ${found.at}: ${which} cannot be read, and it cannot be told what they were. ${HINT}`,
      );
    }
  }

  private nameOf(segment: number): string {
    return `log/${this.segments[segment]?.name ?? this.names[segment] ?? "?"}`;
  }

  private rotten(record: LogRecord, segment: number): void {
    if (record.number <= this.options.from) return;
    if (record.kind === KIND.register) {
      this.rottenRegisters++;
      this.options.apply(record);
    } else if (isLazy(record.kind)) {
      this.rottenLazy++;
    } else {
      const what = record.kind === KIND.promise ? "a promise" : "what the replica must not forget";
      throw new RecoveryError(
        `${this.nameOf(segment)} at byte ${record.at}: record ${record.number}, ${what}, fails its checksum. ${HINT}`,
      );
    }
  }

  private apply(record: LogRecord): void {
    if (record.number <= this.options.from) return;
    if (!isKnown(record.kind)) {
      throw new RecoveryError(
        `record ${record.number} of the log is of kind ${record.kind}, which this version of Onar does not know: use a newer one`,
      );
    }
    this.options.apply(record);
  }

  private end(): void {
    const { from, notice } = this.options;
    const [first] = this.segments;
    if (first === undefined && from > 0) {
      return this.done(new RecoveryError(`the log is gone, but the checkpoint ends at record ${from}. ${HINT}`), null);
    }
    if (first !== undefined && first.first > from + 1) {
      const text = `records ${from + 1} to ${first.first - 1} are in neither the checkpoint nor the log. ${HINT}`;
      return this.done(new RecoveryError(text), null);
    }
    if (this.rottenLazy > 0) notice(`${this.rottenLazy} rotten records that can be spared were skipped`);
    const [cut] = this.undecided;
    const last = Math.max((cut?.expected ?? this.expected) - 1, from);
    const newest = this.segments.at(-1);
    if (newest === undefined) return this.finish(last);
    if (cut !== undefined) this.cuts.push(cut);
    // A process that was killed may have left what it wrote in the system's cache; and it had zeros ahead.
    this.options.files.truncate(newest.name, newest.length, (error) => {
      if (error !== null) return this.done(error, null);
      this.prove(newest, last);
    });
  }

  /** Begins the next segment, unless the newest one has no records: then its header says as much. */
  private prove({ first }: Segment, last: number): void {
    if (first === last + 1 || planted("R11.proof-cut-off")) return this.cutOff(last);
    const { files, node, salt } = this.options;
    const name = segmentName(last + 1);
    const header = { version: LOG_VERSION, node, first: last + 1, salt: salt() >>> 0 };
    files.create(name, encodeSegmentHeader(header), (error) => {
      // On a full disk the old proof stays, and the bytes that it stands in. The first write begins the next segment,
      // and a later start cuts off.
      if (error !== null && isFull(error)) return this.finish(last);
      if (error !== null) return this.done(error, null);
      this.segments.push({ name, first: last + 1, length: SEGMENT_HEADER_BYTES });
      this.cutOff(last);
    });
  }

  private cutOff(last: number): void {
    const cut = this.cuts.shift();
    if (cut === undefined) return this.finish(last);
    const segment = this.segments[cut.segment] as Segment;
    const lost = segment.length - cut.at;
    this.options.files.truncate(segment.name, cut.at, (error) => {
      if (error !== null) return this.done(error, null);
      this.segments[cut.segment] = { ...segment, length: cut.at };
      this.options.notice(
        `the last write before the crash was not finished: ${lost} bytes behind record ${cut.expected - 1} were cut off log/${segment.name}`,
      );
      this.cutOff(last);
    });
  }

  private finish(last: number): void {
    const { segments, rottenRegisters } = this;
    this.done(null, { segments, last, rottenRegisters });
  }
}
