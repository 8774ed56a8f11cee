import type { Traces, TracesOptions } from "./traces.js";

/** Loads what tracing needs, and only then. */
export async function loadTraces(options: TracesOptions): Promise<Traces> {
  const { openTraces } = await import("./telemetry.js");
  return openTraces(options);
}
