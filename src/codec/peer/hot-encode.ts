/** Writes the frequent messages by hand: see hot-fields.ts. */
import { type Partition, type Revision, UNKNOWN_REVISION } from "../../core/model/ids.js";
import type { Read, ReadAnswer, Recover, Recovered, Write, Written } from "../../core/model/message.js";
import type { Forward, Forwarded, NodeMessage } from "../../core/model/node-message.js";
import type { WireWriter } from "../../wire/protobuf.js";
import { encodeRegister } from "../register/register.js";
import { putBallot, putTimestamp } from "../register/timestamp.js";
import {
  FORWARD,
  FORWARDED,
  GET,
  LINEARIZABLE,
  LOCAL,
  PUT,
  READ,
  READ_ANSWER,
  RECOVER,
  RECOVERED,
  WRITE,
  WRITTEN,
} from "./hot-fields.js";
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
  const start = w.begin(WRITE);
  const { ballot: b, seq } = m.register.timestamp;
  w.number(1, m.partition);
  putBallot(2, b, w);
  w.number(3, seq);
  w.bytes(4, encodeRegister(m.register));
  w.number(5, m.settledSeq);
  w.number(6, Math.max(0, m.settledRevision));
  w.end(start);
}

function encodeWritten(m: Written, w: WireWriter): void {
  const start = w.begin(WRITTEN);
  w.number(1, m.partition);
  putBallot(2, m.ballot, w);
  w.number(3, m.seq);
  w.end(start);
}

function encodeRead(m: Read, w: WireWriter): void {
  const start = w.begin(READ);
  w.number(1, m.partition);
  w.number(2, m.groupEpoch);
  w.number(3, m.attempt);
  w.text(4, m.key);
  putTimestamp(5, m.holding, w);
  w.end(start);
}

function encodeReadAnswer(m: ReadAnswer, w: WireWriter): void {
  const start = w.begin(READ_ANSWER);
  w.number(1, m.partition);
  w.number(2, m.groupEpoch);
  w.number(3, m.attempt);
  putTimestamp(4, m.timestamp, w);
  if (m.register !== null) w.bytes(5, encodeRegister(m.register));
  w.number(6, m.settled ? 1 : 0);
  putBallot(7, m.promised, w);
  w.number(8, Math.max(0, m.settledRevision));
  w.end(start);
}

function encodeRecover(m: Recover, w: WireWriter): void {
  const start = w.begin(RECOVER);
  w.number(1, m.partition);
  putBallot(2, m.ballot, w);
  w.number(3, m.attempt);
  w.text(4, m.key);
  w.end(start);
}

function encodeRecovered(m: Recovered, w: WireWriter): void {
  const start = w.begin(RECOVERED);
  w.number(1, m.partition);
  putBallot(2, m.ballot, w);
  w.number(3, m.attempt);
  if (m.register !== null) w.bytes(4, encodeRegister(m.register));
  w.number(5, m.floor);
  w.end(start);
}

function encodeForward(m: Forward, w: WireWriter): boolean {
  const { request } = m;
  if (request.unread !== undefined) return false;
  if (request.kind === "write" && request.write.operation.kind !== "put") return false;
  const start = w.begin(FORWARD);
  w.number(1, m.id);
  if (request.kind === "read") {
    const get = w.begin(GET);
    w.text(1, request.read.key);
    w.number(11, request.read.consistency === "local" ? LOCAL : LINEARIZABLE);
    w.end(get);
  } else if (request.write.operation.kind === "put") {
    const { operation, requestId, after } = request.write;
    const put = w.begin(PUT);
    w.text(1, operation.key);
    w.bytes(2, operation.value);
    if (requestId !== null) w.text(4, requestId);
    if (after !== null) putRevision(5, m.partition, after, w);
    w.end(put);
  }
  w.number(7, Math.max(0, Math.ceil(m.remaining)));
  w.number(8, 1);
  w.number(9, m.partition);
  w.number(10, m.groupEpoch);
  w.end(start);
  return true;
}

function encodeForwarded(m: Forwarded, w: WireWriter): boolean {
  const { result } = m;
  if (result.status !== "done") return false;
  const { answer, standing } = result;
  if (answer.kind !== "get" && answer.kind !== "put") return false;
  const start = w.begin(FORWARDED);
  w.number(1, m.id);
  const inner = w.begin(answer.kind === "get" ? GET : PUT);
  const header = w.begin(1);
  if (standing.revision !== UNKNOWN_REVISION) putRevision(4, 0 as Partition, standing.revision, w);
  w.number(5, standing.groupEpoch);
  w.number(6, standing.writer);
  w.end(header);
  if (answer.kind === "put") {
    w.number(2, answer.version);
  } else {
    if (answer.entry !== null) {
      const entry = w.begin(2);
      w.bytes(1, answer.entry.value);
      w.number(2, answer.entry.version);
      w.end(entry);
    }
    w.number(3, answer.consistency === "local" ? LOCAL : LINEARIZABLE);
  }
  w.end(inner);
  w.end(start);
  return true;
}

function putRevision(field: number, of: Partition, value: Revision, w: WireWriter): void {
  const start = w.begin(field);
  w.number(1, of);
  w.number(2, value);
  w.end(start);
}
