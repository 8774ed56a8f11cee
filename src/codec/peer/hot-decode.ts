/** Reads the frequent messages by hand: see hot-encode.ts. */

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
import { duration } from "../../base/time.js";
import type { Ballot, Timestamp } from "../../core/model/ballot.js";
import {
  attempt,
  groupEpoch,
  type Key,
  NO_NODE,
  nodeId,
  partition,
  type Revision,
  revision,
  UNKNOWN_REVISION,
} from "../../core/model/ids.js";
import type { Read, ReadAnswer, Recover, Recovered, Write, Written } from "../../core/model/message.js";
import type { Forward, Forwarded, NodeMessage } from "../../core/model/node-message.js";
import type { KeyEntry, Result, Standing } from "../../core/model/operation.js";
import type { Register } from "../../core/model/register.js";
import { BYTES, tag, VARINT, type WireReader } from "../../wire/protobuf.js";
import { keyFrom, writeRequest } from "../api/operation.js";
import { NO_BYTES } from "../bytes/bytes.js";
import { decodeRegister } from "../register/register.js";
import { mustHave, readBallot, readTimestamp } from "../register/timestamp.js";
import { decodeChanges, decodeHeartbeatAnswer } from "./hot-lists.js";

/** `r` stands at the one field of a PeerMessage. null: not hot, and nothing was lost by trying. */
export function decodeHot(r: WireReader): NodeMessage | null {
  switch (r.tag()) {
    case tag(PEER_MESSAGE.write, BYTES):
      return decodeWrite(r.message());
    case tag(PEER_MESSAGE.written, BYTES):
      return decodeWritten(r.message());
    case tag(PEER_MESSAGE.read, BYTES):
      return decodeRead(r.message());
    case tag(PEER_MESSAGE.readAnswer, BYTES):
      return decodeReadAnswer(r.message());
    case tag(PEER_MESSAGE.forward, BYTES):
      return decodeForward(r.message());
    case tag(PEER_MESSAGE.forwarded, BYTES):
      return decodeForwarded(r.message());
    case tag(PEER_MESSAGE.recover, BYTES):
      return decodeRecover(r.message());
    case tag(PEER_MESSAGE.recovered, BYTES):
      return decodeRecovered(r.message());
    case tag(PEER_MESSAGE.changes, BYTES):
      return decodeChanges(r.message());
    case tag(PEER_MESSAGE.heartbeatAnswer, BYTES):
      return decodeHeartbeatAnswer(r.message());
    default:
      return null;
  }
}

function decodeWrite(r: WireReader): Write {
  let p = 0;
  let register: Register | null = null;
  let settledSeq = 0;
  let settledRevision = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(WRITE.partition, VARINT)) p = r.uint32();
    else if (key === tag(WRITE.register, BYTES)) register = decodeRegister(r.copy());
    else if (key === tag(WRITE.settledSeq, VARINT)) settledSeq = r.varint();
    else if (key === tag(WRITE.settledRevision, VARINT)) settledRevision = r.varint();
    // Its ballot and seq are those of the register.
    else r.skip(key);
  }
  if (register === null) throw new Error("a Write without register");
  return {
    kind: "write",
    partition: partition(p),
    register,
    settledSeq,
    settledRevision: revision(settledRevision),
  };
}

function decodeWritten(r: WireReader): Written {
  let p = 0;
  let b: Ballot | null = null;
  let seq = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(WRITTEN.partition, VARINT)) p = r.uint32();
    else if (key === tag(WRITTEN.ballot, BYTES)) b = readBallot(r.message());
    else if (key === tag(WRITTEN.seq, VARINT)) seq = r.varint();
    else r.skip(key);
  }
  return { kind: "written", partition: partition(p), ballot: mustHave(b), seq };
}

function decodeRead(r: WireReader): Read {
  let p = 0;
  let epoch = 0;
  let of = 0;
  let k = "";
  let holding: Timestamp | null = null;
  while (r.more) {
    const key = r.tag();
    if (key === tag(READ.partition, VARINT)) p = r.uint32();
    else if (key === tag(READ.groupEpoch, VARINT)) epoch = r.varint();
    else if (key === tag(READ.attempt, VARINT)) of = r.varint();
    else if (key === tag(READ.key, BYTES)) k = r.text();
    else if (key === tag(READ.newerThan, BYTES)) holding = readTimestamp(r.message());
    else r.skip(key);
  }
  return {
    kind: "read",
    partition: partition(p),
    groupEpoch: groupEpoch(epoch),
    attempt: attempt(of),
    key: k as Key,
    holding,
  };
}

