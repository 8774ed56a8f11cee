/**
 * The frequent messages, by hand. They are those of every operation: Write, Written, Read, ReadAnswer, and Forward and
 * Forwarded of a GET or PUT. A key's first write in an office brings Recover and Recovered. Those that carry lists
 * belong to them, too (Changes, HeartbeatAnswer; hot-lists.ts). Field for field what replication.proto says; all
 * others, and what these leave alone, go through the generated code (message-to-wire.ts, message-from-wire.ts). This
 * file writes them, hot-decode.ts reads them.
 */
import type { FieldNumber } from "../../../gen/ts/field-number.js";
import { Consistency } from "../../../gen/ts/onar/kv/v1/common.js";
import {
  ENTRY,
  GET_REQUEST,
  GET_RESPONSE,
  HEADER,
  PUT_REQUEST,
  PUT_RESPONSE,
  REVISION,
} from "../../../gen/ts/onar/kv/v1/fields.js";
import {
  FORWARD,
  FORWARDED,
  PEER_MESSAGE,
  READ,
  READ_ANSWER,
  RECOVER,
  RECOVERED,
  WRITE,
  WRITTEN,
} from "../../../gen/ts/onar/replication/v1/fields.js";
import { type Partition, type Revision, UNKNOWN_REVISION } from "../../core/model/ids.js";
import type { Read, ReadAnswer, Recover, Recovered, Write, Written } from "../../core/model/message.js";
import type { Forward, Forwarded, NodeMessage } from "../../core/model/node-message.js";
import type { WireWriter } from "../../wire/protobuf.js";
import { encodeRegister } from "../register/register.js";
import { putBallot, putTimestamp } from "../register/timestamp.js";
import { encodeChanges, encodeHeartbeatAnswer } from "./hot-lists.js";

/** False: not hot, nothing was written. */
export function encodeHot(message: NodeMessage, w: WireWriter): boolean {
  switch (message.kind) {
    case "write":
      encodeWrite(message, w);
      return true;
    case "written":
      encodeWritten(message, w);
      return true;
    case "read":
      encodeRead(message, w);
      return true;
    case "read-answer":
      encodeReadAnswer(message, w);
      return true;
    case "forward":
      return encodeForward(message, w);
    case "forwarded":
      return encodeForwarded(message, w);
    case "recover":
      encodeRecover(message, w);
      return true;
    case "recovered":
      encodeRecovered(message, w);
      return true;
    case "changes":
      encodeChanges(message, w);
      return true;
    case "heartbeat-answer":
      encodeHeartbeatAnswer(message, w);
      return true;
    default:
      return false;
  }
}

function encodeWrite(m: Write, w: WireWriter): void {
  const start = w.begin(PEER_MESSAGE.write);
  const { ballot: b, seq } = m.register.timestamp;
  w.number(WRITE.partition, m.partition);
  putBallot(WRITE.ballot, b, w);
  w.number(WRITE.seq, seq);
  w.bytes(WRITE.register, encodeRegister(m.register));
  w.number(WRITE.settledSeq, m.settledSeq);
  w.number(WRITE.settledRevision, Math.max(0, m.settledRevision));
  w.end(start);
}

function encodeWritten(m: Written, w: WireWriter): void {
  const start = w.begin(PEER_MESSAGE.written);
  w.number(WRITTEN.partition, m.partition);
  putBallot(WRITTEN.ballot, m.ballot, w);
  w.number(WRITTEN.seq, m.seq);
  w.end(start);
}

function encodeRead(m: Read, w: WireWriter): void {
  const start = w.begin(PEER_MESSAGE.read);
  w.number(READ.partition, m.partition);
  w.number(READ.groupEpoch, m.groupEpoch);
  w.number(READ.attempt, m.attempt);
  w.text(READ.key, m.key);
  putTimestamp(READ.newerThan, m.holding, w);
  w.end(start);
}

function encodeReadAnswer(m: ReadAnswer, w: WireWriter): void {
  const start = w.begin(PEER_MESSAGE.readAnswer);
  w.number(READ_ANSWER.partition, m.partition);
  w.number(READ_ANSWER.groupEpoch, m.groupEpoch);
  w.number(READ_ANSWER.attempt, m.attempt);
  putTimestamp(READ_ANSWER.timestamp, m.timestamp, w);
  if (m.register !== null) w.bytes(READ_ANSWER.register, encodeRegister(m.register));
  w.number(READ_ANSWER.settled, m.settled ? 1 : 0);
  putBallot(READ_ANSWER.promised, m.promised, w);
  w.number(READ_ANSWER.settledRevision, Math.max(0, m.settledRevision));
  w.end(start);
}

