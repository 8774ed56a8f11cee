/**
 * A backup file as bytes: a mark, then records, the first a header, the last an end
 * (proto/onar/backup/v1/backup.proto).
 *
 *     0  8 bytes "ONARBKP" and a line feed
 *     8  records, one after the other:
 *          0  u8   kind: 1 header, 2 entry, 3 end
 *          1  u32  length of the body
 *          5  u32  CRC-32 of the body
 *          9  u32  CRC-32 of bytes 0 … 8, begun with that of the record before; of the first, with that of the mark
 *         13       the body: an encoded message
 *
 * Numbers are little-endian. The checksums hang together. So a record that is missing, doubled or of another file is
 * noticed where it happens, before its length is believed. The end has a SHA-256 of everything before it, and counts.
 */
import { createHash } from "node:crypto";
import { BackupEnd, BackupEntry, BackupHeader } from "../../../gen/ts/onar/backup/v1/backup.js";
import { crc32 } from "../bytes/checksum.js";

export const BACKUP_FORMAT = 1;
const MAGIC = Buffer.from("ONARBKP\n", "latin1");
const HEAD_BYTES = 13;
const HEADER = 1;
const ENTRY = 2;
const END = 3;
/** More than any message that a node takes. */
const MAX_BODY_BYTES = 1 << 30;

/** The file is not a whole backup; the message is for people and goes on after the file's name. */
export class BackupFileError extends Error {
  override readonly name = "BackupFileError";
}

/** Makes the bytes of a file, in order. */
export class BackupEncoder {
  private readonly hash = createHash("sha256");
  private checksum = crc32(MAGIC);
  entries = 0;
  /** Bytes of keys and values. */
  bytes = 0;

  /** The beginning of the file. */
  header(header: BackupHeader): Buffer {
    this.hash.update(MAGIC);
    return Buffer.concat([MAGIC, this.hashed(HEADER, BackupHeader.encode(header).finish())]);
  }

  entry(entry: BackupEntry): Buffer {
    this.entries++;
    this.bytes += entry.key.length + entry.value.length;
    return this.hashed(ENTRY, BackupEntry.encode(entry).finish());
  }

  /** The end of the file; nothing follows. */
  end(highestRevision: bigint, endedMs: bigint): Buffer {
    const sha256 = this.hash.digest();
    const end = { entries: BigInt(this.entries), bytes: BigInt(this.bytes), highestRevision, endedMs, sha256 };
    return this.record(END, BackupEnd.encode(end).finish());
  }

  private hashed(kind: number, body: Uint8Array): Buffer {
    const record = this.record(kind, body);
    this.hash.update(record);
    return record;
  }

  private record(kind: number, body: Uint8Array): Buffer {
    const record = Buffer.allocUnsafe(HEAD_BYTES + body.length);
    record[0] = kind;
    record.writeUInt32LE(body.length, 1);
    record.writeUInt32LE(crc32(body), 5);
    this.checksum = crc32(record.subarray(0, 9), this.checksum);
    record.writeUInt32LE(this.checksum, 9);
    record.set(body, HEAD_BYTES);
    return record;
  }
}

/**
 * Reads a file piece by piece. Whatever is not as it was written throws a BackupFileError; nothing counts before
 * `finish` returned.
 */
export class BackupDecoder {
  header: BackupHeader | null = null;
  entries = 0;
  private readonly hash = createHash("sha256");
  private checksum = crc32(MAGIC);
  private end: BackupEnd | null = null;
  private bytes = 0;
  private rest: Buffer = Buffer.alloc(0);
  /** Where `rest` begins in the file. */
  private at = 0;
  private marked = false;

