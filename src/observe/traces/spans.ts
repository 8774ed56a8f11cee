/** The recorded facts, without the recorder: the library is behind this (telemetry.ts), so that tests need none. */
import type { TraceContext } from "../../base/trace-context.js";

export interface Span {
  readonly context: TraceContext;
  /** Something that happened in it, now. */
  event(name: string, attributes: Attributes): void;
  /** Nothing counts after it. `error`: what went wrong. */
  end(attributes?: Attributes, error?: string): void;
}

/** server: asked by another process. client: asks another process. internal: neither. */
export type SpanKind = "server" | "client" | "internal";

/** Facts of a span: never a key, a value or a request id. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface Spans {
  /** Begins now. `parent`: null begins a trace. */
  begin(name: string, kind: SpanKind, parent: TraceContext | null, attributes: Attributes): Span;
}
