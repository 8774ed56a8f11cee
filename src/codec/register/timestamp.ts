/** Ballots and timestamps, by hand: see wire.ts. */
import type { FieldNumber } from "../../../gen/ts/field-number.js";
import { BALLOT, TIMESTAMP } from "../../../gen/ts/onar/replication/v1/fields.js";
import { type Ballot, ballot, type Timestamp, timestamp } from "../../core/model/ballot.js";
import { type GroupEpoch, groupEpoch, type NodeId, nodeId } from "../../core/model/ids.js";
import { BYTES, tag, VARINT, type WireReader, type WireWriter } from "../../wire/protobuf.js";

export function putBallot(field: FieldNumber, b: Ballot, w: WireWriter): void {
  const start = w.begin(field);
  w.number(BALLOT.groupEpoch, b.groupEpoch);
  w.number(BALLOT.round, b.round);
  w.number(BALLOT.nodeId, b.node);
  w.end(start);
}

export function putTimestamp(field: FieldNumber, t: Timestamp | null, w: WireWriter): void {
  if (t === null) return;
  const start = w.begin(field);
  putBallot(TIMESTAMP.ballot, t.ballot, w);
  w.number(TIMESTAMP.seq, t.seq);
  w.end(start);
}

export function readBallot(r: WireReader): Ballot {
  let epoch = 0;
  let round = 0;
  let node = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(BALLOT.groupEpoch, VARINT)) epoch = r.varint();
    else if (key === tag(BALLOT.round, VARINT)) round = r.varint();
    else if (key === tag(BALLOT.nodeId, VARINT)) node = r.uint32();
    else r.skip(key);
  }
  return sharedBallot(groupEpoch(epoch), round, nodeId(node));
}

/** Ballots read before, each at its place: nearly every message has one, and a cluster has few. */
const READ_BEFORE: (Ballot | undefined)[] = new Array(256).fill(undefined);

function sharedBallot(epoch: GroupEpoch, round: number, node: NodeId): Ballot {
  const place = (epoch + 31 * round + 7 * node) % READ_BEFORE.length;
  const before = READ_BEFORE[place];
  if (before !== undefined && before.round === round && before.node === node && before.groupEpoch === epoch)
    return before;
  const fresh = ballot(epoch, round, node);
  READ_BEFORE[place] = fresh;
  return fresh;
}

export function readTimestamp(r: WireReader): Timestamp {
  let b: Ballot | null = null;
  let seq = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(TIMESTAMP.ballot, BYTES)) b = readBallot(r.message());
    else if (key === tag(TIMESTAMP.seq, VARINT)) seq = r.varint();
    else r.skip(key);
  }
  return timestamp(mustHave(b), seq);
}

export function mustHave(b: Ballot | null): Ballot {
  if (b === null) throw new Error("a message without ballot");
  return b;
}