  /** The entries that are complete with this piece. They share its memory. */
  *push(piece: Buffer): Generator<BackupEntry> {
    const bytes = this.rest.length === 0 ? piece : Buffer.concat([this.rest, piece]);
    let used = this.mark(bytes);
    while (this.marked) {
      const record = this.record(bytes, used);
      if (record === null) break;
      const { kind, body, length } = record;
      const entry = this.take(kind, body);
      // All but the end itself.
      if (kind !== END) this.hash.update(bytes.subarray(used, used + length));
      used += length;
      this.at += length;
      if (entry !== null) yield entry;
    }
    this.rest = bytes.subarray(used);
  }

  /** The file is over: it was whole. */
  finish(): { readonly header: BackupHeader; readonly end: BackupEnd } {
    const { header, end } = this;
    if (!this.marked || header === null) throw new BackupFileError("is not a backup: it is too short");
    if (end === null) {
      throw new BackupFileError(
        `is cut short: it ends after ${this.entries} keys, at byte ${this.at + this.rest.length}`,
      );
    }
    if (this.rest.length > 0) throw this.corrupt("something follows its end");
    return { header, end };
  }

  /** Goes over the mark; returns how much of the bytes is used by it. */
  private mark(bytes: Buffer): number {
    if (this.marked || bytes.length < MAGIC.length) return 0;
    if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new BackupFileError("is not a backup of Onar");
    this.marked = true;
    this.hash.update(MAGIC);
    this.at = MAGIC.length;
    return MAGIC.length;
  }

  /** null: not all of it is there yet. */
  private record(bytes: Buffer, at: number): { kind: number; body: Buffer; length: number } | null {
    if (bytes.length - at < HEAD_BYTES) return null;
    if (this.end !== null) throw this.corrupt("something follows its end");
    const checksum = crc32(bytes.subarray(at, at + 9), this.checksum);
    if (checksum !== bytes.readUInt32LE(at + 9)) throw this.corrupt("a record's head fails its checksum");
    const size = bytes.readUInt32LE(at + 1);
    if (size > MAX_BODY_BYTES) throw this.corrupt("a record is too long");
    const length = HEAD_BYTES + size;
    if (bytes.length - at < length) return null;
    const body = bytes.subarray(at + HEAD_BYTES, at + length);
    if (crc32(body) !== bytes.readUInt32LE(at + 5)) throw this.corrupt("a record fails its checksum");
    this.checksum = checksum;
    return { kind: bytes[at] as number, body, length };
  }

  private take(kind: number, body: Buffer): BackupEntry | null {
    if ((this.header === null) !== (kind === HEADER)) throw this.corrupt("its header is not where it belongs");
    switch (kind) {
      case HEADER:
        this.header = this.decoded(() => BackupHeader.decode(body));
        if (this.header.format > BACKUP_FORMAT) {
          throw new BackupFileError(
            `has format ${this.header.format}, and this version of Onar knows formats up to ${BACKUP_FORMAT}: use a newer one`,
          );
        }
        return null;
      case ENTRY: {
        const entry = this.decoded(() => BackupEntry.decode(body));
        if (entry.key.length === 0) throw this.corrupt("an entry has no key");
        this.entries++;
        this.bytes += entry.key.length + entry.value.length;
        return entry;
      }
      case END:
        this.end = this.decoded(() => BackupEnd.decode(body));
        this.check(this.end);
        return null;
      default:
        throw this.corrupt(`a record is of kind ${kind}, which this version of Onar does not know`);
    }
  }

  private check(end: BackupEnd): void {
    if (end.entries !== BigInt(this.entries) || end.bytes !== BigInt(this.bytes)) {
      throw this.corrupt(`its end counts ${end.entries} keys, and there are ${this.entries}`);
    }
    if (!this.hash.digest().equals(end.sha256)) throw this.corrupt("it fails its SHA-256");
  }

  private decoded<T>(decode: () => T): T {
    try {
      return decode();
    } catch {
      throw this.corrupt("a record cannot be decoded");
    }
  }

  private corrupt(why: string): BackupFileError {
    return new BackupFileError(`is corrupt at byte ${this.at}: ${why}`);
  }
}
