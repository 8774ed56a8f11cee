/** Epoch after epoch until the time is used up; stops at the first problem. */
import { Prng } from "../../src/base/prng.js";
import { findFaketime, NO_FAKETIME } from "./clocks.js";
import { runEpoch } from "./epoch.js";
import { planEpoch } from "./plan.js";
import { CLOCK_KINDS, type EpochResult, KINDS, type RunResult, sumUp } from "./tally.js";

/** Time of faults; starting, healing and checking come on top. */
const EPOCH_MS = 14_000;
const AROUND_MS = 5_000;
/** Every size of a cluster, kills and drains among them, needs so many. */
const EPOCHS_OF_ALL_KINDS = 3;

export interface ChaosOptions {
  readonly seed: number;
  /** Wall time; the last epoch may begin a little before its end. */
  readonly seconds: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export async function runChaos({ seed, seconds, say, signal }: ChaosOptions): Promise<RunResult> {
  const began = performance.now();
  const elapsedMs = (): number => performance.now() - began;
  const prng = new Prng(seed);
  const faketime = findFaketime();
  if (faketime === null) say(NO_FAKETIME);
  const epochs: EpochResult[] = [];
  for (let epoch = 0; !signal.aborted; epoch++) {
    if (epoch > 0 && elapsedMs() + EPOCH_MS + AROUND_MS > seconds * 1000) break;
    const plan = planEpoch(prng, epoch, EPOCH_MS);
    const random = prng.fork(`load ${epoch}`);
    const result = await runEpoch({ epoch, plan, random, faketime, lastsMs: EPOCH_MS, say, signal });
    epochs.push(result);
    if (result.problems.length > 0) break;
  }
  const result = sumUp(epochs, elapsedMs() / 1000);
  if (signal.aborted || epochs.length < EPOCHS_OF_ALL_KINDS || result.problems.length > 0) return result;
  const unseen = KINDS.filter((kind) => !result.faults.seen.has(kind) && (faketime !== null || !CLOCK_KINDS.has(kind)));
  if (unseen.length === 0) return result;
  return { ...result, problems: [`these faults were never seen to happen: ${unseen.join(", ")}`] };
}
