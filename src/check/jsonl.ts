/**
 * Histories as JSON lines: one operation per line, its fields named as in history.ts. The reader takes nothing on
 * trust. A field that is missing, of a wrong type or not known is an error that names line and field. A misread history
 * gives a verdict about something that never happened.
 */

import type { Answer, Call, Condition, Found, Operation, Outcome } from "./history.js";
import { int64 } from "./sequential.js";
import { unreachable } from "./unreachable.js";

export type ParsedHistory = { readonly kind: "history"; readonly operations: readonly Operation[] } | Corruption;

export interface Corruption {
  readonly kind: "corrupt";
  /** From 1. */
  readonly line: number;
  /** For instance `outcome.answer.version`; empty when the line as a whole is meant. */
  readonly field: string;
  readonly problem: string;
}

function formatOperation(operation: Operation): string {
  return `${JSON.stringify(operation)}\n`;
}

export function formatHistory(operations: Iterable<Operation>): string {
  let text = "";
  for (const operation of operations) text += formatOperation(operation);
  return text;
}

export function corruptionInWords({ line, field, problem }: Corruption): string {
  return `line ${line}: ${field === "" ? "" : `field ${field}: `}${problem}`;
}

/** Empty lines are passed over. A history without any operation is corrupt: "ok" about nothing would mislead. */
export function parseHistory(text: string): ParsedHistory {
  const operations: Operation[] = [];
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const parsed = parseOperation(line, index + 1);
    if ("kind" in parsed) {
      const cut = index === lines.length - 1 && parsed.field === "";
      return cut ? { ...parsed, problem: `${parsed.problem}; the file seems to be cut short here` } : parsed;
    }
    operations.push(parsed);
  }
  if (operations.length > 0) return { kind: "history", operations };
  return { kind: "corrupt", line: 1, field: "", problem: "there is no operation in this history" };
}

function parseOperation(text: string, line: number): Operation | Corruption {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: "corrupt", line, field: "", problem: "not a JSON object" };
  }
  try {
    return operationFrom(new Fields(json, ""));
  } catch (problem) {
    if (problem instanceof FieldProblem)
      return { kind: "corrupt", line, field: problem.field, problem: problem.message };
    throw problem;
  }
}

/** Leaves the reader of one line; never the module. */
class FieldProblem extends Error {
  readonly field: string;

  constructor(field: string, problem: string) {
    super(problem);
    this.field = field;
  }
}

/** One JSON object whose fields are asked for by name; `end` objects to those that nobody asked for. */
class Fields {
  private readonly object: Record<string, unknown>;
  private readonly path: string;
  private readonly asked = new Set<string>();

  constructor(json: unknown, path: string) {
    if (!isObject(json)) throw new FieldProblem(path, "must be an object");
    this.object = json;
    this.path = path;
  }

  problem(name: string, problem: string): FieldProblem {
    return new FieldProblem(this.path === "" ? name : `${this.path}.${name}`, problem);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.object, name);
  }

  raw(name: string): unknown {
    this.asked.add(name);
    if (!this.has(name)) throw this.problem(name, "is missing");
    return this.object[name];
  }

  text(name: string): string {
    const value = this.raw(name);
    if (typeof value !== "string") throw this.problem(name, "must be a string");
    return value;
  }

  oneOf<Name extends string>(name: string, names: readonly Name[]): Name {
    const value = this.raw(name);
    const known = names.find((one) => one === value);
    if (known === undefined) throw this.problem(name, `must be one of ${names.join(", ")}`);
    return known;
  }

  flag(name: string): boolean {
    const value = this.raw(name);
    if (typeof value !== "boolean") throw this.problem(name, "must be true or false");
    return value;
  }

  time(name: string): number {
    const value = this.raw(name);
    if (typeof value !== "number" || !Number.isFinite(value)) throw this.problem(name, "must be a number");
    return value;
  }

  version(name: string, least: 0 | 1): number {
    const value = this.raw(name);
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
    throw this.problem(name, `must be a whole number from ${least} to 2^53 - 1`);
  }

  int64(name: string): string {
    const value = this.text(name);
    if (int64(value)?.toString() === value) return value;
    throw this.problem(name, "must be a decimal string of a signed 64-bit number");
  }

  nested(name: string): Fields {
    return new Fields(this.raw(name), this.path === "" ? name : `${this.path}.${name}`);
  }

  end(): void {
    for (const name of Object.keys(this.object))
      if (!this.asked.has(name)) throw this.problem(name, "is not known here");
  }
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function operationFrom(fields: Fields): Operation {
  const process = fields.raw("process");
  if (typeof process !== "string" && typeof process !== "number")
    throw fields.problem("process", "must be a number or a string");
  const key = fields.text("key");
  const call = callFrom(fields.nested("call"));
  const invoked = fields.time("invoked");
  const returned = fields.raw("returned") === null ? null : fields.time("returned");
  if (returned !== null && returned < invoked) throw fields.problem("returned", "is before invoked");
  const outcome = outcomeFrom(fields.nested("outcome"), call);
  if (outcome.status === "done" && returned === null)
    throw fields.problem("returned", "is null, although the outcome is done");
  fields.end();
  return { process, key, call, invoked, returned, outcome };
}

