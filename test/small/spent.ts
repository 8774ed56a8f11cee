/**
 * Which messages are spent: delivering them, now or at any later time, changes no machine and causes nothing but
 * messages that are spent themselves. States that differ in spent messages only are equal.
 *
 * An answer is spent when its receiver does not want it any more: its attempt, ballot or seq is not outstanding. A
 * thing that is over never comes back, as attempts, ballots and seqs are used once (R6, R7).
 *
 * A request is spent when (1) what it does to its receiver is done forever: promises and timestamps never fall (I1,
 * I2 of replica.ts), settled seqs and reservations never fall either; and (2) its answer would be spent. Below the
 * promise the only answer is a Nack, which nobody but the reader that imposes wants: any other Nack concerns the
 * election.
 *
 * The automaton delivers every message that it drops once more, to see that this is so (automaton.ts, `checkSpent`).
 */

import { type Ballot, compareBallots, compareTimestamps, sameBallot } from "../../src/core/model/ballot.js";
import type { Attempt } from "../../src/core/model/ids.js";
import { type GroupMessage, groupEpochOf, type HandOver } from "../../src/core/model/message.js";
import { BAD } from "../../src/core/model/table.js";
import type { MergeMessage } from "../../src/core/model/transfer-message.js";
import { planted } from "../planted/planted.js";
import { isOfMerge, MovingNode, type SmallMessage } from "./moving-node.js";
import type { SmallNode } from "./node.js";

/** Answers gathered until a majority has given one; none of them does anything but count until the last. */
const GATHERED: readonly SmallMessage["kind"][] = ["promised", "reserved", "recovered", "confirmed", "written"];

export const isGathered = (message: SmallMessage): boolean => GATHERED.includes(message.kind);

/** The effect that a request still has on its receiver. */
export type Effect =
  /** It changes the receiver, or may later. */
  | "live"
  /** None but the answer. */
  | "answer"
  /** None, and nobody wants the refusal. */
  | "none";

/**
 * A node takes a read that is handed over on once. The writer takes every copy for a new one and would gather more and
 * more of them. This is the one bound of the exploration that is not an equality of states.
 */
export const isTakenOn = (node: SmallNode, message: HandOver): boolean => node.handOvers.includes(message.attempt);

export function effectOn(node: SmallNode, message: SmallMessage): Effect {
  if (isOfMerge(message)) return ofMerge(node, message);
  const taken = node.takes(groupEpochOf(message));
  if (taken !== "now") return taken === "later" ? "live" : "none";
  const { promise } = node.copy.replica;
  switch (message.kind) {
    case "prepare":
    case "recover":
    case "confirm":
      return ofFenced(promise, message.ballot, true);
    case "reserve":
      return ofFenced(promise, message.ballot, node.copy.replica.revisions.reservation >= message.reservation);
    case "write": {
      const { ballot } = message.register.timestamp;
      // Its word on settled seqs is learned even if it is refused.
      if (node.copy.replica.revisions.settled.seqOf(ballot) < message.settledSeq) return "live";
      const fenced = ofFenced(promise, ballot, holds(node, message));
      return fenced === "none" && planted("R1.write") ? "live" : fenced === "none" && planted("R2") ? "answer" : fenced;
    }
    case "impose": {
      const fenced = ofFenced(promise, message.register.timestamp.ballot, holds(node, message));
      // The reader counts refusals.
      return fenced !== "none" ? fenced : planted("R1.impose") && !holds(node, message) ? "live" : "answer";
    }
    case "read":
      return "answer";
    case "hand-over":
      return isTakenOn(node, message) ? "none" : "live";
    default:
      return wants(node, message) ? "live" : "none";
  }
}

/** A source that has sealed changes nothing when it answers. */
function ofMerge(node: SmallNode, message: MergeMessage): Effect {
  if (!(node instanceof MovingNode)) return "none";
  const asks = message.kind === "ask-states" || message.kind === "ask-keys";
  if (asks) return node.sealed ? "answer" : "live";
  return node.awaits(message.attempt) ? "live" : "none";
}

const holds = ({ copy }: SmallNode, { register }: GroupMessage & { kind: "write" | "impose" }): boolean => {
  const held = copy.replica.table.get(register.key);
  return held !== null && held !== BAD && compareTimestamps(held.timestamp, register.timestamp) >= 0;
};

function ofFenced(promise: Ballot, ballot: Ballot, done: boolean): Effect {
  const order = compareBallots(promise, ballot);
  if (order > 0) return "none";
  return order === 0 && done ? "answer" : "live";
}

/** Its sender still wants an answer to this request, or this node this answer. */
export function wants(node: SmallNode, message: SmallMessage): boolean {
  if (isOfMerge(message)) return node instanceof MovingNode && node.awaits(message.attempt);
  if (groupEpochOf(message) !== node.copy.group.epoch) return false;
  const { writer } = node.copy;
  switch (message.kind) {
    case "prepare":
    case "promised":
      return holdsOffice(node, message.ballot) && !writer.elected;
    case "reserve":
    case "reserved":
      return holdsOffice(node, message.ballot) && writer["revisions"]["round"]?.attempt === message.attempt;
    case "recover":
    case "recovered":
      return holdsOffice(node, message.ballot) && writer["keys"]["recoveries"].has(message.attempt);
    case "confirm":
    case "confirmed":
      return holdsOffice(node, message.ballot) && writer["confirmations"]["round"]?.attempt === message.attempt;
    case "write":
      return isUnderway(node, message.register.timestamp.ballot, message.register.timestamp.seq);
    case "written":
      return isUnderway(node, message.ballot, message.seq);
    case "read":
    case "read-answer":
      return reads(node, message.attempt, "asking");
    case "impose":
    case "imposed":
      return reads(node, message.attempt, "imposing");
    case "nack":
      return message.of === "impose" && reads(node, message.attempt as Attempt, "imposing");
    case "hand-over":
      return reads(node, message.attempt, "handing-over");
    case "handed-over":
      return message.done && reads(node, message.attempt, "handing-over");
    default:
      return false;
  }
}

const holdsOffice = ({ copy }: SmallNode, ballot: Ballot): boolean =>
  copy.writer.ballot !== null && sameBallot(copy.writer.ballot, ballot);

function isUnderway(node: SmallNode, ballot: Ballot, seq: number): boolean {
  return holdsOffice(node, ballot) && node.copy.writer["flights"]["bySeq"].get(seq)?.done === false;
}

function reads(node: SmallNode, attempt: Attempt, phase: string): boolean {
  // Under this planted bug an attempt that is over comes back.
  if (planted("R7.reuse-attempt")) return true;
  return node.copy.reader["reads"].get(attempt)?.phase === phase;
}
