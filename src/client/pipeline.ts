/** Calls that end together: whoever closes a pipeline waits for them. */
import { Calls, type CallsOptions, KeyValueCalls, type OutcomeCalls } from "./calls.js";
import { UnderWay } from "./patience.js";

/**
 * Calls in flight together, each with the same outcomes as those of the client, which travel in the same way. They
 * finish in any order, also those on one key: to keep an order, wait for the call before. `close` waits for all of
 * them.
 *
 * @example
 * ```ts
 * await using pipeline = client.pipeline();
 * await Promise.all(keys.map((key) => pipeline.put(key, "value")));
 * ```
 */
export class Pipeline extends KeyValueCalls implements AsyncDisposable {
  readonly outcome: OutcomeCalls;
  private readonly underWay = new UnderWay();
  private readonly whenClosed: () => void;
  private closing = false;

  /** @internal */
  constructor(options: Pick<CallsOptions, "courier" | "timeoutMs">, whenClosed: () => void) {
    super();
    this.whenClosed = whenClosed;
    this.outcome = new Calls({
      ...options,
      underWay: this.underWay,
      closed: () => this.closing,
    });
  }

  /** Waits for the calls under way. Calls that come later are not done, CLOSED. */
  async close(): Promise<void> {
    if (this.closing) return this.underWay.idle();
    this.closing = true;
    await this.underWay.idle();
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
}