function callFrom(fields: Fields): Call {
  const call = callOfKind(fields);
  fields.end();
  return call;
}

function callOfKind(fields: Fields): Call {
  const kind = fields.oneOf("kind", ["get", "put", "cas", "delete", "add"]);
  switch (kind) {
    case "get":
      if (!fields.has("consistency")) return { kind };
      return { kind, consistency: fields.oneOf("consistency", ["linearizable", "local"]) };
    case "put":
      return { kind, value: fields.text("value") };
    case "cas":
      return { kind, condition: conditionFrom(fields.nested("condition")), value: fields.text("value") };
    case "delete":
      return fields.has("condition") ? { kind, condition: conditionFrom(fields.nested("condition")) } : { kind };
    case "add":
      return { kind, delta: fields.int64("delta") };
    default:
      return unreachable(kind);
  }
}

function conditionFrom(fields: Fields): Condition {
  const kind = fields.oneOf("kind", ["version", "value", "absent", "present"]);
  let condition: Condition;
  if (kind === "version") condition = { kind, version: fields.version("version", 1) };
  else if (kind === "value") condition = { kind, value: fields.text("value") };
  else condition = { kind };
  fields.end();
  return condition;
}

function outcomeFrom(fields: Fields, call: Call): Outcome {
  const status = fields.oneOf("status", ["done", "failed", "unknown"]);
  const outcome: Outcome =
    status === "done" ? { status, answer: answerFrom(fields.nested("answer"), call) } : { status };
  fields.end();
  return outcome;
}

function answerFrom(fields: Fields, call: Call): Answer {
  if (fields.raw("kind") !== call.kind) throw fields.problem("kind", `must be ${call.kind}, as the call is`);
  const answer = answerOfKind(fields, call.kind);
  fields.end();
  return answer;
}

function answerOfKind(fields: Fields, kind: Answer["kind"]): Answer {
  switch (kind) {
    case "get":
      if (!fields.flag("present")) return { kind, present: false };
      return { kind, present: true, value: fields.text("value"), version: fields.version("version", 1) };
    case "put":
      return { kind, version: fields.version("version", 1) };
    case "cas":
      if (fields.flag("swapped")) return { kind, swapped: true, version: fields.version("version", 1) };
      return { kind, swapped: false, found: foundFrom(fields) };
    case "delete": {
      const deleted = fields.flag("deleted");
      const versionFound = fields.version("versionFound", deleted ? 1 : 0);
      if (!fields.has("found")) return { kind, deleted, versionFound };
      const found = foundFrom(fields);
      if ((found?.version ?? 0) !== versionFound) throw fields.problem("found", "is not of the version found");
      return { kind, deleted, versionFound, found };
    }
    case "add":
      return { kind, version: fields.version("version", 1), number: fields.int64("number") };
    default:
      return unreachable(kind);
  }
}

function foundFrom(answer: Fields): Found | null {
  if (answer.raw("found") === null) return null;
  const fields = answer.nested("found");
  const version = fields.version("version", 1);
  const found: Found = fields.has("value") ? { version, value: fields.text("value") } : { version };
  fields.end();
  return found;
}
