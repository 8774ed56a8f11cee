/** A handler of keys knows this of its call, whatever brought it: how long the client waits, and the place in a
 * trace. */
import { type Duration, duration } from "../../base/time.js";
import type { TraceContext } from "../../base/trace-context.js";

/** A call without deadline gets this. */
export const DEFAULT_TIMEOUT: Duration = duration(10_000);

/** A longer deadline counts as this: a client that went away is not waited on forever. */
const MAX_TIMEOUT: Duration = duration(60_000);

/**
 * How much sooner than its deadline a call is answered: at the deadline itself the transport ends it, and says nothing
 * of the outcome.
 */
const ANSWER_MS = 30;

export interface Call {
  /** How long the client still waits, less the time that an answer needs. */
  readonly timeout: Duration;
  /** Its place in a trace; null for nearly all calls. */
  readonly trace: TraceContext | null;
}

/** `deadlineAt`: by performance.now(); Infinity for none. */
export function timeoutUntil(deadlineAt: number): Duration {
  if (deadlineAt === Number.POSITIVE_INFINITY) return DEFAULT_TIMEOUT;
  return duration(Math.min(answerable(deadlineAt - performance.now()), MAX_TIMEOUT));
}

/** For a request on a stream; 0: it does not say how long its client waits. */
export const timeoutWithin = (waitMs: number): Duration =>
  waitMs === 0 ? DEFAULT_TIMEOUT : duration(Math.min(answerable(waitMs), MAX_TIMEOUT));

/**
 * performance.now() until which a stream with this deadline is worth answering. Not bounded, as each of its calls is.
 */
export function streamUntil(deadlineAt: number): number {
  if (deadlineAt === Number.POSITIVE_INFINITY) return deadlineAt;
  const now = performance.now();
  return now + answerable(deadlineAt - now);
}

const answerable = (wait: number): number => wait - Math.min(ANSWER_MS, wait / 4);
