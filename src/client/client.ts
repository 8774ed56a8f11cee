/** What `import "onar/client"` gives: the TypeScript client. */
import { Calls, type KeyValueCalls } from "./calls.js";
import { Courier } from "./courier.js";
import type { Bytes } from "./entry.js";
import { GrpcConnection } from "./grpc-connection.js";
import { Nodes } from "./nodes.js";
import {
  type CallOptions,
  type ClientOptions,
  type Condition,
  checkOptions,
  type DeleteOptions,
  type GetOptions,
} from "./options.js";
import type { AddOutcome, CompareAndSetOutcome, DeleteOutcome, GetOutcome, PutOutcome } from "./outcome.js";
import { UnderWay } from "./patience.js";
import { Pipeline } from "./pipeline.js";
import { Revisions } from "./revisions.js";
import type { Connect } from "./transport.js";
import { Turns } from "./turns.js";

export type { KeyValueCalls } from "./calls.js";
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
 * Every call ends with one of three outcomes: "done" with the answer; "notDone" with a reason, and then nothing was executed; for writes also
 * "unknown": it may have been executed, or may yet be. A write is executed at most once, whatever happens on the way: it has a request id, and
 * what may be sent again is sent again, to whichever node, until the call's time is over. Use {@link done} for exceptions instead.
 *
 * Arguments that can never be right (a key that is a number, a version below 1) throw TypeError or RangeError. What the cluster refuses, such
 * as a key that is too long, is an outcome.
 *
 * At most 8 writes on one key are under way at a time; further ones wait for their turn.
 *
 * @example
 * ```ts
 * await using client = new OnarClient({ endpoints: ["127.0.0.1:4600", "127.0.0.1:4601"] });
 * const put = await client.put("greeting", "hello");
 * if (put.outcome === "done") console.log(`version ${put.version}`);
 * const got = await client.get("greeting");
 * if (got.outcome === "done") console.log(got.entry?.text());
 * ```
 */
export class OnarClient implements KeyValueCalls, AsyncDisposable {
  private readonly nodes: Nodes;
  private readonly courier: Courier;
  private readonly calls: Calls;
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
    const checked = checkOptions(options);
    this.nodes = new Nodes({ ...checked, connect });
    this.timeoutMs = checked.timeoutMs;
    this.courier = new Courier(this.nodes, new Revisions(), new Turns());
    this.calls = new Calls({
      courier: this.courier,
      lineOf: ({ connection }) => connection,
      timeoutMs: this.timeoutMs,
      underWay: this.underWay,
      closed: () => this.closed,
    });
  }

  get(key: Bytes, options?: GetOptions): Promise<GetOutcome> {
    return this.calls.get(key, options);
  }

  put(key: Bytes, value: Bytes, options?: CallOptions): Promise<PutOutcome> {
    return this.calls.put(key, value, options);
  }

  compareAndSet(key: Bytes, value: Bytes, condition: Condition, options?: CallOptions): Promise<CompareAndSetOutcome> {
    return this.calls.compareAndSet(key, value, condition, options);
  }

  delete(key: Bytes, options?: DeleteOptions): Promise<DeleteOutcome> {
    return this.calls.delete(key, options);
  }

  add(key: Bytes, delta: bigint | number, options?: CallOptions): Promise<AddOutcome> {
    return this.calls.add(key, delta, options);
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
