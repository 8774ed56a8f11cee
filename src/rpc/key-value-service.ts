/** The key-value service: a thin layer over the handlers. Unary calls are served right above grpc-js, the pipeline on nice-grpc. */
import { Status } from "nice-grpc-common";
import {
  KeyValueServiceDefinition,
  type KeyValueServiceImplementation,
  type PipelineRequest,
  type PipelineResponse,
} from "../../gen/ts/onar/kv/v1/kv.js";
import { AssertionError } from "../base/assert.js";
import { duration } from "../base/time.js";
import { type Call, DEFAULT_TIMEOUT, timeoutOfStream } from "./call.js";
import { type CallTracer, TRACEPARENT, type TracedCall, textOf } from "./call-tracer.js";
import type { UnaryHandler } from "./direct.js";
import { Failure } from "./failure.js";
import type { KeyValueHandlers } from "./key-value.js";
import { Merge } from "./merge.js";

/** Calls of one pipeline under way at a time; the stream is read no further until one ends. */
export const MAX_PIPELINED = 1_024;

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
  throw new AssertionError("a unary call of the key-value service came to nice-grpc");
};

/** `tracer`: says which requests of a pipeline are traced; null: none. */
export const keyValueService = (
  handlers: KeyValueHandlers,
  tracer: CallTracer | null,
): KeyValueServiceImplementation => ({
  get: servedDirectly,
  put: servedDirectly,
  compareAndSet: servedDirectly,
  delete: servedDirectly,
  add: servedDirectly,
  pipeline: async function* (requests, context) {
    // Sent at once: a proxy may re-send a stream that has no headers yet.
    context.header.set("onar-pipeline", "1");
    context.sendHeader();
    const streamTimeout = timeoutOfStream(context);
    const until = streamTimeout === null ? Number.POSITIVE_INFINITY : performance.now() + streamTimeout;
    const traceparent = textOf(context.metadata.get(TRACEPARENT));
    const responses = new Merge<PipelineResponse>(MAX_PIPELINED);
    const read = async (): Promise<void> => {
      for await (const request of requests) {
        await responses.room();
        const timeout = duration(Math.min(DEFAULT_TIMEOUT, until - performance.now()));
        const traced = tracer === null ? null : tracer.began(pathOfRequest(request), traceparent);
        responses.add(one(handlers, request, { timeout, trace: traced?.context ?? null }, traced));
      }
    };
    responses.finishAfter(read());
    yield* responses;
  },
});

async function one(
  handlers: KeyValueHandlers,
  request: PipelineRequest,
  call: Call,
  traced: TracedCall | null,
): Promise<PipelineResponse> {
  const { tag } = request;
  try {
    const response = await dispatch(handlers, request, call);
    traced?.ended(Status.OK);
    return { tag, response };
  } catch (error) {
    traced?.ended(error instanceof Failure ? error.code : Status.INTERNAL);
    if (!(error instanceof Failure)) throw error;
    return { tag, response: { $case: "status", value: error.toStatus() } };
  }
}

/** As the unary call of the same request: the pipeline is only another way there. */
const pathOfRequest = ({ request }: PipelineRequest): string =>
  request === undefined ? PIPELINE_PATH : pathOf(methods[request.$case]);

async function dispatch(
  handlers: KeyValueHandlers,
  { request }: PipelineRequest,
  call: Call,
): Promise<PipelineResponse["response"]> {
  switch (request?.$case) {
    case "get":
      return { $case: "get", value: await handlers.get(request.value, call) };
    case "put":
      return { $case: "put", value: await handlers.put(request.value, call) };
    case "compareAndSet":
      return { $case: "compareAndSet", value: await handlers.compareAndSet(request.value, call) };
    case "delete":
      return { $case: "delete", value: await handlers.delete(request.value, call) };
    case "add":
      return { $case: "add", value: await handlers.add(request.value, call) };
    default:
      throw new Failure({
        code: Status.INVALID_ARGUMENT,
        reason: "REQUEST_MISSING",
        message: "request must be one of get, put, compare_and_set, delete, add",
        metadata: { field: "request" },
      });
  }
}
