/**
 * Ranges of seqs, by hand and for the generated code. Each bound is its distance from the one before, so that a copy
 * that had nearly everything says so in a few bytes.
 */
import type { FieldNumber } from "../../../gen/ts/field-number.js";
import { SEQ_RANGES } from "../../../gen/ts/onar/replication/v1/fields.js";
import type { SeqRanges as WireSeqRanges } from "../../../gen/ts/onar/replication/v1/replication.js";
import type { Ballot, SeqRanges } from "../../core/model/ballot.js";
import { BYTES, tag, VARINT, type WireReader, type WireWriter } from "../../wire/protobuf.js";
import { ballotFromWire, ballotToWire } from "../register/ballot.js";
import { mustHave, putBallot, readBallot } from "../register/timestamp.js";

export function putSeqRanges(field: FieldNumber, list: readonly SeqRanges[], w: WireWriter): void {
  for (const { ballot, ranges } of list) {
    const start = w.begin(field);
    putBallot(SEQ_RANGES.ballot, ballot, w);
    const steps = w.begin(SEQ_RANGES.steps);
    let before = 0;
    for (const bound of ranges) {
      w.varint(bound - before);
      before = bound;
    }
    w.end(steps);
    w.end(start);
  }
}

export function readSeqRanges(r: WireReader): SeqRanges {
  let ballot: Ballot | null = null;
  const steps: number[] = [];
  while (r.more) {
    const key = r.tag();
    if (key === tag(SEQ_RANGES.ballot, BYTES)) ballot = readBallot(r.message());
    else if (key === tag(SEQ_RANGES.steps, BYTES))
      for (const list = r.message(); list.more; ) steps.push(list.varint());
    else if (key === tag(SEQ_RANGES.steps, VARINT)) steps.push(r.varint());
    else r.skip(key);
  }
  return { ballot: mustHave(ballot), ranges: boundsOf(steps) };
}

export const seqRangesToWire = (list: readonly SeqRanges[]): WireSeqRanges[] =>
  list.map(({ ballot, ranges }) => ({
    ballot: ballotToWire(ballot),
    steps: ranges.map((bound, i) => bound - (i === 0 ? 0 : (ranges[i - 1] as number))),
  }));

export const seqRangesFromWire = (list: readonly WireSeqRanges[]): SeqRanges[] =>
  list.map(({ ballot, steps }) => ({ ballot: ballotFromWire(ballot), ranges: boundsOf(steps) }));

function boundsOf(steps: readonly number[]): number[] {
  if (steps.length % 2 !== 0) throw new Error("a range of seqs without end");
  let bound = 0;
  return steps.map((step) => {
    bound += step;
    if (!Number.isSafeInteger(bound)) throw new Error("a seq of 2^53 or more");
    return bound;
  });
}
