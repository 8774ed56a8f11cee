/** Traces of a node that was started with somewhere to send them. */
import type { NodeId } from "../../core/model/ids.js";
import type { CallTracer } from "../../rpc/call/call-tracer.js";
import type { Facts } from "../log.js";
import type { RequestTraces } from "./request-traces.js";

export interface TracesOptions {
  /** Where spans go: an http or https URL. */
  readonly endpoint: string;
  /** Which part of the calls that come without a trace of their own begin one, 0 to 1. */
  readonly sample: number;
  readonly node: NodeId;
  readonly version: string;
  /** One line for the operator. */
  readonly notice: (text: string, facts: Facts) => void;
}

export interface Traces {
  readonly calls: CallTracer;
  readonly requests: RequestTraces;
  /** Sends what is left, within two seconds. */
  close(): Promise<void>;
}
