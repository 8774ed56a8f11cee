/**
 * The client over any way to its nodes. `onar/client` gives it gRPC (client.ts), a program inside a node's process that
 * node itself, and the command line a way that starts quickly.
 */
import { Calls, KeyValueCalls, type OutcomeCalls } from "./calls.js";
import { Courier } from "./courier.js";
import { Nodes } from "./nodes.js";
import { type ClientOptions, checkOptions } from "./options.js";
import { UnderWay } from "./patience.js";
import { Pipeline } from "./pipeline.js";
import { Revisions } from "./revisions.js";
import type { Connect } from "./transport.js";
import { Turns } from "./writes-per-key.js";

/** Everything of {@link OnarClient} except how it is made. */
export class ClientOver extends KeyValueCalls implements AsyncDisposable {
  private readonly nodes: Nodes;
  private readonly courier: Courier;
  readonly outcome: OutcomeCalls;
  private readonly timeoutMs: number;
  private readonly underWay = new UnderWay();
  private readonly pipelines = new Set<Pipeline>();
  private closed = false;

  /** `connect`: the way to a node. `headStartMs`: see Nodes. @internal */
  constructor(options: ClientOptions, connect: Connect, headStartMs = 0) {
    super();
    const checked = checkOptions(options);
    this.nodes = new Nodes({ ...checked, connect, headStartMs });
    this.timeoutMs = checked.timeoutMs;
    this.courier = new Courier(this.nodes, new Revisions(), new Turns());
    this.outcome = new Calls({
      courier: this.courier,
      timeoutMs: this.timeoutMs,
      underWay: this.underWay,
      closed: () => this.closed,
    });
  }

  /** For calls that are to be waited for together: its `close` does. They cost what the client's own calls do. */
  pipeline(): Pipeline {
    const { courier, timeoutMs } = this;
    const pipeline: Pipeline = new Pipeline({ courier, timeoutMs }, () => this.pipelines.delete(pipeline));
    if (this.closed) void pipeline.abandon();
    else this.pipelines.add(pipeline);
    return pipeline;
  }

  /**
   * Gives up what is under way (CLOSED: not done, or unknown if it was sent) and closes the connections. Nothing of the
   * client is left when it resolves. To lose nothing, await your calls first.
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
