/** Requests for the target's methods, by hand. */
import * as raw from "../unit/http2/support/raw.js";

/** A method whose answers are long, one that takes no message, and one that sends back what it gets. */
export const BIG = "/abuse.Target/Big";
export const HOLD = "/abuse.Target/Hold";
export const ECHO = "/test.Echo/Unary";

/** The number of a client's stream. */
export const streamId = (i: number): number => i * 2 + 1;

export function blockOf(path: string, ...more: readonly (readonly [string, string])[]): Buffer {
  return raw.block(
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "a"],
    ["content-type", "application/grpc"],
    ...more,
  );
}

/** The head of a request whose body is still to come. */
export function head(stream: number, path: string, ...more: readonly (readonly [string, string])[]): Buffer {
  return raw.frame(raw.TYPE.headers, 4, stream, blockOf(path, ...more));
}

/** How many there are in all. */
export const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, n) => sum + n, 0);
