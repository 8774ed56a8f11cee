/** A handler's view of its call: it shows nothing of the transport that brought it. */
import type { ServerInterceptingCall, ServerInterceptor } from "@grpc/grpc-js";
import { type CallContext, ServerError, Status } from "nice-grpc-common";
import { AssertionError } from "../../base/assert.js";
import { type Duration, duration } from "../../base/time.js";
import type { TraceContext } from "../../base/trace-context.js";
import { traceOf } from "./call-tracer.js";
import { Failure } from "./failure.js";

/** A call without deadline gets this. */
export const DEFAULT_TIMEOUT: Duration = duration(10_000);

/** A longer deadline counts as this: a client that went away is not waited on forever. */
const MAX_TIMEOUT: Duration = duration(60_000);

/** How much sooner than its deadline a call is answered: at the deadline itself the transport ends it, and says nothing of the outcome. */
const ANSWER_MS = 30;

export interface Call {
  /** How long the client still waits, less the time that an answer needs. */
  readonly timeout: Duration;
  /** Its place in a trace; null for nearly all calls. */
  readonly trace: TraceContext | null;
}

/** Carries the deadline from the wire to the handlers, which nice-grpc does not; a client's own copy of the header is dropped. */
const TIMEOUT_HEADER = "onar-internal-timeout-ms";

/** Wraps the one event that is wanted: a ServerInterceptingCall around the call would cost each of its events, some 20 µs in all. */
export const deadlineInterceptor: ServerInterceptor = (_method, call) => {
  const start = call.start;
  call.start = (listener) => {
    const receive = listener.onReceiveMetadata;
    listener.onReceiveMetadata = (metadata) => {
      metadata.remove(TIMEOUT_HEADER);
      const deadline = call.getDeadline();
      const at = deadline instanceof Date ? deadline.getTime() : deadline;
      if (Number.isFinite(at)) metadata.set(TIMEOUT_HEADER, String(at - Date.now()));
      receive.call(listener, metadata);
    };
    start.call(call, listener);
  };
  // grpc-js asks for its class and uses the interface alone.
  return call as ServerInterceptingCall;
};

/** null: the call has no deadline. */
function timeoutOf(context: CallContext): Duration | null {
  const header = context.metadata.get(TIMEOUT_HEADER);
  return header === undefined ? null : timeoutOfWait(Number(header));
}

/** Takes a deadline as grpc-js tells it. */
export function timeoutUntil(deadline: Date | number): Duration {
  const at = deadline instanceof Date ? deadline.getTime() : deadline;
  return Number.isFinite(at) ? timeoutOfWait(at - Date.now()) : DEFAULT_TIMEOUT;
}

/** performance.now() until which a stream with this deadline is worth answering. Not bounded, as each of its calls is. */
export function streamUntil(deadline: Date | number): number {
  const at = deadline instanceof Date ? deadline.getTime() : deadline;
  return Number.isFinite(at) ? performance.now() + answerable(at - Date.now()) : Number.POSITIVE_INFINITY;
}

const answerable = (wait: number): number => wait - Math.min(ANSWER_MS, wait / 4);

const timeoutOfWait = (wait: number): Duration => duration(Math.min(answerable(wait), MAX_TIMEOUT));

/** Runs a unary handler; a failure becomes a status with details, in the trailers alone. */
export async function answer<T>(context: CallContext, handle: (call: Call) => Promise<T> | T): Promise<T> {
  try {
    return await handle({ timeout: timeoutOf(context) ?? DEFAULT_TIMEOUT, trace: traceOf(context.metadata) });
  } catch (error) {
    throw thrown(context, error);
  }
}

/** The same for a handler that answers with a stream. */
export async function* answers<T>(context: CallContext, handle: () => AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* handle();
  } catch (error) {
    throw thrown(context, error);
  }
}

/** The error that nice-grpc is to make a status of. */
export function thrown(context: CallContext, error: unknown): unknown {
  if (error instanceof Failure) {
    context.trailer.set("grpc-status-details-bin", error.encodedStatus());
    return new ServerError(error.code, error.message);
  }
  if (error instanceof ServerError || (error as Error).name === "AbortError") return error;
  if (error instanceof AssertionError) return error;
  return new ServerError(Status.INTERNAL, "internal error");
}