function decodeReadAnswer(r: WireReader): ReadAnswer {
  let p = 0;
  let epoch = 0;
  let of = 0;
  let held: Timestamp | null = null;
  let register: Register | null = null;
  let settled = false;
  let promised: Ballot | null = null;
  let settledRevision = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(READ_ANSWER.partition, VARINT)) p = r.uint32();
    else if (key === tag(READ_ANSWER.groupEpoch, VARINT)) epoch = r.varint();
    else if (key === tag(READ_ANSWER.attempt, VARINT)) of = r.varint();
    else if (key === tag(READ_ANSWER.timestamp, BYTES)) held = readTimestamp(r.message());
    else if (key === tag(READ_ANSWER.register, BYTES)) register = readRegister(r);
    else if (key === tag(READ_ANSWER.settled, VARINT)) settled = r.varint() !== 0;
    else if (key === tag(READ_ANSWER.promised, BYTES)) promised = readBallot(r.message());
    else if (key === tag(READ_ANSWER.settledRevision, VARINT)) settledRevision = r.varint();
    else r.skip(key);
  }
  return {
    kind: "read-answer",
    partition: partition(p),
    groupEpoch: groupEpoch(epoch),
    attempt: attempt(of),
    timestamp: held,
    register,
    settled,
    promised: mustHave(promised),
    settledRevision: revision(settledRevision),
  };
}

/** No bytes: the key is absent. */
function readRegister(r: WireReader): Register | null {
  const bytes = r.copy();
  return bytes.length === 0 ? null : decodeRegister(bytes);
}

function decodeRecover(r: WireReader): Recover {
  let p = 0;
  let b: Ballot | null = null;
  let of = 0;
  let k = "";
  while (r.more) {
    const key = r.tag();
    if (key === tag(RECOVER.partition, VARINT)) p = r.uint32();
    else if (key === tag(RECOVER.ballot, BYTES)) b = readBallot(r.message());
    else if (key === tag(RECOVER.attempt, VARINT)) of = r.varint();
    else if (key === tag(RECOVER.key, BYTES)) k = r.text();
    else r.skip(key);
  }
  return { kind: "recover", partition: partition(p), ballot: mustHave(b), attempt: attempt(of), key: k as Key };
}

function decodeRecovered(r: WireReader): Recovered {
  let p = 0;
  let b: Ballot | null = null;
  let of = 0;
  let register: Register | null = null;
  let floor = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(RECOVERED.partition, VARINT)) p = r.uint32();
    else if (key === tag(RECOVERED.ballot, BYTES)) b = readBallot(r.message());
    else if (key === tag(RECOVERED.attempt, VARINT)) of = r.varint();
    else if (key === tag(RECOVERED.register, BYTES)) register = readRegister(r);
    else if (key === tag(RECOVERED.floor, VARINT)) floor = r.varint();
    else r.skip(key);
  }
  return {
    kind: "recovered",
    partition: partition(p),
    ballot: mustHave(b),
    attempt: attempt(of),
    register,
    floor: revision(floor),
  };
}

function decodeForward(r: WireReader): Forward | null {
  let id = 0;
  let remaining = 0;
  let p = 0;
  let epoch = 0;
  let request: Forward["request"] | null = null;
  while (r.more) {
    const key = r.tag();
    if (key === tag(FORWARD.id, VARINT)) id = r.varint();
    else if (key === tag(FORWARD.get, BYTES) || key === tag(FORWARD.put, BYTES)) {
      request = key === tag(FORWARD.get, BYTES) ? readGet(r.message()) : readPut(r.message());
      if (request === null) return null;
    } else if (key === tag(FORWARD.deadlineMs, VARINT)) remaining = r.uint32();
    else if (key === tag(FORWARD.partition, VARINT)) p = r.uint32();
    else if (key === tag(FORWARD.groupEpoch, VARINT)) epoch = r.varint();
    else r.skip(key);
  }
  if (request === null) return null;
  return {
    kind: "forward",
    id,
    partition: partition(p),
    groupEpoch: groupEpoch(epoch),
    request,
    remaining: duration(remaining),
  };
}

