/**
 * Adding many times, each time exactly once, whatever dies meanwhile: one addition of the client after the other. Once
 * one is done, nodes that cannot be reached are waited for, too.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { AddOutcome } from "../../client/client.js";
import type { Target } from "../calls/call.js";
import { Connections } from "../calls/connections.js";
import type { Answered } from "../calls/key-client.js";
import { CliError, EXIT } from "../ending/exit.js";

export interface Counting {
  /** Its timeout is that of one addition. */
  readonly target: Target;
  readonly key: Buffer;
  readonly delta: bigint;
  readonly times: number;
  /** Time between two additions; none when left out. */
  readonly everyMs?: number;
  /** How many are done. */
  readonly progress?: (done: number) => void;
}

/** The last answer; a CliError says how many were done, and that one more is unknown if it is. */
export async function addTimes(counting: Counting): Promise<Answered<AddOutcome>> {
  const { target, key, delta, times, progress } = counting;
  const connections = target.connections ?? new Connections();
  const client = connections.keys(target.endpoints);
  let done = 0;
  try {
    let answered: Answered<AddOutcome> | null = null;
    while (done < times) {
      answered = await client.call((on, within) => on.add(key, delta, within), {
        ...target,
        patient: done > 0,
      });
      done++;
      progress?.(done);
      if (counting.everyMs !== undefined) await sleep(counting.everyMs);
    }
    if (answered === null) throw new CliError(EXIT.usage, "nothing was to be added");
    return answered;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(error.exitCode, `after ${done} of ${times} times: ${error.message}`, error.facts);
  } finally {
    if (target.connections === undefined) await connections.close();
  }
}
