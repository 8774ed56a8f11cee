/** PUTs at fixed times, one key after the other, however long the answers take: see failover.ts. */

import { randomFillSync } from "node:crypto";
import { performance } from "node:perf_hooks";
import { Connection } from "../http2/connection.js";
import { PUT_PATH, REQUEST_ID_BYTES, requestTemplate } from "../load/onar.js";
import { type Endpoint, KEY_BYTES } from "../load/options.js";

const EVERY_MS = 10;
const DEADLINE_MS = 10_000;
const VALUE_BYTES = 100;
/** A bound on the PUTs in flight, and so on what a dead cluster can pile up. */
const MAX_IN_FLIGHT = 20_000;

interface Success {
  readonly invokedAtMs: number;
  readonly answeredAtMs: number;
}

export class PutProbe {
  /** PUTs invoked. */
  puts = 0;
  /** Answers that were not OK, by status. */
  readonly errors = new Map<number, number>();
  readonly #keys: readonly Uint8Array[];
  readonly #template = requestTemplate({ keyBytes: KEY_BYTES, valueBytes: VALUE_BYTES, requestId: true });
  readonly #connection: Connection;
  readonly #ready: Promise<void>;
  /** Per key, in the order of the answers. */
  readonly #successes: Success[][];
  readonly #invoked: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(endpoint: Endpoint, keys: readonly Uint8Array[]) {
    this.#keys = keys;
    this.#successes = keys.map(() => []);
    let ready = (): void => {};
    let failed = (_error: Error): void => {};
    this.#ready = new Promise((resolve, reject) => {
      ready = resolve;
      failed = reject;
    });
    this.#connection = new Connection({
      ...endpoint,
      deadlineMs: DEADLINE_MS,
      onReady: () => ready(),
      onDraining: () => {},
      onClosed: (reason) => failed(new Error(`the surviving node has closed the connection: ${reason}`)),
    });
    // A connection lost later shows as errors of its PUTs.
    this.#ready.catch(() => {});
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  /** Every key gets a PUT every 10 ms. */
  start(): void {
    this.#timer = setInterval(() => {
      for (let i = 0; i < this.#keys.length; i++) this.#put(i);
    }, EVERY_MS);
  }

  /**
   * Waits until every key has had a success that was invoked after the given instant. Returns the time from it to the
   * last of these answers, in ms. Infinity when that takes longer than the limit.
   */
  async firstSuccessOfEach(sinceMs: number, limitMs: number): Promise<number> {
    while (performance.now() < sinceMs + limitMs) {
      const firsts = this.#successes.map((list) => list.find((success) => success.invokedAtMs >= sinceMs));
      const answered = firsts.flatMap((success) => (success === undefined ? [] : [success.answeredAtMs]));
      if (answered.length === this.#keys.length) return Math.max(...answered) - sinceMs;
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
    return Number.POSITIVE_INFINITY;
  }

  /** How many PUTs were invoked in this time. */
  invokedIn(fromMs: number, toMs: number): number {
    return this.#invoked.filter((at) => at >= fromMs && at < toMs).length;
  }

  /** How long the answers took of the PUTs that were invoked in this time and were OK, in ms. */
  latenciesOf(fromMs: number, toMs: number): number[] {
    return this.#successes.flatMap((list) =>
      list
        .filter(({ invokedAtMs }) => invokedAtMs >= fromMs && invokedAtMs < toMs)
        .map(({ invokedAtMs, answeredAtMs }) => answeredAtMs - invokedAtMs),
    );
  }

  close(): void {
    clearInterval(this.#timer);
    this.#connection.close();
  }

  #put(index: number): void {
    const key = this.#keys[index];
    if (key === undefined || !this.#connection.usable || this.#connection.inFlight >= MAX_IN_FLIGHT) return;
    const { bytes, keyAt, valueAt, requestIdAt } = this.#template;
    bytes.set(key, keyAt);
    bytes.writeUInt32LE(this.puts, valueAt);
    randomFillSync(bytes, requestIdAt, REQUEST_ID_BYTES);
    this.puts++;
    const invokedAtMs = performance.now();
    this.#invoked.push(invokedAtMs);
    this.#connection.call(PUT_PATH, bytes, bytes.length, {
      data: () => {},
      done: (status) => {
        if (status === 0) this.#successes[index]?.push({ invokedAtMs, answeredAtMs: performance.now() });
        // Closing the probe ends what is in flight: no error of the cluster.
        else if (this.#connection.usable) this.errors.set(status, (this.errors.get(status) ?? 0) + 1);
      },
    });
  }
}
