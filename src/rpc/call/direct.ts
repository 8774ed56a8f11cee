/**
 * Serves unary calls right above grpc-js. nice-grpc gives each call an AbortController, three sets of metadata and a
 * chain of promises. They cost more than an eighth of the CPU time of a PUT, and these handlers use none of them
 * (docs/adr/2026-11-21-direct-unary-calls.md).
 */
import { type ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { AssertionError } from "../../base/assert.js";
import type { TraceContext } from "../../base/trace-context.js";
import { type Call, timeoutUntil } from "./call.js";
import { traceOf } from "./call-tracer.js";
import { Failure } from "./failure.js";

/** Gets the request of its method, decoded, and answers with the response; what it throws becomes a status. */
export type UnaryHandler = (request: never, call: Call) => Promise<unknown>;

/**
 * Takes the calls of these methods, by path ("/package.Service/Method"), for itself. Those of all others go to the
 * interceptor `others` and to where they are registered. It is the last of the interceptors, so that the others see
 * these calls as they see all. `traced`: one of those, `tracing`, says where calls belong in a trace.
 */
export const serveDirectly =
  (handlers: ReadonlyMap<string, UnaryHandler>, others: ServerInterceptor, traced = false): ServerInterceptor =>
  (method, call) => {
    const handle = handlers.get(method.path);
    if (handle === undefined) return others(method, call);
    // grpc-js asks for its class and uses the interface alone.
    const direct = call as ServerInterceptingCall;
    const { start } = call;
    // The listener given here is grpc-js' way to the registered handler, which is not taken.
    call.start = () => {
      let request: unknown;
      let trace: TraceContext | null = null;
      start.call(call, {
        onReceiveMetadata: (metadata) => {
          if (traced) trace = traceOf(metadata);
          call.startRead();
        },
        onReceiveMessage: (message: unknown) => {
          if (request !== undefined) return refuse(direct, "a unary call has one request, not more");
          request = message;
          call.startRead();
        },
        onReceiveHalfClose: () => {
          if (request === undefined) return refuse(direct, "a unary call has one request, not none");
          serve(direct, handle, request, trace);
        },
        // A client that goes away is not waited on. Its request goes on, as with any answer that is lost, and ends by
        // its deadline.
        onCancel: () => {},
      });
    };
    return direct;
  };

const refuse = (call: ServerInterceptingCall, details: string): void =>
  call.sendStatus({ code: status.UNIMPLEMENTED, details, metadata: null });

function serve(call: ServerInterceptingCall, handle: UnaryHandler, request: unknown, trace: TraceContext | null): void {
  // Refused before it was decoded (bounded-requests.ts).
  if (request instanceof Failure) return fail(call, request);
  handle(request as never, { timeout: timeoutUntil(call.getDeadline()), trace }).then(
    (response) => {
      // The status right behind the answer. node:http2 still gives it a write of its own: it submits trailers a turn after the data.
      call.sendMessage(response, () => {});
      call.sendStatus({ code: status.OK, details: "OK", metadata: null });
    },
    (error: unknown) => {
      if (!(error instanceof Failure)) {
        call.sendStatus({ code: status.INTERNAL, details: "internal error", metadata: null });
        // A broken invariant stops the node rather than spread.
        if (error instanceof AssertionError) throw error;
        return;
      }
      fail(call, error);
    },
  );
}

const fail = (call: ServerInterceptingCall, failure: Failure): void => call.sendStatus(failure.toStatusObject());
