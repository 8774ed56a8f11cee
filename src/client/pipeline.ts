/** Many calls at once with little cost for each: on one stream per node instead of a gRPC call each. */
import { Calls, type CallsOptions, KeyValueCalls, type OutcomeCalls } from "./calls.js";
import type { Endpoint } from "./endpoint.js";
import { UnderWay } from "./patience.js";
import type { Line, Stream } from "./transport.js";

/**
 * Calls in flight together, each with the same outcomes as those of the client. They finish in any order, also those on one key: to keep an
 * order, wait for the call before.
 *
 * There is one stream to each node that serves a key, opened when it is first needed. When one breaks, its calls go on, with the same request
 * ids, on a stream to another node.
 *
 * @example
 * ```ts
 * await using pipeline = client.pipeline();
 * await Promise.all(keys.map((key) => pipeline.put(key, "value")));
 * ```
 */
export class Pipeline extends KeyValueCalls implements AsyncDisposable {
  readonly outcome: OutcomeCalls;
  private readonly streams = new Map<Endpoint, Stream>();
  private readonly underWay = new UnderWay();
  private readonly whenClosed: () => void;
  private closing = false;

  /** @internal */
  constructor(options: Pick<CallsOptions, "courier" | "timeoutMs">, whenClosed: () => void) {
    super();
    this.whenClosed = whenClosed;
    this.outcome = new Calls({
      ...options,
      lineOf: (endpoint) => this.streamTo(endpoint),
      underWay: this.underWay,
      closed: () => this.closing,
    });
  }

  /** Waits for the calls under way and ends the streams. Calls that come later are not done, CLOSED. */
  async close(): Promise<void> {
    if (this.closing) return this.underWay.idle();
    this.closing = true;
    await this.underWay.idle();
    for (const stream of this.streams.values()) stream.close();
    this.streams.clear();
    this.whenClosed();
  }

  /**
   * The client is closed: gives up what is under way.
   *
   * @internal
   */
  abandon(): Promise<void> {
    this.underWay.endAll("CLOSED");
    return this.close();
  }

  /** As `close`, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private streamTo(endpoint: Endpoint): Line {
    let stream = this.streams.get(endpoint);
    if (stream === undefined || !stream.open) {
      stream = endpoint.openStream();
      this.streams.set(endpoint, stream);
    }
    return stream;
  }
}
