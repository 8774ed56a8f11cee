/** Ballots and timestamps, by hand: see wire.ts. */
import { type Ballot, ballot, type Timestamp, timestamp } from "../core/ballot.js";
import { groupEpoch, nodeId } from "../core/ids.js";
import { BYTES, tag, VARINT, type WireReader, type WireWriter } from "../wire/protobuf.js";

export function putBallot(field: number, b: Ballot, w: WireWriter): void {
  const start = w.begin(field);
  w.number(1, b.groupEpoch);
  w.number(2, b.round);
  w.number(3, b.node);
  w.end(start);
}

export function putTimestamp(field: number, t: Timestamp | null, w: WireWriter): void {
  if (t === null) return;
  const start = w.begin(field);
  putBallot(1, t.ballot, w);
  w.number(2, t.seq);
  w.end(start);
}

export function readBallot(r: WireReader): Ballot {
  let epoch = 0;
  let round = 0;
  let node = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, VARINT)) epoch = r.varint();
    else if (key === tag(2, VARINT)) round = r.varint();
    else if (key === tag(3, VARINT)) node = r.uint32();
    else r.skip(key);
  }
  return ballot(groupEpoch(epoch), round, nodeId(node));
}

export function readTimestamp(r: WireReader): Timestamp {
  let b: Ballot | null = null;
  let seq = 0;
  while (r.more) {
    const key = r.tag();
    if (key === tag(1, BYTES)) b = readBallot(r.message());
    else if (key === tag(2, VARINT)) seq = r.varint();
    else r.skip(key);
  }
  return timestamp(mustHave(b), seq);
}

export function mustHave(b: Ballot | null): Ballot {
  if (b === null) throw new Error("a message without ballot");
  return b;
}
