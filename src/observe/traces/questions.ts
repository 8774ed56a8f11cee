/** Messages between replicas as questions about a key and their answers: what a replica's span lies between. */
import type { Ballot } from "../../core/model/ballot.js";
import type { Key, Partition } from "../../core/model/ids.js";
import type { NodeMessage } from "../../core/model/node-message.js";

export interface Question {
  /** As in the names of spans: "Write", "Read". */
  readonly name: string;
  readonly partition: Partition;
  readonly key: Key;
  /** A tag that its answer has, too. */
  readonly tag: string;
}

/** null: it is none about a key. */
export function questionOf(message: NodeMessage): Question | null {
  switch (message.kind) {
    case "write": {
      const { key, timestamp } = message.register;
      return {
        name: "Write",
        partition: message.partition,
        key,
        tag: writeTag(message.partition, timestamp.ballot, timestamp.seq),
      };
    }
    case "impose":
      return about("Impose", message.register.key, message);
    case "read":
      return about("Read", message.key, message);
    case "recover":
      return about("Recover", message.key, message);
    case "hand-over":
      return about("HandOver", message.key, message);
    default:
      return null;
  }
}

const about = (
  name: string,
  key: Key,
  { kind, partition, attempt }: { readonly kind: string; readonly partition: Partition; readonly attempt: number },
): Question => ({ name, partition, key, tag: attemptTag(kind, partition, attempt) });

/** The tag of the question that it answers; null: it answers none about a key. */
export function answeredBy(message: NodeMessage): string | null {
  switch (message.kind) {
    case "written":
      return writeTag(message.partition, message.ballot, message.seq);
    case "imposed":
      return attemptTag("impose", message.partition, message.attempt);
    case "read-answer":
      return attemptTag("read", message.partition, message.attempt);
    case "recovered":
      return attemptTag("recover", message.partition, message.attempt);
    case "handed-over":
      return attemptTag("hand-over", message.partition, message.attempt);
    case "nack":
      return message.of === "write"
        ? writeTag(message.partition, message.ballot, message.attempt)
        : attemptTag(message.of, message.partition, message.attempt);
    default:
      return null;
  }
}

const writeTag = (partition: number, { groupEpoch, round, node }: Ballot, seq: number): string =>
  `write ${partition} ${groupEpoch}.${round}.${node} ${seq}`;
const attemptTag = (kind: string, partition: number, attempt: number): string => `${kind} ${partition} ${attempt}`;
