/**
 * Begins a span for each call that is traced, and knows its place in the trace for as long as it lasts. The tracer
 * decides what is made of it (observe/traces).
 */
import type { TraceContext } from "../../base/trace-context.js";
import type { Call } from "../../grpc/server/call.js";
import type { CallEnded, CallListener } from "../../grpc/server/call-listener.js";

export interface CallTracer {
  /**
   * A call of this method begins; the path is "/package.Service/Method". `traceparent`: the caller's, in the form of
   * W3C Trace Context; "" when there is none. null: it is not traced.
   */
  began(path: string, traceparent: string): TracedCall | null;
}

export interface TracedCall {
  readonly context: TraceContext;
  /** With this gRPC status. */
  ended(code: number): void;
}

const TRACEPARENT = "traceparent";

export const traceparentOf = (call: Call): string => call.metadata.get(TRACEPARENT) ?? "";

export class TracedCalls implements CallListener {
  private readonly contexts = new WeakMap<Call, TraceContext>();

  /** Calls of the paths in `apart` begin their spans themselves: those of streams, one for each request. */
  constructor(
    private readonly tracer: CallTracer,
    private readonly apart: ReadonlySet<string>,
  ) {}

  began(call: Call): CallEnded | undefined {
    const traced = this.apart.has(call.path) ? null : this.tracer.began(call.path, traceparentOf(call));
    if (traced === null) return undefined;
    this.contexts.set(call, traced.context);
    return (code) => traced.ended(code);
  }

  /** null: the call is not traced. */
  traceOf(call: Call): TraceContext | null {
    return this.contexts.get(call) ?? null;
  }
}
