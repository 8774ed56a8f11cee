/** Messages between replicas as questions about a key and their answers: what a replica's span lies between. */
import { unreachable } from "../../base/assert.js";
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

/** Messages that neither ask nor answer something about one key. */
const ABOUT_NO_KEY = {
  "ask-changes": true,
  "ask-keys": true,
  "ask-states": true,
  "ask-tombstone": true,
  changes: true,
  confirm: true,
  confirmed: true,
  "copies-ready": true,
  forward: true,
  forwarded: true,
  heartbeat: true,
  "heartbeat-answer": true,
  "join-wish": true,
  "keys-held": true,
  "operation-wish": true,
  prepare: true,
  promised: true,
  purge: true,
  purged: true,
  reserve: true,
  reserved: true,
  states: true,
  "tombstone-held": true,
  "view-accept": true,
  "view-accepted": true,
  "view-held": true,
  "view-news": true,
  "view-prepare": true,
  "view-promised": true,
  "view-refused": true,
  "view-wanted": true,
  "your-turn": true,
} as const;

type AboutKey = Exclude<NodeMessage, { readonly kind: keyof typeof ABOUT_NO_KEY }>;
const isAboutKey = (message: NodeMessage): message is AboutKey => !(message.kind in ABOUT_NO_KEY);

/** null: it is none about a key. */
export function questionOf(message: NodeMessage): Question | null {
  if (!isAboutKey(message)) return null;
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
    case "written":
    case "imposed":
    case "read-answer":
    case "recovered":
    case "handed-over":
    case "nack":
      return null;
    default:
      return unreachable(message);
  }
}

const about = (
  name: string,
  key: Key,
  { kind, partition, attempt }: { readonly kind: string; readonly partition: Partition; readonly attempt: number },
): Question => ({ name, partition, key, tag: attemptTag(kind, partition, attempt) });

/** The tag of the question that it answers; null: it answers none about a key. */
export function answeredBy(message: NodeMessage): string | null {
  if (!isAboutKey(message)) return null;
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
    case "write":
    case "impose":
    case "read":
    case "recover":
    case "hand-over":
      return null;
    default:
      return unreachable(message);
  }
}

const writeTag = (partition: number, { groupEpoch, round, node }: Ballot, seq: number): string =>
  `write ${partition} ${groupEpoch}.${round}.${node} ${seq}`;
const attemptTag = (kind: string, partition: number, attempt: number): string => `${kind} ${partition} ${attempt}`;
