/** The module `onar/client`: the TypeScript client. */
import { Calls, KeyValueCalls, type OutcomeCalls } from "./calls.js";
import { Courier } from "./courier.js";
import { GrpcConnection } from "./grpc-connection.js";
import { Nodes } from "./nodes.js";
import { type ClientOptions, checkOptions } from "./options.js";
import { UnderWay } from "./patience.js";
import { Pipeline } from "./pipeline.js";
import { Revisions } from "./revisions.js";
import type { Connect } from "./transport.js";
import { Turns } from "./writes-per-key.js";

export type { KeyValueCalls, OutcomeCalls } from "./calls.js";
export { type Bytes, Entry } from "./entry.js";
export type { CallOptions, ClientOptions, Condition, DeleteOptions, GetOptions } from "./options.js";
export {
  type Added,
  type AddOutcome,
  type ClientReason,
  type CompareAndSetOutcome,
  type Consistency,
  type Deleted,
  type DeleteOutcome,
  done,
  type GetOutcome,
  type Got,
  type NotDeleted,
  type NotDone,
  NotDoneError,
  type NotSwapped,
  OnarError,
  type Outcome,
  type PutOutcome,
  type Reason,
  type Stored,
  type Swapped,
  type Unknown,
  UnknownError,
} from "./outcome.js";
export { Pipeline } from "./pipeline.js";

/**
 * A client of an Onar cluster.
 *
 * A call resolves with its answer once it is done. Otherwise it rejects. A {@link NotDoneError} means that nothing was
 * executed. An {@link UnknownError}, for writes only, means that it may have been executed, or may yet be.
 * `client.outcome` has the same calls without exceptions. A write is executed at most once, whatever happens on the
 * way. It has a request id, and is sent again where that is allowed, to whichever node, until the call's time is over.
 *
 * Arguments that can never be right (a key that is a number, a version below 1) throw TypeError or RangeError.
 *
 * At most 8 writes on one key are under way at a time; further ones wait for their turn.
 *
 * @example
 * ```ts
 * await using client = new OnarClient({ endpoints: ["127.0.0.1:4600", "127.0.0.1:4601"] });
 * const { version } = await client.put("greeting", "hello");
 * const { entry } = await client.get("greeting");
 * console.log(version, entry?.text());
 * ```
 */
export class OnarClient extends KeyValueCalls implements AsyncDisposable {
  private readonly nodes: Nodes;
  private readonly courier: Courier;
  readonly outcome: OutcomeCalls;
  private readonly timeoutMs: number;
  private readonly underWay = new UnderWay();
  private readonly pipelines = new Set<Pipeline>();
  private closed = false;

  /**
   * Connects when the first call needs it.
   *
   * @param connect - For a node in this process: how it is reached. @internal
   * @throws TypeError, RangeError that name the option
   */
  constructor(options: ClientOptions, connect: Connect = overGrpc) {
    super();
    const checked = checkOptions(options);
    this.nodes = new Nodes({ ...checked, connect });
    this.timeoutMs = checked.timeoutMs;
    this.courier = new Courier(this.nodes, new Revisions(), new Turns());
    this.outcome = new Calls({
      courier: this.courier,
      lineOf: ({ connection }) => connection,
      timeoutMs: this.timeoutMs,
      underWay: this.underWay,
      closed: () => this.closed,
    });
  }

  /** For many calls at once: several times as fast as single calls. Close it when it is no longer needed. */
  pipeline(): Pipeline {
    const { courier, timeoutMs } = this;
    const pipeline: Pipeline = new Pipeline({ courier, timeoutMs }, () => this.pipelines.delete(pipeline));
    if (this.closed) void pipeline.abandon();
    else this.pipelines.add(pipeline);
    return pipeline;
  }

  /**
   * Gives up what is under way (CLOSED: not done, or unknown if it was sent) and closes the connections. Nothing of the client is left when
   * it resolves. To lose nothing, await your calls first.
   */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.underWay.endAll("CLOSED");
    await Promise.all([this.underWay.idle(), ...[...this.pipelines].map((pipeline) => pipeline.abandon())]);
    this.nodes.close();
  }

  /** As `close`, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const overGrpc: Connect = (address) => new GrpcConnection(address);
