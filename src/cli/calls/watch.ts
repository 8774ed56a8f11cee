/** A stream that a command reads for as long as people want. When a node ends it, the next one is asked. */
import { setTimeout as sleep } from "node:timers/promises";
import { formatAddress } from "../../config/values.js";
import { CliError, EXIT, messageOf } from "../ending/exit.js";
import type { Target } from "./call.js";
import type { Channel } from "./channel.js";
import { Connections } from "./connections.js";

const CONNECT_MS = 2_000;
const PROBE_MS = 500;
const AGAIN_MS = 200;

/**
 * Reads until `each` returns true or the command is interrupted; fails when no node has said anything for the target's
 * time.
 */
export async function watch<Answer>(
  target: Target,
  open: (channel: Channel, signal: AbortSignal) => AsyncIterable<Answer>,
  each: (answer: Answer) => boolean,
): Promise<void> {
  const connections = target.connections ?? new Connections();
  const interrupted = target.interrupt ?? new AbortController().signal;
  let giveUp = performance.now() + target.timeoutMs;
  try {
    for (;;) {
      const failures: string[] = [];
      for (const endpoint of connections.order(target.endpoints)) {
        if (interrupted.aborted) return;
        const name = formatAddress(endpoint);
        const channel = connections.to(endpoint);
        if (!(await channel.stands(Math.min(CONNECT_MS, target.timeoutMs)))) {
          failures.push(await channel.why(PROBE_MS, true));
          connections.failed(endpoint);
          continue;
        }
        try {
          for await (const answer of open(channel, interrupted)) {
            connections.answered(endpoint);
            giveUp = performance.now() + target.timeoutMs;
            if (each(answer)) return;
          }
          failures.push(`${name}: it ended the stream`);
        } catch (error) {
          if (interrupted.aborted) return;
          failures.push(`${name}: ${messageOf(error)}`);
        }
      }
      if (performance.now() > giveUp) {
        throw new CliError(EXIT.notDone, failures.join("; "), { status: "", reason: "UNREACHABLE" });
      }
      await sleep(AGAIN_MS);
    }
  } finally {
    if (target.connections === undefined) await connections.close();
  }
}
