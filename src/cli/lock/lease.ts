/**
 * A lock on a key, held for a lease that its holder renews.
 *
 * The intuition: no clock is compared with another machine's. A holder counts from before it asked, everybody else from
 * after they saw. So the holder knows that the lock is lost before anybody else may take it.
 *
 *   1. The key holds the lock: a word of the holder's own, and the lease in milliseconds. Without the key, the lock is
 *      free.
 *   2. Somebody else takes it once the key's version has stayed the same for the lease, by compare-and-set on that
 *      version.
 *   3. The token is the key's version with which it was taken. Versions only grow, also over a delete, so that each
 *      holder's token is above all before. Renewals leave it as it is.
 *   4. A holder that has not renewed within the lease counts the lock as lost, whatever the key holds.
 */
import { randomUUID } from "node:crypto";
import { done, type OnarClient } from "../../client/client.js";

/** Parts of the lease: after which it is renewed, and how soon that is tried again. */
const RENEW_PART = 3;
const RETRY_PART = 10;
const MIN_POLL_MS = 20;
const MAX_POLL_MS = 1_000;

export interface LeaseOptions {
  readonly client: OnarClient;
  readonly key: Uint8Array;
  readonly leaseMs: number;
}

export interface Waiting {
  /** How long to wait for it. */
  readonly waitMs: number;
  readonly interrupt: AbortSignal;
  /** Told once, when somebody else has it. */
  readonly held: () => void;
}

/** The key holds something else. */
export class NoLockError extends Error {
  override readonly name = "NoLockError";
}

/** Null: it was not free in time, or interrupted. Throws as the client's calls do; NoLockError. */
export async function acquire(options: LeaseOptions, waiting: Waiting): Promise<Lease | null> {
  const { client, key, leaseMs } = options;
  const { interrupt } = waiting;
  const value = `${randomUUID()} ${leaseMs}`;
  const giveUp = performance.now() + waiting.waitMs;
  let seen = { version: 0n, since: 0 };
  while (!interrupt.aborted) {
    const { entry } = await client.get(key);
    const now = performance.now();
    let free = entry === undefined;
    let nextMs = 0;
    if (entry !== undefined) {
      const othersMs = leaseOf(entry.text());
      if (seen.version !== entry.version) {
        if (seen.version === 0n) waiting.held();
        seen = { version: entry.version, since: now };
      }
      nextMs = seen.since + othersMs - now;
      free = nextMs <= 0;
    }
    if (free) {
      const condition = entry === undefined ? "absent" : { version: entry.version };
      const taken = await client.outcome.compareAndSet(key, condition, value);
      const version = taken.outcome === "unknown" ? await ownVersion(client, key, value) : swappedVersion(done(taken));
      if (version !== null) return new Lease(options, value, version, now);
    }
    const leftMs = giveUp - performance.now();
    if (leftMs <= 0) return null;
    await pause(
      Math.min(Math.max(Math.min(nextMs, leaseMs / RETRY_PART), MIN_POLL_MS), MAX_POLL_MS, leftMs),
      interrupt,
    );
  }
  return null;
}

/** A lock that is held, and renewed until it is given back or lost. */
export class Lease {
  /** Grows with every holder. */
  readonly token: bigint;
  private readonly loss = new AbortController();
  private until: number;
  private ended = false;
  private timer: NodeJS.Timeout;
  private renewing: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: LeaseOptions,
    private readonly value: string,
    private version: bigint,
    since: number,
  ) {
    this.token = version;
    this.until = since + options.leaseMs;
    this.timer = this.renewIn(options.leaseMs / RENEW_PART);
  }

  /** Raised when it is lost, with the reason for people. */
  get lost(): AbortSignal {
    return this.loss.signal;
  }

  /** Gives it back. A text for people: why that is not certain. */
  async release(): Promise<string | null> {
    this.ended = true;
    clearTimeout(this.timer);
    await this.renewing;
    if (this.lost.aborted) return null;
    const { client, key } = this.options;
    for (;;) {
      const removed = await client.outcome.delete(key, { condition: { version: this.version } });
      if (removed.outcome !== "done") return removed.message;
      if (removed.deleted || removed.found?.text() !== this.value) return null;
      // A renewal of which nothing was known has happened.
      this.version = removed.version;
    }
  }

  private renewIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.renewing = this.renew();
    }, ms);
  }

  private async renew(): Promise<void> {
    const { client, key, leaseMs } = this.options;
    const begun = performance.now();
    const leftMs = this.until - begun;
    if (leftMs <= 0) return this.lose(`it was not renewed within ${leaseMs} ms`);
    const renewed = await client.outcome.compareAndSet(key, { version: this.version }, this.value, {
      timeoutMs: leftMs,
    });
    if (this.ended) return;
    let nextMs = leaseMs / RETRY_PART;
    if (renewed.outcome === "done" && renewed.swapped) {
      this.version = renewed.version;
      this.until = begun + leaseMs;
      nextMs = leaseMs / RENEW_PART;
    } else if (renewed.outcome === "done") {
      if (renewed.found?.text() !== this.value) return this.lose("somebody else has taken it, or removed its key");
      // One of which nothing was known has happened. Others may have seen it since: the time that is left stays as it
      // is.
      this.version = renewed.version;
      nextMs = 0;
    }
    const afterMs = this.until - performance.now();
    if (afterMs <= 0) {
      const why = renewed.outcome === "done" ? "the answer came too late" : renewed.message;
      return this.lose(`it was not renewed within ${leaseMs} ms: ${why}`);
    }
    this.timer = this.renewIn(Math.min(nextMs, afterMs));
  }

  private lose(why: string): void {
    this.ended = true;
    this.loss.abort(why);
  }
}

function leaseOf(text: string): number {
  const lease = /^\S+ (\d{1,9})$/.exec(text)?.[1];
  if (lease === undefined) throw new NoLockError("the key holds something that is no lock");
  return Number(lease);
}

const swappedVersion = (answer: { readonly swapped: boolean; readonly version: bigint }): bigint | null =>
  answer.swapped ? answer.version : null;

/** After an attempt of which nothing is known: what came of it. */
async function ownVersion(client: OnarClient, key: Uint8Array, value: string): Promise<bigint | null> {
  const { entry } = await client.get(key);
  return entry?.text() === value ? entry.version : null;
}

function pause(ms: number, interrupt: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      interrupt.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    interrupt.addEventListener("abort", end);
  });
}
