/** Which calls are traced, and the span of each: the usual one of a gRPC server, under its usual names. */

import { parseTraceparent } from "../../base/trace-context.js";
import { STATUS } from "../../grpc/status.js";
import { statusName } from "../../grpc/status-name.js";
import type { CallTracer, TracedCall } from "../../rpc/call/call-tracer.js";
import type { Spans } from "./spans.js";

/** The caller's faults are none of the server's. */
const SERVER_FAULTS: ReadonlySet<number> = new Set([
  STATUS.unknown,
  STATUS.deadlineExceeded,
  STATUS.unimplemented,
  STATUS.internal,
  STATUS.unavailable,
  STATUS.dataLoss,
]);

export class CallTraces implements CallTracer {
  /** `sample`: which part of the calls that come without a trace of their own begin one, 0 to 1. */
  constructor(
    private readonly spans: Spans,
    private readonly sample: number,
  ) {}

  began(path: string, traceparent: string): TracedCall | null {
    const parent = traceparent === "" ? null : parseTraceparent(traceparent);
    // The caller has decided already, if it traces at all.
    if (parent === null ? Math.random() >= this.sample : !parent.sampled) return null;
    const [, service = "", method = ""] = path.split("/");
    // Health checks and reflection come every second and tell nothing.
    if (service.startsWith("grpc.")) return null;
    const span = this.spans.begin(`${service}/${method}`, "server", parent?.context ?? null, {
      "rpc.system": "grpc",
      "rpc.service": service,
      "rpc.method": method,
    });
    return {
      context: span.context,
      ended: (code) =>
        span.end({ "rpc.grpc.status_code": code }, SERVER_FAULTS.has(code) ? statusName(code) : undefined),
    };
  }
}
