/** Reads the frequent messages by hand: see hot-fields.ts. */
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
import {
  CHANGES,
  FORWARD,
  FORWARDED,
  GET,
  HEARTBEAT_ANSWER,
  LOCAL,
  PUT,
  READ,
  READ_ANSWER,
  RECOVER,
  RECOVERED,
  WRITE,
  WRITTEN,
} from "./hot-fields.js";
import { decodeChanges, decodeHeartbeatAnswer } from "./hot-lists.js";

/** `r` stands at the one field of a PeerMessage. null: not hot, and nothing was lost by trying. */
export function decodeHot(r: WireReader): NodeMessage | null {
  switch (r.tag()) {
    case tag(WRITE, BYTES):
      return decodeWrite(r.message());
    case tag(WRITTEN, BYTES):
      return decodeWritten(r.message());
    case tag(READ, BYTES):
      return decodeRead(r.message());
    case tag(READ_ANSWER, BYTES):
      return decodeReadAnswer(r.message());
    case tag(FORWARD, BYTES):
      return decodeForward(r.message());
    case tag(FORWARDED, BYTES):
      return decodeForwarded(r.message());
    case tag(RECOVER, BYTES):
      return decodeRecover(r.message());
    case tag(RECOVERED, BYTES):
      return decodeRecovered(r.message());
    case tag(CHANGES, BYTES):
      return decodeChanges(r.message());
    case tag(HEARTBEAT_ANSWER, BYTES):
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
    if (key === tag(1, VARINT)) p = r.uint32();
    else if (key === tag(4, BYTES)) register = decodeRegister(r.copy());
    else if (key === tag(5, VARINT)) settledSeq = r.varint();
    else if (key === tag(6, VARINT)) settledRevision = r.varint();
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
    if (key === tag(1, VARINT)) p = r.uint32();
    else if (key === tag(2, BYTES)) b = readBallot(r.message());
    else if (key === tag(3, VARINT)) seq = r.varint();
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
    if (key === tag(1, VARINT)) p = r.uint32();
    else if (key === tag(2, VARINT)) epoch = r.varint();
    else if (key === tag(3, VARINT)) of = r.varint();
    else if (key === tag(4, BYTES)) k = r.text();
    else if (key === tag(5, BYTES)) holding = readTimestamp(r.message());
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
    if (key === tag(1, VARINT)) p = r.uint32();
    else if (key === tag(2, VARINT)) epoch = r.varint();
    else if (key === tag(3, VARINT)) of = r.varint();
    else if (key === tag(4, BYTES)) held = readTimestamp(r.message());
    else if (key === tag(5, BYTES)) register = readRegister(r);
    else if (key === tag(6, VARINT)) settled = r.varint() !== 0;
    else if (key === tag(7, BYTES)) promised = readBallot(r.message());
    else if (key === tag(8, VARINT)) settledRevision = r.varint();
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
    if (key === tag(1, VARINT)) p = r.uint32();
    else if (key === tag(2, BYTES)) b = readBallot(r.message());
    else if (key === tag(3, VARINT)) of = r.varint();
    else if (key === tag(4, BYTES)) k = r.text();
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
    if (key === tag(1, VARINT)) p = r.uint32();
    else if (key === tag(2, BYTES)) b = readBallot(r.message());
    else if (key === tag(3, VARINT)) of = r.varint();
    else if (key === tag(4, BYTES)) register = readRegister(r);
    else if (key === tag(5, VARINT)) floor = r.varint();
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
    if (key === tag(1, VARINT)) id = r.varint();
    else if (key === tag(GET, BYTES) || key === tag(PUT, BYTES)) {
      request = key === tag(GET, BYTES) ? readGet(r.message()) : readPut(r.message());
      if (request === null) return null;
    } else if (key === tag(7, VARINT)) remaining = r.uint32();
    else if (key === tag(9, VARINT)) p = r.uint32();
    else if (key === tag(10, VARINT)) epoch = r.varint();
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
    if (key === tag(1, BYTES)) k = r.text();
    else if (key === tag(11, VARINT)) consistency = r.varint();
    else return null;
  }
  return { kind: "read", read: { key: keyFrom(k), consistency: consistency === LOCAL ? "local" : "linearizable" } };
}

/** null: as `readGet`. */
function readPut(r: WireReader): Forward["request"] | null {
  let k = "";
  let value: Buffer = NO_BYTES;
  let requestId: Buffer = NO_BYTES;
  let after: Revision | null = null;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, BYTES)) k = r.text();
    else if (key === tag(2, BYTES)) value = r.copy();
    else if (key === tag(4, BYTES)) requestId = r.view();
    else if (key === tag(5, BYTES)) after = readRevision(r.message());
    else return null;
  }
  return { kind: "write", write: writeRequest({ kind: "put", key: keyFrom(k), value }, requestId, after) };
}

function decodeForwarded(r: WireReader): Forwarded | null {
  let id = 0;
  let result: Result | null = null;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, VARINT)) id = r.varint();
    else if (key === tag(GET, BYTES)) result = readGetResponse(r.message());
    else if (key === tag(PUT, BYTES)) result = readPutResponse(r.message());
    else r.skip(key);
  }
  return result === null ? null : { kind: "forwarded", id, result };
}

function readPutResponse(r: WireReader): Result {
  let standing = NO_STANDING;
  let version = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, BYTES)) standing = readStanding(r.message());
    else if (key === tag(2, VARINT)) version = r.varint();
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
    if (key === tag(1, BYTES)) standing = readStanding(r.message());
    else if (key === tag(2, BYTES)) entry = readEntry(r.message());
    else if (key === tag(3, VARINT)) consistency = r.varint();
    else r.skip(key);
  }
  return {
    status: "done",
    answer: { kind: "get", entry, consistency: consistency === LOCAL ? "local" : "linearizable" },
    standing,
  };
}

function readEntry(r: WireReader): KeyEntry {
  let value: Buffer = NO_BYTES;
  let version = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, BYTES)) value = r.copy();
    else if (key === tag(2, VARINT)) version = r.varint();
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
    if (key === tag(4, BYTES)) known = readRevision(r.message());
    else if (key === tag(5, VARINT)) epoch = r.varint();
    else if (key === tag(6, VARINT)) writer = r.uint32();
    else r.skip(key);
  }
  return { revision: known, groupEpoch: groupEpoch(epoch), writer: nodeId(writer) };
}

function readRevision(r: WireReader): Revision {
  let value = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(2, VARINT)) value = r.varint();
    else r.skip(key);
  }
  return revision(value);
}
