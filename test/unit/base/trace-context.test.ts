import { describe, expect, test } from "vitest";
import { formatTraceparent, parseTraceparent } from "../../../src/base/trace-context.js";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

describe("a traceparent", () => {
  test("is read as it is written", () => {
    const text = formatTraceparent({ traceId, spanId });
    expect(text).toBe(`00-${traceId}-${spanId}-01`);
    expect(parseTraceparent(text)).toEqual({ context: { traceId, spanId }, sampled: true });
  });

  test("says in its last bit whether the caller records the trace", () => {
    expect(parseTraceparent(`00-${traceId}-${spanId}-00`)?.sampled).toBe(false);
    expect(parseTraceparent(`00-${traceId}-${spanId}-03`)?.sampled).toBe(true);
    expect(parseTraceparent(`00-${traceId}-${spanId}-02`)?.sampled).toBe(false);
  });

  test("of a later version may have more behind", () => {
    expect(parseTraceparent(`01-${traceId}-${spanId}-01-more`)?.context).toEqual({ traceId, spanId });
  });

  test.each([
    ["nothing", ""],
    ["gibberish", "gibberish"],
    ["version ff", `ff-${traceId}-${spanId}-01`],
    ["more behind version 00", `00-${traceId}-${spanId}-01-more`],
    ["capital letters", `00-${traceId.toUpperCase()}-${spanId}-01`],
    ["a trace id of zeros", `00-${"0".repeat(32)}-${spanId}-01`],
    ["a span id of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
    ["a short trace id", `00-${traceId.slice(1)}-${spanId}-01`],
    ["a line break", `00-${traceId}-${spanId}-01\n`],
  ])("is none with %s", (_name, text) => {
    expect(parseTraceparent(text)).toBeNull();
  });
});
