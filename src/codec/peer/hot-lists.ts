/**
 * The messages that carry lists, by hand: see hot-fields.ts. Under load every round tells of nearly every partition
 * (HeartbeatAnswer), and who catches up gets nearly all that it gets in one (Changes).
 */
import type { Ballot, SeqRanges, Timestamp } from "../../core/model/ballot.js";
import type { HeartbeatAnswer, OfficeReport, PartitionReport } from "../../core/model/heartbeat.js";
import {
  attempt,
  changeNumber,
  groupEpoch,
  type NodeId,
  nodeId,
  partition,
  revision,
  UNKNOWN_REVISION,
  VOTERS,
} from "../../core/model/ids.js";
import type { Changes, ListedChange } from "../../core/model/message.js";
import type { Register } from "../../core/model/register.js";
import { BYTES, tag, VARINT, type WireReader, type WireWriter } from "../../wire/protobuf.js";
import { decodeRegister, encodeRegister } from "../register/register.js";
import { mustHave, putBallot, putTimestamp, readBallot, readTimestamp } from "../register/timestamp.js";
import { CHANGES, HEARTBEAT_ANSWER } from "./hot-fields.js";
import { putSeqRanges, readSeqRanges } from "./seq-ranges.js";

/** Fields of HeartbeatAnswer about the voters. */
const VOTING = 8;
const PROPOSING = 9;

export function encodeChanges(m: Changes, w: WireWriter): void {
  const start = w.begin(CHANGES);
  w.number(1, m.partition);
  w.number(2, m.groupEpoch);
  w.number(3, m.attempt);
  w.number(4, m.copy);
  w.number(5, m.upTo);
  w.number(6, m.more ? 1 : 0);
  for (const { timestamp, register, settled } of m.changes) {
    const change = w.begin(7);
    if (register === null) putTimestamp(2, timestamp, w);
    else w.bytes(3, encodeRegister(register));
    w.number(4, settled ? 1 : 0);
    w.end(change);
  }
  putSeqRanges(8, m.taken, w);
  w.end(start);
}

export function decodeChanges(r: WireReader): Changes {
  let p = 0;
  let epoch = 0;
  let of = 0;
  let copy = 0;
  let upTo = 0;
  let more = false;
  const changes: ListedChange[] = [];
  const taken: SeqRanges[] = [];
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, VARINT)) p = r.uint32();
    else if (key === tag(2, VARINT)) epoch = r.varint();
    else if (key === tag(3, VARINT)) of = r.varint();
    else if (key === tag(4, VARINT)) copy = r.varint();
    else if (key === tag(5, VARINT)) upTo = r.varint();
    else if (key === tag(6, VARINT)) more = r.varint() !== 0;
    else if (key === tag(7, BYTES)) changes.push(readChange(r.message()));
    else if (key === tag(8, BYTES)) taken.push(readSeqRanges(r.message()));
    else r.skip(key);
  }
  return {
    kind: "changes",
    partition: partition(p),
    groupEpoch: groupEpoch(epoch),
    attempt: attempt(of),
    copy: groupEpoch(copy),
    upTo: changeNumber(upTo),
    more,
    changes,
    taken,
  };
}

function readChange(r: WireReader): ListedChange {
  let timestamp: Timestamp | null = null;
  let register: Register | null = null;
  let settled = false;
  while (r.more) {
    const key = r.tag();
    if (key === tag(2, BYTES)) timestamp = readTimestamp(r.message());
    else if (key === tag(3, BYTES)) register = decodeRegister(r.copy());
    else if (key === tag(4, VARINT)) settled = r.varint() !== 0;
    else r.skip(key);
  }
  return listedChange(timestamp, register, settled);
}

/** Either the register or its timestamp travels. */
export function listedChange(timestamp: Timestamp | null, register: Register | null, settled: boolean): ListedChange {
  const of = register?.timestamp ?? timestamp;
  if (of === null) throw new Error("a change without timestamp");
  return { timestamp: of, register, settled };
}

