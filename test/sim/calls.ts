/** The requests of clients of the simulation and what they are told, and the same in the words of a history. */
import type { Call, Answer as HistoryAnswer, Condition as HistoryCondition } from "../../src/check/history.js";
import { type Key, revision } from "../../src/core/model/ids.js";
import type { Request } from "../../src/core/model/node-message.js";
import type { Answer, Condition, WriteOperation } from "../../src/core/model/operation.js";
import type { Verdict } from "../../src/node/outgoing.js";
import { textOf } from "../scripts/render.js";
import type { Chance } from "./dice.js";
import type { Sometimes } from "./sometimes.js";

/** The last that a client knew of a key; version 0: absent. */
export interface Seen {
  readonly version: number;
  readonly value: string;
}

/**
 * A write of the key; its value is like no other, or a number now and then. `deletes`: share of deletes besides the
 * usual ones.
 */
export function drawWrite(chance: Chance, key: Key, seen: Seen | null, name: string, deletes: number): WriteOperation {
  if (deletes > 0 && chance.chance(deletes)) return { kind: "delete", key, condition: null };
  const value = bytesOf(chance.chance(0.25) ? `${chance.below(50)}` : name);
  const draw = chance.fraction();
  if (draw < 0.3) return { kind: "put", key, value };
  if (draw < 0.7) return { kind: "cas", key, condition: drawCondition(chance, seen), value };
  if (draw < 0.8) return { kind: "delete", key, condition: chance.chance(0.5) ? drawCondition(chance, seen) : null };
  if (draw < 0.98) return { kind: "add", key, delta: BigInt(chance.below(9) + 1) };
  return { kind: "add", key, delta: 2n ** 63n - 1n };
}

function drawCondition(chance: Chance, seen: Seen | null): Condition {
  const draw = chance.fraction();
  if (seen === null || seen.version === 0) return draw < 0.6 ? { kind: "absent" } : { kind: "present" };
  if (draw < 0.5) return { kind: "version", version: revision(seen.version) };
  if (draw < 0.85) return { kind: "value", value: bytesOf(seen.value) };
  return draw < 0.9 ? { kind: "absent" } : { kind: "present" };
}

/** `local`: the read was answered from one replica's copy, which may be old. */
export function callOf(request: Request, local: boolean): Call {
  if (request.kind === "read") return local ? { kind: "get", consistency: "local" } : { kind: "get" };
  const { operation } = request.write;
  switch (operation.kind) {
    case "put":
      return { kind: "put", value: textOf(operation.value) };
    case "cas":
      return { kind: "cas", condition: conditionFor(operation.condition), value: textOf(operation.value) };
    case "delete":
      return operation.condition === null
        ? { kind: "delete" }
        : { kind: "delete", condition: conditionFor(operation.condition) };
    case "add":
      return { kind: "add", delta: operation.delta.toString() };
  }
}

function conditionFor(condition: Condition): HistoryCondition {
  return condition.kind === "value" ? { kind: "value", value: textOf(condition.value) } : condition;
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * In the words of the history; null: the answer was repeated from a record that holds no value, which a history cannot
 * say.
 */
export function answerFor(answer: Answer): HistoryAnswer | null {
  switch (answer.kind) {
    case "get":
      if (answer.entry === null) return { kind: "get", present: false };
      return { kind: "get", present: true, value: textOf(answer.entry.value), version: answer.entry.version };
    case "put":
      return { kind: "put", version: answer.version };
    case "cas":
      if (answer.swapped) return { kind: "cas", swapped: true, version: answer.version };
      return {
        kind: "cas",
        swapped: false,
        found: answer.version === 0 ? null : foundFor(answer.version, answer.found?.value),
      };
    case "delete":
      return {
        kind: "delete",
        deleted: answer.deleted,
        versionFound: answer.versionFound,
        ...(answer.deleted || answer.versionFound === 0
          ? {}
          : { found: foundFor(answer.versionFound, answer.found?.value) }),
      };
    case "add":
      return answer.number === null ? null : { kind: "add", version: answer.version, number: answer.number.toString() };
  }
}

const foundFor = (version: number, value: Uint8Array | undefined): { version: number; value?: string } =>
  value === undefined ? { version } : { version, value: textOf(value) };

/** Marks which kinds of verdict were met. */
export function countVerdict(sometimes: Sometimes, verdict: Verdict): void {
  if (verdict.status === "unserved") sometimes.hit("a request was unserved");
  else if (verdict.status === "deadline") {
    sometimes.hit(
      verdict.mayHaveRun ? "a deadline came with a copy under way" : "a deadline came before any copy left",
    );
  } else if (verdict.status === "unknown") {
    sometimes.hit(
      verdict.unknown.reason === "request-expired" ? "a request was refused as expired" : "an outcome was unknown",
    );
  } else if (verdict.status === "refused") {
    if (verdict.refusal.reason === "after-in-future") sometimes.hit("a request came from the future");
    if (verdict.refusal.reason === "overflow" || verdict.refusal.reason === "not-a-number")
      sometimes.hit("a number overflowed or was none");
  }
}
