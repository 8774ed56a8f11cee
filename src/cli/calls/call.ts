/** One call that reads and is not on keys (key-client.ts has those), tried at each endpoint once until one answers. */
import { type Failure, ownFailure } from "../../client/failure.js";
import { type Address, formatAddress } from "../../config/values.js";
import type { CallOptions } from "../../grpc/client/method.js";
import { GrpcError, STATUS } from "../../grpc/status.js";
import { CliError, EXIT, messageOf } from "../ending/exit.js";
import type { Channel } from "./channel.js";
import { Connections } from "./connections.js";
import { failureThrown } from "./thrown.js";

export interface Target {
  readonly endpoints: readonly Address[];
  /** For everything: connecting, all attempts, their answers. */
  readonly timeoutMs: number;
  /** To use and to leave open; without them the call makes its own. */
  readonly connections?: Connections | undefined;
  /** Gives the call up. */
  readonly interrupt?: AbortSignal | undefined;
}

/** One attempt: a call on the channel with the options given. */
export type Attempt<Answer> = (channel: Channel, options: CallOptions) => Promise<Answer>;

/** With several endpoints, one that is silently gone may not use up the time of all. */
const CONNECT_MS = 2_000;
const PROBE_MS = 500;
const MIN_ATTEMPT_MS = 500;

/** Answers, or throws a CliError with exit code 1. */
export async function call<Answer>(target: Target, attempt: Attempt<Answer>): Promise<Answer> {
  const giveUp = Date.now() + target.timeoutMs;
  const { interrupt } = target;
  const connections = target.connections ?? new Connections();
  const failures = new Map<string, string>();
  let last: Failure | null = null;
  try {
    for (const endpoint of connections.order(target.endpoints)) {
      if (interrupt?.aborted === true) break;
      const remaining = giveUp - Date.now();
      if (remaining <= 0) break;
      const alone = target.endpoints.length === 1;
      const budget = alone ? remaining : Math.min(remaining, Math.max(MIN_ATTEMPT_MS, remaining / 2));
      const name = formatAddress(endpoint);
      const channel = connections.to(endpoint);
      if (!(await channel.stands(alone ? budget : Math.min(budget, CONNECT_MS)))) {
        failures.set(name, await channel.why(PROBE_MS, true));
        connections.failed(endpoint);
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
    }
  } finally {
    if (target.connections === undefined) await connections.close();
  }
  const facts = { status: last?.status ?? "", reason: last?.reason ?? "UNREACHABLE" };
  if (interrupt?.aborted === true) throw new CliError(EXIT.notDone, "interrupted", { status: "", reason: "CANCELLED" });
  const why =
    failures.size === 0 ? `no answer within ${target.timeoutMs / 1_000} s` : [...failures.values()].join("; ");
  throw new CliError(EXIT.notDone, last !== null && failures.size === 1 ? last.message : why, facts);
}

async function once<Answer>(
  channel: Channel,
  withinMs: number,
  attempt: Attempt<Answer>,
  interrupt: AbortSignal | undefined,
): Promise<{ readonly answer: Answer } | { readonly failure: Failure }> {
  const timeoutMs = Math.max(1, Math.floor(withinMs));
  const options: CallOptions = { timeoutMs, ...(interrupt === undefined ? {} : { signal: interrupt }) };
  try {
    return { answer: await attempt(channel, options) };
  } catch (error) {
    if (!(error instanceof GrpcError)) {
      throw new CliError(EXIT.notDone, `the call could not be made: ${messageOf(error)}`);
    }
    const isOurs = error.outcome !== "answered";
    if (error.code === STATUS.deadlineExceeded && isOurs) {
      return { failure: ownFailure("unknown", "DEADLINE_EXCEEDED", `no answer within ${timeoutMs / 1_000} s`) };
    }
    return { failure: failureThrown(error) };
  }
}
