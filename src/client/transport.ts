/** How requests reach a node: over gRPC (grpc-connection.ts) or, for a node in this process, without sockets. */
import type { PipelineRequest, PipelineResponse } from "../../gen/ts/onar/kv/v1/kv.js";
import type { GetViewResponse } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import type { Failure } from "./failure.js";

/** One of the five calls with its arguments. */
export type Request = NonNullable<PipelineRequest["request"]>;
/** The answer, of the request's kind. */
export type Response = Exclude<NonNullable<PipelineResponse["response"]>, { $case: "status" }>;
export type Reply = Response | Failure;

/** The way to one node. */
export interface Connection {
  /**
   * Sends a request that the node is to answer within the time. `replied` is called once, possibly before this returns,
   * unless the function that is returned is called first, which gives up waiting.
   */
  send(request: Request, timeoutMs: number, replied: (reply: Reply) => void): () => void;
  /** It stands, as far as is known. */
  readonly ready: boolean;
  /** Resolves with null when it stands, otherwise with why it does not. */
  connect(withinMs: number): Promise<string | null>;
  getView(withinMs: number): Promise<GetViewResponse | Failure>;
  /** Takes no further calls. Those under way still end. */
  close(): void;
}

export type Connect = (address: string) => Connection;
