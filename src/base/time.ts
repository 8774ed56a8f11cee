import type { Brand } from "./brand.js";

/**
 * A point on the node's monotonic clock, in milliseconds since an arbitrary start. Never a wall-clock time and never
 * compared between nodes. (A "timestamp" in Onar orders the states of a register and has nothing to do with clocks.)
 */
export type Instant = Brand<number, "Instant">;

/** A span of time in milliseconds. */
export type Duration = Brand<number, "Duration">;

export const instant = (ms: number): Instant => ms as Instant;
export const duration = (ms: number): Duration => ms as Duration;
export const after = (now: Instant, span: Duration): Instant => (now + span) as Instant;
export const since = (now: Instant, earlier: Instant): Duration => (now - earlier) as Duration;

/** Later than every instant: the deadline of who waits for nothing. */
export const never = Number.POSITIVE_INFINITY as Instant;