function encodeRecover(m: Recover, w: WireWriter): void {
  const start = w.begin(PEER_MESSAGE.recover);
  w.number(RECOVER.partition, m.partition);
  putBallot(RECOVER.ballot, m.ballot, w);
  w.number(RECOVER.attempt, m.attempt);
  w.text(RECOVER.key, m.key);
  w.end(start);
}

function encodeRecovered(m: Recovered, w: WireWriter): void {
  const start = w.begin(PEER_MESSAGE.recovered);
  w.number(RECOVERED.partition, m.partition);
  putBallot(RECOVERED.ballot, m.ballot, w);
  w.number(RECOVERED.attempt, m.attempt);
  if (m.register !== null) w.bytes(RECOVERED.register, encodeRegister(m.register));
  w.number(RECOVERED.floor, m.floor);
  w.end(start);
}

function encodeForward(m: Forward, w: WireWriter): boolean {
  const { request } = m;
  if (request.unread !== undefined) return false;
  if (request.kind === "write" && request.write.operation.kind !== "put") return false;
  const start = w.begin(PEER_MESSAGE.forward);
  w.number(FORWARD.id, m.id);
  if (request.kind === "read") {
    const get = w.begin(FORWARD.get);
    w.text(GET_REQUEST.key, request.read.key);
    w.number(
      GET_REQUEST.consistency,
      request.read.consistency === "local" ? Consistency.LOCAL : Consistency.LINEARIZABLE,
    );
    w.end(get);
  } else if (request.write.operation.kind === "put") {
    const { operation, requestId, after } = request.write;
    const put = w.begin(FORWARD.put);
    w.text(PUT_REQUEST.key, operation.key);
    w.bytes(PUT_REQUEST.value, operation.value);
    if (requestId !== null) w.text(PUT_REQUEST.requestId, requestId);
    if (after !== null) putRevision(PUT_REQUEST.after, m.partition, after, w);
    w.end(put);
  }
  w.number(FORWARD.deadlineMs, Math.max(0, Math.ceil(m.remaining)));
  w.number(FORWARD.hops, 1);
  w.number(FORWARD.partition, m.partition);
  w.number(FORWARD.groupEpoch, m.groupEpoch);
  w.end(start);
  return true;
}

function encodeForwarded(m: Forwarded, w: WireWriter): boolean {
  const { result } = m;
  if (result.status !== "done") return false;
  const { answer, standing } = result;
  if (answer.kind !== "get" && answer.kind !== "put") return false;
  const start = w.begin(PEER_MESSAGE.forwarded);
  w.number(FORWARDED.id, m.id);
  const inner = w.begin(answer.kind === "get" ? FORWARDED.get : FORWARDED.put);
  const header = w.begin(answer.kind === "get" ? GET_RESPONSE.header : PUT_RESPONSE.header);
  if (standing.revision !== UNKNOWN_REVISION) putRevision(HEADER.revision, 0 as Partition, standing.revision, w);
  w.number(HEADER.groupEpoch, standing.groupEpoch);
  w.number(HEADER.writerNodeId, standing.writer);
  w.end(header);
  if (answer.kind === "put") {
    w.number(PUT_RESPONSE.version, answer.version);
  } else {
    if (answer.entry !== null) {
      const entry = w.begin(GET_RESPONSE.entry);
      w.bytes(ENTRY.value, answer.entry.value);
      w.number(ENTRY.version, answer.entry.version);
      w.end(entry);
    }
    w.number(GET_RESPONSE.consistency, answer.consistency === "local" ? Consistency.LOCAL : Consistency.LINEARIZABLE);
  }
  w.end(inner);
  w.end(start);
  return true;
}

function putRevision(field: FieldNumber, of: Partition, value: Revision, w: WireWriter): void {
  const start = w.begin(field);
  w.number(REVISION.partition, of);
  w.number(REVISION.revision, value);
  w.end(start);
}
