/**
 * The messages that carry lists, by hand: see hot-encode.ts. Under load every round tells of nearly every partition
 * (HeartbeatAnswer), and who catches up gets nearly all that it gets in one (Changes).
 */
import type { FieldNumber } from "../../../gen/ts/field-number.js";
import {
  CHANGED_KEY,
  CHANGES,
  HEARTBEAT_ANSWER,
  OFFICE_REPORT,
  PARTITION_REPORT,
  PEER_MESSAGE,
} from "../../../gen/ts/onar/replication/v1/fields.js";
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
import { putSeqRanges, readSeqRanges } from "./seq-ranges.js";

export function encodeChanges(m: Changes, w: WireWriter): void {
  const start = w.begin(PEER_MESSAGE.changes);
  w.number(CHANGES.partition, m.partition);
  w.number(CHANGES.groupEpoch, m.groupEpoch);
  w.number(CHANGES.attempt, m.attempt);
  w.number(CHANGES.copy, m.copy);
  w.number(CHANGES.upTo, m.upTo);
  w.number(CHANGES.more, m.more ? 1 : 0);
  for (const { timestamp, register, settled } of m.changes) {
    const change = w.begin(CHANGES.changes);
    if (register === null) putTimestamp(CHANGED_KEY.timestamp, timestamp, w);
    else w.bytes(CHANGED_KEY.register, encodeRegister(register));
    w.number(CHANGED_KEY.settled, settled ? 1 : 0);
    w.end(change);
  }
  putSeqRanges(CHANGES.taken, m.taken, w);
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
    if (key === tag(CHANGES.partition, VARINT)) p = r.uint32();
    else if (key === tag(CHANGES.groupEpoch, VARINT)) epoch = r.varint();
    else if (key === tag(CHANGES.attempt, VARINT)) of = r.varint();
    else if (key === tag(CHANGES.copy, VARINT)) copy = r.varint();
    else if (key === tag(CHANGES.upTo, VARINT)) upTo = r.varint();
    else if (key === tag(CHANGES.more, VARINT)) more = r.varint() !== 0;
    else if (key === tag(CHANGES.changes, BYTES)) changes.push(readChange(r.message()));
    else if (key === tag(CHANGES.taken, BYTES)) taken.push(readSeqRanges(r.message()));
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
    if (key === tag(CHANGED_KEY.timestamp, BYTES)) timestamp = readTimestamp(r.message());
    else if (key === tag(CHANGED_KEY.register, BYTES)) register = decodeRegister(r.copy());
    else if (key === tag(CHANGED_KEY.settled, VARINT)) settled = r.varint() !== 0;
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
  const start = w.begin(PEER_MESSAGE.heartbeatAnswer);
  w.number(HEARTBEAT_ANSWER.round, m.round);
  if (m.heard.length > 0) {
    const heard = w.begin(HEARTBEAT_ANSWER.heard);
    for (const node of m.heard) w.varint(node);
    w.end(heard);
  }
  w.number(HEARTBEAT_ANSWER.reportVersion, m.version);
  // A version that knows no voters skips what has a field of its own.
  for (const report of m.reports)
    putReport(report.partition === VOTERS ? HEARTBEAT_ANSWER.voting : HEARTBEAT_ANSWER.reports, report, w);
  for (const office of m.offices) {
    const of = w.begin(office.partition === VOTERS ? HEARTBEAT_ANSWER.proposing : HEARTBEAT_ANSWER.offices);
    w.number(OFFICE_REPORT.partition, office.partition);
    if (office.ballot !== null) putBallot(OFFICE_REPORT.ballot, office.ballot, w);
    w.end(of);
  }
  w.number(HEARTBEAT_ANSWER.since, m.since);
  w.number(HEARTBEAT_ANSWER.full, m.full ? 1 : 0);
  w.end(start);
}

function putReport(field: FieldNumber, report: PartitionReport, w: WireWriter): void {
  const start = w.begin(field);
  w.number(PARTITION_REPORT.partition, report.partition);
  w.number(PARTITION_REPORT.groupEpoch, report.groupEpoch);
  w.number(PARTITION_REPORT.ready, report.ready ? 1 : 0);
  putBallot(PARTITION_REPORT.promise, report.promise, w);
  w.number(PARTITION_REPORT.live, report.live ? 1 : 0);
  putTimestamp(PARTITION_REPORT.settled, report.settled, w);
  w.number(PARTITION_REPORT.settledRevision, Math.max(0, report.settledRevision));
  w.number(PARTITION_REPORT.lastChange, report.lastChange);
  w.number(PARTITION_REPORT.revisionUnknown, report.settledRevision === UNKNOWN_REVISION ? 1 : 0);
  w.number(PARTITION_REPORT.lagging, report.lagging ? 1 : 0);
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
    if (key === tag(HEARTBEAT_ANSWER.round, VARINT)) round = r.varint();
    else if (key === tag(HEARTBEAT_ANSWER.heard, BYTES)) readNodes(r.message(), heard);
    // As older encoders write a list of numbers: each with its tag.
    else if (key === tag(HEARTBEAT_ANSWER.heard, VARINT)) heard.push(nodeId(r.uint32()));
    else if (key === tag(HEARTBEAT_ANSWER.reportVersion, VARINT)) version = r.varint();
    else if (key === tag(HEARTBEAT_ANSWER.reports, BYTES) || key === tag(HEARTBEAT_ANSWER.voting, BYTES))
      reports.push(readReport(r.message()));
    else if (key === tag(HEARTBEAT_ANSWER.offices, BYTES) || key === tag(HEARTBEAT_ANSWER.proposing, BYTES))
      offices.push(readOffice(r.message()));
    else if (key === tag(HEARTBEAT_ANSWER.since, VARINT)) since = r.varint();
    else if (key === tag(HEARTBEAT_ANSWER.full, VARINT)) full = r.varint() !== 0;
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
    if (key === tag(PARTITION_REPORT.partition, VARINT)) p = r.uint32();
    else if (key === tag(PARTITION_REPORT.groupEpoch, VARINT)) epoch = r.varint();
    else if (key === tag(PARTITION_REPORT.ready, VARINT)) ready = r.varint() !== 0;
    else if (key === tag(PARTITION_REPORT.promise, BYTES)) promise = readBallot(r.message());
    else if (key === tag(PARTITION_REPORT.live, VARINT)) live = r.varint() !== 0;
    else if (key === tag(PARTITION_REPORT.settled, BYTES)) settled = readTimestamp(r.message());
    else if (key === tag(PARTITION_REPORT.settledRevision, VARINT)) settledRevision = r.varint();
    else if (key === tag(PARTITION_REPORT.lastChange, VARINT)) lastChange = r.varint();
    else if (key === tag(PARTITION_REPORT.revisionUnknown, VARINT)) unknown = r.varint() !== 0;
    else if (key === tag(PARTITION_REPORT.lagging, VARINT)) lagging = r.varint() !== 0;
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
    if (key === tag(OFFICE_REPORT.partition, VARINT)) p = r.uint32();
    else if (key === tag(OFFICE_REPORT.ballot, BYTES)) ballot = readBallot(r.message());
    else r.skip(key);
  }
  return { partition: partition(p), ballot };
}