export function encodeHeartbeatAnswer(m: HeartbeatAnswer, w: WireWriter): void {
  const start = w.begin(HEARTBEAT_ANSWER);
  w.number(1, m.round);
  if (m.heard.length > 0) {
    const heard = w.begin(2);
    for (const node of m.heard) w.varint(node);
    w.end(heard);
  }
  w.number(3, m.version);
  // A version that knows no voters skips what has a field of its own.
  for (const report of m.reports) putReport(report.partition === VOTERS ? VOTING : 4, report, w);
  for (const office of m.offices) {
    const of = w.begin(office.partition === VOTERS ? PROPOSING : 5);
    w.number(1, office.partition);
    if (office.ballot !== null) putBallot(2, office.ballot, w);
    w.end(of);
  }
  w.number(6, m.since);
  w.number(7, m.full ? 1 : 0);
  w.end(start);
}

function putReport(field: number, report: PartitionReport, w: WireWriter): void {
  const start = w.begin(field);
  w.number(1, report.partition);
  w.number(2, report.groupEpoch);
  w.number(3, report.ready ? 1 : 0);
  putBallot(4, report.promise, w);
  w.number(5, report.live ? 1 : 0);
  putTimestamp(6, report.settled, w);
  w.number(7, Math.max(0, report.settledRevision));
  w.number(8, report.lastChange);
  w.number(9, report.settledRevision === UNKNOWN_REVISION ? 1 : 0);
  w.number(10, report.lagging ? 1 : 0);
  w.end(start);
}

export function decodeHeartbeatAnswer(r: WireReader): HeartbeatAnswer {
  let round = 0;
  let version = 0;
  let since = 0;
  let full = false;
  const heard: NodeId[] = [];
  const reports: PartitionReport[] = [];
  const offices: OfficeReport[] = [];
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, VARINT)) round = r.varint();
    else if (key === tag(2, BYTES)) readNodes(r.message(), heard);
    // As older encoders write a list of numbers: each with its tag.
    else if (key === tag(2, VARINT)) heard.push(nodeId(r.uint32()));
    else if (key === tag(3, VARINT)) version = r.varint();
    else if (key === tag(4, BYTES) || key === tag(VOTING, BYTES)) reports.push(readReport(r.message()));
    else if (key === tag(5, BYTES) || key === tag(PROPOSING, BYTES)) offices.push(readOffice(r.message()));
    else if (key === tag(6, VARINT)) since = r.varint();
    else if (key === tag(7, VARINT)) full = r.varint() !== 0;
    else r.skip(key);
  }
  return { kind: "heartbeat-answer", round, heard, version, since, full, reports, offices };
}

function readNodes(r: WireReader, into: NodeId[]): void {
  while (r.more) into.push(nodeId(r.uint32()));
}

function readReport(r: WireReader): PartitionReport {
  let p = 0;
  let epoch = 0;
  let ready = false;
  let promise: Ballot | null = null;
  let live = false;
  let settled: Timestamp | null = null;
  let settledRevision = 0;
  let lastChange = 0;
  let lagging = false;
  let unknown = false;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, VARINT)) p = r.uint32();
    else if (key === tag(2, VARINT)) epoch = r.varint();
    else if (key === tag(3, VARINT)) ready = r.varint() !== 0;
    else if (key === tag(4, BYTES)) promise = readBallot(r.message());
    else if (key === tag(5, VARINT)) live = r.varint() !== 0;
    else if (key === tag(6, BYTES)) settled = readTimestamp(r.message());
    else if (key === tag(7, VARINT)) settledRevision = r.varint();
    else if (key === tag(8, VARINT)) lastChange = r.varint();
    else if (key === tag(9, VARINT)) unknown = r.varint() !== 0;
    else if (key === tag(10, VARINT)) lagging = r.varint() !== 0;
    else r.skip(key);
  }
  return {
    partition: partition(p),
    groupEpoch: groupEpoch(epoch),
    ready,
    promise: mustHave(promise),
    live,
    settled,
    settledRevision: unknown ? UNKNOWN_REVISION : revision(settledRevision),
    lastChange: changeNumber(lastChange),
    lagging,
  };
}

function readOffice(r: WireReader): OfficeReport {
  let p = 0;
  let ballot: Ballot | null = null;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, VARINT)) p = r.uint32();
    else if (key === tag(2, BYTES)) ballot = readBallot(r.message());
    else r.skip(key);
  }
  return { partition: partition(p), ballot };
}
