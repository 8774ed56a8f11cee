/**
 * One call, tried at one endpoint after the other until it is answered.
 *
 *   1. A call is sent only on a connection that stands (client/reach.ts).
 *   2. A refusal that another node may not repeat, or an endpoint that cannot be reached, sends the call to the next endpoint, each once.
 *   3. Once an attempt of a write ended unknown, the same request (same request id) is sent again, round and round, until the timeout:
 *      with its id it is applied once however often it arrives.
 *   4. After an unknown attempt, a refusal speaks for its own copy only, so the outcome stays unknown, unless the cluster has decided
 *      the id (Failure.decided).
 *
 * The deadline travels on the wire (`grpc-timeout`): nice-grpc's own deadline middleware would be a timer on this side only.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type CallOptions, type Channel, ClientError, Metadata } from "nice-grpc";
import { stands, whyNotConnected } from "../client/reach.js";
import { type Address, formatAddress } from "../config/values.js";
import { Connections } from "./connections.js";
import { CliError, EXIT, messageOf } from "./exit.js";
import { type Failure, failureOf } from "./failure.js";

export interface Target {
  readonly endpoints: readonly Address[];
  /** For everything: connecting, all attempts, their answers. */
  readonly timeoutMs: number;
  /** To use and to leave open; without them the call makes its own. */
  readonly connections?: Connections | undefined;
  /** Gives the call up: a write that was sent is unknown then. */
  readonly interrupt?: AbortSignal | undefined;
}

/** One attempt: makes a client on the channel and calls it with the options given. */
export type Attempt<Answer> = (channel: Channel, options: CallOptions) => Promise<Answer>;

/** How much longer than the server this side waits, so that the answer "too late" of a server still arrives. */
const GRACE_MS = 250;
/** Of several endpoints, one that is silently gone may not use up the time of all. */
const CONNECT_MS = 2_000;
const PROBE_MS = 500;
const MIN_ATTEMPT_MS = 500;
const MAX_PAUSE_MS = 500;

/** Answers, or throws a CliError with exit code 1 (not done) or, for writes only, 4 (unknown). */
export async function call<Answer>(kind: "read" | "write", target: Target, attempt: Attempt<Answer>): Promise<Answer> {
  const giveUp = Date.now() + target.timeoutMs;
  const { interrupt } = target;
  const connections = target.connections ?? new Connections();
  const endpoints = connections.order(target.endpoints);
  const failures = new Map<string, string>();
  let last: Failure | null = null;
  let unknown: Failure | null = null;
  try {
    for (let turn = 0; ; turn++) {
      const endpoint = endpoints[turn % endpoints.length] as Address;
      const name = formatAddress(endpoint);
      const roundBegins = turn > 0 && turn % endpoints.length === 0;
      if (roundBegins) {
        if (unknown === null) break;
        await pause(Math.min(MAX_PAUSE_MS, Math.max(0, giveUp - Date.now())) * (0.5 + Math.random() / 2), interrupt);
      }
      if (interrupt?.aborted === true) break;
      const remaining = giveUp - Date.now();
      if (remaining <= 0) break;
      const alone = endpoints.length === 1;
      const budget = alone ? remaining : Math.min(remaining, Math.max(MIN_ATTEMPT_MS, remaining / 2));

      const channel = connections.to(endpoint);
      if (!(await stands(channel, alone ? budget : Math.min(budget, CONNECT_MS)))) {
        if (unknown === null) failures.set(name, await whyNotConnected(name, PROBE_MS, true));
        continue;
      }
      const left = Math.min(budget, giveUp - Date.now());
      if (left <= 0) break;
      const tried = await once(channel, left, attempt, interrupt);
      if ("answer" in tried) {
        connections.answered(endpoint);
        return tried.answer;
      }
      last = tried.failure;
      failures.set(name, `${name}: ${last.message}`);
      if (kind === "write" && last.execution === "unknown") unknown = last;
      if (last.decided) throw notDone(last.message, last);
      if (!last.retryable && (unknown === null || last === unknown)) break;
    }
  } finally {
    if (target.connections === undefined) connections.close();
  }
  if (interrupt?.aborted === true && unknown === null) throw notDone("interrupted", last);
  if (unknown !== null) throw unknownOutcome(unknown);
  const why =
    failures.size === 0 ? `no answer within ${target.timeoutMs / 1_000} s` : [...failures.values()].join("; ");
  throw notDone(last !== null && failures.size === 1 ? last.message : why, last);
}

async function once<Answer>(
  channel: Channel,
  withinMs: number,
  attempt: Attempt<Answer>,
  interrupt: AbortSignal | undefined,
): Promise<{ readonly answer: Answer } | { readonly failure: Failure }> {
  const timeout = Math.max(1, Math.floor(withinMs));
  const abort = new AbortController();
  const giveUp = (): void => abort.abort();
  const timer = setTimeout(giveUp, timeout + GRACE_MS);
  interrupt?.addEventListener("abort", giveUp);
  let trailer: Metadata | null = null;
  try {
    const options: CallOptions = {
      metadata: Metadata().set("grpc-timeout", `${timeout}m`),
      signal: abort.signal,
      onTrailer: (received) => {
        trailer = received;
      },
    };
    return { answer: await attempt(channel, options) };
  } catch (error) {
    if (error instanceof ClientError) return { failure: failureOf(error, trailer) };
    if (abort.signal.aborted) {
      const message = interrupt?.aborted === true ? "interrupted" : `no answer within ${timeout / 1_000} s`;
      return { failure: { execution: "unknown", status: "", reason: "", message, retryable: true, decided: false } };
    }
    throw new CliError(EXIT.notDone, `the call could not be made: ${messageOf(error)}`);
  } finally {
    clearTimeout(timer);
    interrupt?.removeEventListener("abort", giveUp);
  }
}

/** Sleeps, but not through an interrupt. */
async function pause(ms: number, interrupt: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, interrupt === undefined ? {} : { signal: interrupt }).catch(() => {});
}

const factsOf = (failure: Failure | null) => ({ status: failure?.status ?? "", reason: failure?.reason ?? "" });

const notDone = (why: string, failure: Failure | null): CliError => new CliError(EXIT.notDone, why, factsOf(failure));

const unknownOutcome = (failure: Failure): CliError =>
  new CliError(
    EXIT.unknown,
    `it is not known whether the write was executed: ${failure.message}. Read the key to find out`,
    factsOf(failure),
  );