/** null: it has fields that are not known here, which the generated code keeps. */
function readGet(r: WireReader): Forward["request"] | null {
  let k = "";
  let consistency = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(GET_REQUEST.key, BYTES)) k = r.text();
    else if (key === tag(GET_REQUEST.consistency, VARINT)) consistency = r.varint();
    else return null;
  }
  return {
    kind: "read",
    read: { key: keyFrom(k), consistency: consistency === Consistency.LOCAL ? "local" : "linearizable" },
  };
}

/** null: as `readGet`. */
function readPut(r: WireReader): Forward["request"] | null {
  let k = "";
  let value: Buffer = NO_BYTES;
  let requestId: Buffer = NO_BYTES;
  let after: Revision | null = null;
  while (r.more) {
    const key = r.tag();
    if (key === tag(PUT_REQUEST.key, BYTES)) k = r.text();
    else if (key === tag(PUT_REQUEST.value, BYTES)) value = r.copy();
    else if (key === tag(PUT_REQUEST.requestId, BYTES)) requestId = r.view();
    else if (key === tag(PUT_REQUEST.after, BYTES)) after = readRevision(r.message());
    else return null;
  }
  return { kind: "write", write: writeRequest({ kind: "put", key: keyFrom(k), value }, requestId, after) };
}

function decodeForwarded(r: WireReader): Forwarded | null {
  let id = 0;
  let result: Result | null = null;
  while (r.more) {
    const key = r.tag();
    if (key === tag(FORWARDED.id, VARINT)) id = r.varint();
    else if (key === tag(FORWARDED.get, BYTES)) result = readGetResponse(r.message());
    else if (key === tag(FORWARDED.put, BYTES)) result = readPutResponse(r.message());
    else r.skip(key);
  }
  return result === null ? null : { kind: "forwarded", id, result };
}

function readPutResponse(r: WireReader): Result {
  let standing = NO_STANDING;
  let version = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(PUT_RESPONSE.header, BYTES)) standing = readStanding(r.message());
    else if (key === tag(PUT_RESPONSE.version, VARINT)) version = r.varint();
    else r.skip(key);
  }
  return { status: "done", answer: { kind: "put", version: revision(version) }, standing };
}

function readGetResponse(r: WireReader): Result {
  let standing = NO_STANDING;
  let entry: KeyEntry | null = null;
  let consistency = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(GET_RESPONSE.header, BYTES)) standing = readStanding(r.message());
    else if (key === tag(GET_RESPONSE.entry, BYTES)) entry = readEntry(r.message());
    else if (key === tag(GET_RESPONSE.consistency, VARINT)) consistency = r.varint();
    else r.skip(key);
  }
  return {
    status: "done",
    answer: { kind: "get", entry, consistency: consistency === Consistency.LOCAL ? "local" : "linearizable" },
    standing,
  };
}

function readEntry(r: WireReader): KeyEntry {
  let value: Buffer = NO_BYTES;
  let version = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(ENTRY.value, BYTES)) value = r.copy();
    else if (key === tag(ENTRY.version, VARINT)) version = r.varint();
    else r.skip(key);
  }
  return { value, version: revision(version) };
}

const NO_STANDING: Standing = { revision: UNKNOWN_REVISION, groupEpoch: groupEpoch(0), writer: NO_NODE };

function readStanding(r: WireReader): Standing {
  let known = UNKNOWN_REVISION;
  let epoch = 0;
  let writer = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(HEADER.revision, BYTES)) known = readRevision(r.message());
    else if (key === tag(HEADER.groupEpoch, VARINT)) epoch = r.varint();
    else if (key === tag(HEADER.writerNodeId, VARINT)) writer = r.uint32();
    else r.skip(key);
  }
  return { revision: known, groupEpoch: groupEpoch(epoch), writer: nodeId(writer) };
}

function readRevision(r: WireReader): Revision {
  let value = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(REVISION.revision, VARINT)) value = r.varint();
    else r.skip(key);
  }
  return revision(value);
}
