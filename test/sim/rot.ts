/**
 * Bytes of a log that rot, where a later write proves that they had been durable. Bytes behind the last proof look like
 * a torn write.
 */
import type { Prng } from "../../src/base/prng.js";
import type { LogRecord } from "../../src/codec/disk/log-record.js";
import { decodeSegmentHeader, isRecord, isSegmentName, scan } from "../../src/storage/log/segment.js";
import type { FaultyFiles } from "../conformance/faulty-files.js";

/** Where the second number of a record's header lies. */
const NUMBER_AT = 12;

interface Found {
  readonly name: string;
  readonly record: LogRecord;
}

/** The body of that record changes; false: it is not there, or not proven. */
export function rotRecord(files: FaultyFiles, number: number): boolean {
  const found = proven(files).find(({ record }) => record.number === number);
  if (found === undefined || found.record.body === null) return false;
  files.rot(found.name, found.record.end - 1);
  return true;
}

/** The header of a record above `position` changes: nobody can tell what it was. False: there is none. */
export function ruinRecord(files: FaultyFiles, position: number, chance: Prng): boolean {
  const found = proven(files).filter(({ record }) => record.number > position);
  if (found.length === 0) return false;
  const { name, record } = chance.pick(found);
  files.rot(name, record.at + NUMBER_AT);
  return true;
}

function proven(files: FaultyFiles): Found[] {
  const found: Found[] = [];
  let count = 0;
  for (const name of [...files.content.keys()].filter(isSegmentName).sort()) {
    const bytes = files.content.get(name) as Buffer;
    const header = decodeSegmentHeader(bytes);
    if (header === null) continue;
    count = found.length;
    for (const record of scan(bytes, header.salt)) {
      if (!isRecord(record)) continue;
      if (record.first) count = found.length;
      found.push({ name, record });
    }
  }
  return found.slice(0, count);
}
