/**
 * A place in a trace: whatever follows from it is shown as a part of that span. Only of traces that are sampled: what
 * is not sampled has no place at all.
 *
 * Source: W3C Trace Context, level 1, "traceparent".
 */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all of them zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all of them zero. */
  readonly spanId: string;
}

export interface Traceparent {
  readonly context: TraceContext;
  /** Whether the caller records the trace. */
  readonly sampled: boolean;
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** null: it is none, and the call counts as one without. */
export function parseTraceparent(text: string): Traceparent | null {
  const [, version, traceId = "", spanId = "", flags = "", rest] = FORM.exec(text) ?? [];
  // A later version may have more behind; "ff" is none.
  if (version === undefined || version === "ff" || (version === "00" && rest !== undefined)) return null;
  if (!isTraceId(traceId) || !isSpanId(spanId)) return null;
  return { context: { traceId, spanId }, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export const formatTraceparent = ({ traceId, spanId }: TraceContext): string => `00-${traceId}-${spanId}-01`;

export const isTraceId = (text: string): boolean => /^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text);
export const isSpanId = (text: string): boolean => /^[0-9a-f]{16}$/.test(text) && !/^0+$/.test(text);
