/** The place in a trace that a message between nodes may carry behind it (PeerMessage.trace), by hand: see wire.ts. */
import { PEER_MESSAGE, TRACE_CONTEXT } from "../../../gen/ts/onar/replication/v1/fields.js";
import { isSpanId, isTraceId, type TraceContext } from "../../base/trace-context.js";
import { BYTES, tag, type WireReader, type WireWriter } from "../../wire/protobuf.js";

/** Behind the message, as readers look at the first field for that. */
export function putTrace(context: TraceContext, w: WireWriter): void {
  const start = w.begin(PEER_MESSAGE.trace);
  w.bytes(TRACE_CONTEXT.traceId, Buffer.from(context.traceId, "hex"));
  w.bytes(TRACE_CONTEXT.spanId, Buffer.from(context.spanId, "hex"));
  w.end(start);
}

/** `r` stands at the beginning of a PeerMessage. null: there is none, or what is there is none. */
export function readTrace(r: WireReader): TraceContext | null {
  let context: TraceContext | null = null;
  while (r.more) {
    const key = r.tag();
    if (key === tag(PEER_MESSAGE.trace, BYTES)) context = readContext(r.message());
    else r.skip(key);
  }
  return context;
}

function readContext(r: WireReader): TraceContext | null {
  let traceId = "";
  let spanId = "";
  while (r.more) {
    const key = r.tag();
    if (key === tag(TRACE_CONTEXT.traceId, BYTES)) traceId = r.view().toString("hex");
    else if (key === tag(TRACE_CONTEXT.spanId, BYTES)) spanId = r.view().toString("hex");
    else r.skip(key);
  }
  return isTraceId(traceId) && isSpanId(spanId) ? { traceId, spanId } : null;
}
