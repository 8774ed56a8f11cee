/** The key-value service: a thin layer over the handlers. All of it is served right above the transport, none of it by nice-grpc. */
import { Status } from "nice-grpc-common";
import {
  KeyValueServiceDefinition,
  type KeyValueServiceImplementation,
  type PipelineRequest,
  type PipelineResponse,
} from "../../../gen/ts/onar/kv/v1/kv.js";
import { AssertionError } from "../../base/assert.js";
import type { Call } from "../call/call.js";
import type { UnaryHandler } from "../call/direct.js";
import { Failure } from "../call/failure.js";
import type { KeyValueHandlers } from "./key-value.js";

const { fullName, methods } = KeyValueServiceDefinition;
const pathOf = ({ name }: { readonly name: string }): string => `/${fullName}/${name}`;

export const PIPELINE_PATH = pathOf(methods.pipeline);

/** The unary calls by path. */
export function keyValueCalls(handlers: KeyValueHandlers): ReadonlyMap<string, UnaryHandler> {
  const calls: readonly (readonly [{ readonly name: string }, UnaryHandler])[] = [
    [methods.get, (request, call) => handlers.get(request, call)],
    [methods.put, (request, call) => handlers.put(request, call)],
    [methods.compareAndSet, (request, call) => handlers.compareAndSet(request, call)],
    [methods.delete, (request, call) => handlers.delete(request, call)],
    [methods.add, (request, call) => handlers.add(request, call)],
  ];
  return new Map(calls.map(([method, handle]) => [pathOf(method), handle]));
}

/** nice-grpc asks for every method of a service. */
const servedDirectly = (): never => {
  throw new AssertionError("a call of the key-value service came to nice-grpc");
};

export const keyValueService: KeyValueServiceImplementation = {
  get: servedDirectly,
  put: servedDirectly,
  compareAndSet: servedDirectly,
  delete: servedDirectly,
  add: servedDirectly,
  pipeline: servedDirectly,
};

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
    code: Status.INVALID_ARGUMENT,
    reason: "REQUEST_MISSING",
    message: "request must be one of get, put, compare_and_set, delete, add",
    metadata: { field: "request" },
  });

/** As the unary call of the same request: the pipeline is only another way there. */
export const pathOfRequest = ({ request }: PipelineRequest): string =>
  request === undefined ? PIPELINE_PATH : pathOf(methods[request.$case]);
