/**
 * Begins a span for each call that is traced and hands its place in the trace to the handlers. The span knows how the
 * call goes on. The tracer decides what is made of it (observe/traces).
 */
import type { ServerInterceptor } from "@grpc/grpc-js";
import { formatTraceparent, parseTraceparent, type TraceContext } from "../../base/trace-context.js";
import { watchingCalls } from "./call-events.js";

export interface CallTracer {
  /**
   * A call of this method begins; the path is "/package.Service/Method". `traceparent`: the caller's, in the form of W3C Trace Context; ""
   * when there is none. null: it is not traced.
   */
  began(path: string, traceparent: string): TracedCall | null;
}

export interface TracedCall {
  readonly context: TraceContext;
  /** With this gRPC status. */
  ended(code: number): void;
}

export const TRACEPARENT = "traceparent";

/** Carries the place in the trace to the handlers, as the deadline is carried (call.ts); a client's own copy of the header is dropped. */
const TRACE_HEADER = "onar-internal-trace";

interface Headers {
  get(name: string): unknown;
}

/** The trace of a call that `tracing` let through. */
export function traceOf(headers: Headers): TraceContext | null {
  const text = textOf(headers.get(TRACE_HEADER));
  return text === "" ? null : (parseTraceparent(text)?.context ?? null);
}

/** A header as grpc-js or nice-grpc has it: "" when it is missing. */
export function textOf(values: unknown): string {
  const value: unknown = Array.isArray(values) ? values[0] : values;
  return typeof value === "string" ? value : "";
}

/** Calls of the paths in `apart` begin their spans themselves: those of streams, one for each request. */
export const tracing = (tracer: CallTracer, apart: ReadonlySet<string>): ServerInterceptor =>
  watchingCalls(({ path }, metadata) => {
    metadata.remove(TRACE_HEADER);
    const traced = apart.has(path) ? null : tracer.began(path, textOf(metadata.get(TRACEPARENT)));
    if (traced === null) return null;
    metadata.set(TRACE_HEADER, formatTraceparent(traced.context));
    return (code) => traced.ended(code);
  });
