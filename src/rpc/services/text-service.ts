/** The text service: the same handlers for people, with strings for keys and values. */

import { isUtf8 } from "node:buffer";
import type { Condition, Entry } from "../../../gen/ts/onar/kv/v1/common.js";
import {
  type Condition as TextCondition,
  type Entry as TextEntry,
  TextServiceDefinition,
} from "../../../gen/ts/onar/text/v1/text.js";
import type { Call as GrpcCall } from "../../grpc/server/call.js";
import type { Route } from "../../grpc/server/route.js";
import { STATUS } from "../../grpc/status.js";
import type { Call } from "../call/call.js";
import { Failure } from "../call/failure.js";
import { unary } from "../call/routes.js";
import { checkText } from "../call/validate.js";
import type { KeyValueHandlers } from "./key-value.js";

const { methods } = TextServiceDefinition;

/** `callOf`: what the handlers know of a call. */
export const textRoutes = (handlers: KeyValueHandlers, callOf: (call: GrpcCall) => Call): Route[] => [
  unary(TextServiceDefinition, methods.get, async (request, call) => {
    checkText(request.key, "key", "read");
    const response = await handlers.get({ ...request, key: Buffer.from(request.key) }, callOf(call));
    return { ...response, entry: textEntry(response.entry) };
  }),
  unary(TextServiceDefinition, methods.put, (request, call) => {
    checkText(request.key, "key", "write");
    checkText(request.value, "value", "write");
    const bytes = { key: Buffer.from(request.key), value: Buffer.from(request.value) };
    return handlers.put({ ...request, ...bytes }, callOf(call));
  }),
  unary(TextServiceDefinition, methods.delete, async (request, call) => {
    checkText(request.key, "key", "write");
    const condition = bytesCondition(request.condition);
    const response = await handlers.delete({ ...request, key: Buffer.from(request.key), condition }, callOf(call));
    return { ...response, found: isText(response.found) ? textEntry(response.found) : undefined };
  }),
  unary(TextServiceDefinition, methods.add, (request, call) => {
    checkText(request.key, "key", "write");
    return handlers.add({ ...request, key: Buffer.from(request.key) }, callOf(call));
  }),
];

function bytesCondition(condition: TextCondition | undefined): Condition | undefined {
  const expected = condition?.expected;
  if (expected?.$case !== "value") return condition as Condition | undefined;
  checkText(expected.value, "condition.value", "write");
  return { expected: { $case: "value", value: Buffer.from(expected.value) } };
}

function textEntry(entry: Entry | undefined): TextEntry | undefined {
  if (entry === undefined) return undefined;
  if (isUtf8(entry.value)) return { value: entry.value.toString(), version: entry.version };
  throw new Failure({
    code: STATUS.failedPrecondition,
    reason: "NOT_TEXT",
    message: "the value is not UTF-8: use onar.kv.v1.KeyValueService",
    metadata: { field: "value" },
  });
}

const isText = (entry: Entry | undefined): boolean => entry !== undefined && isUtf8(entry.value);
