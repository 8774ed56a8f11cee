/**
 * Whether a cluster is well, as far as its nodes told: for the first line of `onar status`, its JSON and its exit code.
 */
import type { NodeRow, Summary } from "./summary.js";

export interface Judgement {
  /** "look": it may be nothing. "not-well": something is wrong, and the exit code is 1. */
  readonly verdict: "well" | "look" | "not-well";
  /** In words; none when all is well. */
  readonly reasons: readonly string[];
}

/** A disk that stands still for less passes for slow. */
const STANDING_MS = 1_000;

export function judge(summary: Summary): Judgement {
  const wrong = wrongs(summary);
  if (wrong.length > 0) return { verdict: "not-well", reasons: wrong };
  const doubtful = doubts(summary);
  return doubtful.length > 0 ? { verdict: "look", reasons: doubtful } : { verdict: "well", reasons: [] };
}

function wrongs({ viewEpoch, nodes, partitions, withoutWriter, moving }: Summary): string[] {
  if (viewEpoch === 0n) {
    const missing = nodes.filter(({ node }) => !node.heard).map(({ node }) => node.peerAddress);
    return [`there is no cluster yet${missing.length === 0 ? "" : `: waiting for ${missing.join(", ")}`}`];
  }
  const gone = nodes.filter(({ node, answers }) => !node.heard && !answers);
  const full = nodes.filter(({ diskFull }) => diskFull);
  const standing = nodes.filter(({ diskStandingMs }) => diskStandingMs >= STANDING_MS);
  const short = nodes.filter(({ descriptorsShortMs }) => descriptorsShortMs > 0);
  const reasons: string[] = [];
  if (gone.length > 0) reasons.push(`${gone.length} of ${nodes.length} nodes gone (${named(gone)})`);
  const stuck = withoutWriter.filter((partition) => !moving.includes(partition)).length;
  if (stuck > 0) reasons.push(`${stuck} of ${partitions} partitions take no writes`);
  if (full.length > 0) reasons.push(`the disk is full at ${named(full)}`);
  if (standing.length > 0) reasons.push(`the disk stands still at ${named(standing)}`);
  if (short.length > 0) reasons.push(`no file descriptor is left at ${named(short)}`);
  return reasons;
}

function doubts({ nodes, partitions, withoutWriter, moving }: Summary): string[] {
  if (moving.length > 0) {
    const pausing = withoutWriter.length;
    const pause = pausing === 0 ? "" : `, and ${pausing} of them ${pausing === 1 ? "waits" : "wait"} for a writer`;
    return [`${moving.length} of ${partitions} partitions move${pause}`];
  }
  const silent = nodes.filter(({ node, answers }) => node.heard && !answers);
  if (silent.length > 0) return [`${named(silent)} did not answer here, but the others hear it`];
  const unheard = nodes.filter(({ node, answers }) => !node.heard && answers);
  return unheard.length > 0 ? [`${named(unheard)} answers here, but is not heard by all`] : [];
}

const named = (rows: readonly NodeRow[]): string =>
  rows.map(({ node }) => node.clientAddress || `node ${node.id}`).join(", ");
