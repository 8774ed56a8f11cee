/** The key-value service: a thin layer over the handlers. */

import {
  KeyValueServiceDefinition,
  type PipelineRequest,
  type PipelineResponse,
} from "../../../gen/ts/onar/kv/v1/kv.js";
import type { Call as GrpcCall } from "../../grpc/server/call.js";
import type { Route } from "../../grpc/server/route.js";
import { STATUS } from "../../grpc/status.js";
import type { Call } from "../call/call.js";
import { Failure } from "../call/failure.js";
import { pathOf as pathIn, unary } from "../call/routes.js";
import type { KeyValueHandlers } from "./key-value.js";

const { methods } = KeyValueServiceDefinition;
const pathOf = (method: { readonly name: string }): string => pathIn(KeyValueServiceDefinition, method);

export const PIPELINE_PATH = pathOf(methods.pipeline);

/** The unary calls. `callOf`: what the handlers know of a call. */
export const keyValueRoutes = (handlers: KeyValueHandlers, callOf: (call: GrpcCall) => Call): Route[] => [
  unary(KeyValueServiceDefinition, methods.get, (request, call) => handlers.get(request, callOf(call))),
  unary(KeyValueServiceDefinition, methods.put, (request, call) => handlers.put(request, callOf(call))),
  unary(KeyValueServiceDefinition, methods.compareAndSet, (request, call) =>
    handlers.compareAndSet(request, callOf(call)),
  ),
  unary(KeyValueServiceDefinition, methods.delete, (request, call) => handlers.delete(request, callOf(call))),
  unary(KeyValueServiceDefinition, methods.add, (request, call) => handlers.add(request, callOf(call))),
];

/** A request of a pipeline: a failure is an answer, too. */
export function answerPipelined(
  handlers: KeyValueHandlers,
  { tag, request }: PipelineRequest,
  call: Call,
  answered: (response: PipelineResponse) => void,
): void {
  const failed = (failure: Failure): void =>
    answered({ tag, response: { $case: "status", value: failure.toStatus() } });
  if (request === undefined) return failed(missing());
  try {
    handlers.ask(request, call, { answered: (response) => answered({ tag, response }), failed });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    failed(error);
  }
}

const missing = (): Failure =>
  new Failure({
    code: STATUS.invalidArgument,
    reason: "REQUEST_MISSING",
    message: "request must be one of get, put, compare_and_set, delete, add",
    metadata: { field: "request" },
  });

/** As the unary call of the same request: the pipeline is only another way there. */
export const pathOfRequest = ({ request }: PipelineRequest): string =>
  request === undefined ? PIPELINE_PATH : pathOf(methods[request.$case]);
