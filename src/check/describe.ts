/**
 * Operations in words, for reports and timelines. Values come quoted and cut, so that a hostile one cannot fill a page.
 */
import type { Condition, Found, Operation } from "./history.js";
import { type KeyState, unreachable } from "./sequential.js";

const lengthShown = 40;

export function quoted(value: string): string {
  const shown = JSON.stringify(value.length > lengthShown ? `${value.slice(0, lengthShown)}…` : value);
  // JSON leaves these as they are, but they turn the direction of text, or a terminal's mind.
  return shown.replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** For instance `put "a" by process 3 at 10–12, answered version 7`. */
export function described(operation: Operation): string {
  return `${callInWords(operation)} by process ${processInWords(operation)} at ${span(operation)}, ${answerInWords(operation)}`;
}

export function processInWords(operation: Operation): string {
  return typeof operation.process === "number" ? `${operation.process}` : quoted(operation.process);
}

export function span(operation: Operation): string {
  return operation.outcome.status === "done" ? `${operation.invoked}–${operation.returned}` : `${operation.invoked}–?`;
}

export function callInWords(operation: Operation): string {
  const { call } = operation;
  switch (call.kind) {
    case "get":
      return call.consistency === "local" ? "local get" : "get";
    case "put":
      return `put ${quoted(call.value)}`;
    case "cas":
      return `cas ${conditionInWords(call.condition)} → ${quoted(call.value)}`;
    case "delete":
      return call.condition === undefined ? "delete" : `delete if ${conditionInWords(call.condition)}`;
    case "add":
      return `add ${call.delta}`;
    default:
      return unreachable(call);
  }
}

function conditionInWords(condition: Condition): string {
  switch (condition.kind) {
    case "version":
      return `version ${condition.version}`;
    case "value":
      return quoted(condition.value);
    case "absent":
    case "present":
      return condition.kind;
    default:
      return unreachable(condition);
  }
}

export function answerInWords(operation: Operation): string {
  const { outcome } = operation;
  if (outcome.status === "failed") return "not executed";
  if (outcome.status === "unknown") return "outcome unknown";
  const { answer } = outcome;
  switch (answer.kind) {
    case "get":
      return answer.present ? `answered ${quoted(answer.value)} (version ${answer.version})` : "answered absent";
    case "put":
      return `answered version ${answer.version}`;
    case "cas":
      return answer.swapped ? `swapped, version ${answer.version}` : `not swapped, found ${foundInWords(answer.found)}`;
    case "delete":
      if (answer.deleted) return `deleted version ${answer.versionFound}`;
      if (answer.versionFound === 0) return "nothing to delete";
      return `not deleted, found ${foundInWords({ ...answer.found, version: answer.versionFound })}`;
    case "add":
      return `answered ${answer.number} (version ${answer.version})`;
    default:
      return unreachable(answer);
  }
}

function foundInWords(found: Found | null): string {
  if (found === null) return "absent";
  return found.value === undefined ? `version ${found.version}` : `${quoted(found.value)} (version ${found.version})`;
}

export function stateInWords(state: KeyState): string {
  if (state.value === null) return "nothing";
  const version = state.exact ? `version ${state.version}` : `a version not seen so far, at least ${state.version}`;
  return `${quoted(state.value)} (${version})`;
}
