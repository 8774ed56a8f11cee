/**
 * Adding many times, each time exactly once, whatever dies meanwhile. One addition after the other; each has its own request id and, as
 * `after`, the revision of the last answer. Both are kept for its retries: so no copy runs twice, and one whose record may be gone is
 * refused instead of run again.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "nice-grpc";
import { Consistency, type Revision } from "../../gen/ts/onar/kv/v1/common.js";
import { type AddResponse, KeyValueServiceDefinition } from "../../gen/ts/onar/kv/v1/kv.js";
import { call, type Target } from "./call.js";
import { Connections } from "./connections.js";
import { CliError, EXIT } from "./exit.js";
import { DECIDED_REASONS, RETRYABLE_REASONS } from "./failure.js";

export interface Counting {
  readonly target: Target;
  readonly key: Buffer;
  readonly delta: bigint;
  readonly times: number;
  /** Time between two additions; none when left out. */
  readonly everyMs?: number;
  /** How many are done. */
  readonly progress?: (done: number) => void;
}

const PAUSE_MS = 200;

/** The last answer; a CliError says how many were done, and that one more is unknown if it is. */
export async function addTimes(counting: Counting): Promise<AddResponse> {
  const { times, key, progress } = counting;
  const connections = counting.target.connections ?? new Connections();
  const target = { ...counting.target, connections };
  let done = 0;
  try {
    const known = await call("read", target, (channel, options) =>
      createClient(KeyValueServiceDefinition, channel).get({ key, consistency: Consistency.LOCAL }, options),
    );
    let after = known.header?.revision;
    let answer: AddResponse | null = null;
    while (done < times) {
      answer = await addOnce(counting, target, after);
      after = later(after, answer.header?.revision);
      done++;
      progress?.(done);
      if (counting.everyMs !== undefined) await sleep(counting.everyMs);
    }
    if (answer === null) throw new CliError(EXIT.usage, "nothing was to be added");
    return answer;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(error.exitCode, `after ${done} of ${times} times: ${error.message}`, error.facts);
  } finally {
    if (counting.target.connections === undefined) connections.close();
  }
}

/** The same request until it is answered, for as long as the target's timeout. */
async function addOnce({ key, delta }: Counting, target: Target, after: Revision | undefined): Promise<AddResponse> {
  const request = { key, delta, requestId: randomBytes(16), ...(after === undefined ? {} : { after }) };
  const giveUp = Date.now() + target.timeoutMs;
  let unknown: CliError | null = null;
  for (;;) {
    try {
      const timeoutMs = Math.max(1, giveUp - Date.now());
      return await call("write", { ...target, timeoutMs }, (channel, options) =>
        createClient(KeyValueServiceDefinition, channel).add(request, options),
      );
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      if (error.exitCode === EXIT.unknown) unknown = error;
      if (Date.now() + PAUSE_MS >= giveUp || target.interrupt?.aborted === true || !worthRepeating(error)) {
        // What is decided speaks for all copies; any other refusal for its own.
        throw isDecided(error) ? error : (unknown ?? error);
      }
    }
    await sleep(PAUSE_MS);
  }
}

const isDecided = ({ facts }: CliError): boolean => DECIDED_REASONS.has(facts.reason);

/** Nobody answered, or what answered said that it passes. */
const worthRepeating = ({ facts }: CliError): boolean => facts.reason === "" || RETRYABLE_REASONS.has(facts.reason);

const later = (a: Revision | undefined, b: Revision | undefined): Revision | undefined =>
  a === undefined || (b !== undefined && b.revision > a.revision) ? b : a;
