/**
 * `onar wait --ready`: for scripts that start a cluster and then use it. It asks what `onar status` asks, until that
 * finds nothing wrong.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { jsonText } from "../../base/printable.js";
import type { Target } from "../calls/call.js";
import { CliError, EXIT, type ExitCode, usage } from "../ending/exit.js";
import { type CommonOptions, formatOf, targetOf } from "../flags/target.js";
import type { Io } from "../terminal/io.js";
import { showProgress } from "../terminal/progress.js";
import { judge } from "./judgement.js";
import { askAll, summarize } from "./status.js";
import type { Summary } from "./summary.js";

export interface WaitOptions extends CommonOptions {
  readonly ready?: true;
}

const AGAIN_MS = 200;
const NOBODY_ASKED = "no node was asked yet";

export async function wait(options: WaitOptions, io: Io): Promise<ExitCode> {
  const format = formatOf(options, io);
  const target = targetOf(options, io);
  if (options.ready !== true) throw usage("wait must be told what to wait for: --ready");
  const until = performance.now() + target.timeoutMs;
  let missing = NOBODY_ASKED;
  const work = async (): Promise<Summary> => {
    for (;;) {
      const left = until - performance.now();
      const found = left > 0 ? await look({ ...target, timeoutMs: left }) : null;
      if (found !== null && typeof found !== "string") return found;
      // A look that the end of the time cut short knows less than the one before.
      if (found !== null && (missing === NOBODY_ASKED || performance.now() < until)) missing = found;
      if (target.interrupt?.aborted === true) throw new CliError(EXIT.notDone, "interrupted");
      if (until - performance.now() <= AGAIN_MS) {
        throw new CliError(EXIT.notDone, `not ready within ${target.timeoutMs / 1_000} s: ${missing}`);
      }
      await sleep(AGAIN_MS);
    }
  };
  const { clusterId, nodes, partitions } = await showProgress(io, () => `waiting: ${missing}`, work());
  io.out(
    format === "json"
      ? `${jsonText({ ready: true, clusterId, nodes: nodes.length, partitions })}\n`
      : `ready: ${nodes.length} of ${nodes.length} nodes are there, each of ${partitions} partitions has a writer\n`,
  );
  return EXIT.done;
}

/** The cluster, when it is ready; otherwise what is missing. */
async function look(target: Target): Promise<Summary | string> {
  try {
    const summary = summarize(await askAll(target));
    const { verdict, reasons } = judge(summary);
    const isReady = verdict !== "not-well" && summary.withoutWriter.length === 0;
    return isReady ? summary : reasons.join("; ");
  } catch (error) {
    if (error instanceof CliError && error.exitCode === EXIT.notDone) return error.message;
    throw error;
  }
}
