/**
 * Whether a cluster is well, as far as its nodes told: for the first line of `onar status`, its JSON and its exit code.
 */
import { isGone, type NodeRow, nameOf, type Summary } from "./summary.js";

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

function wrongs(summary: Summary): string[] {
  const { viewEpoch, nodes, partitions, underReplicated, withoutQuorum, waitingFor } = summary;
  if (viewEpoch === 0n) {
    const missing = nodes.filter(({ node }) => !node.heard).map(({ node }) => node.peerAddress);
    return [`there is no cluster yet${missing.length === 0 ? "" : `: waiting for ${missing.join(", ")}`}`];
  }
  const gone = nodes.filter(isGone);
  const full = nodes.filter(({ diskFull }) => diskFull);
  const standing = nodes.filter(({ diskStandingMs }) => diskStandingMs >= STANDING_MS);
  const short = nodes.filter(({ descriptorsShortMs }) => descriptorsShortMs > 0);
  const reasons: string[] = [];
  if (gone.length > 0) reasons.push(`${gone.length} of ${nodes.length} nodes gone (${named(gone)})`);
  if (withoutQuorum.length > 0) {
    reasons.push(
      `${withoutQuorum.length} of ${partitions} partitions without quorum, waiting for ${waitingFor.join(", ")}`,
    );
  }
  const poor = underReplicated.length - withoutQuorum.length;
  if (poor > 0) reasons.push(`${poor} of ${partitions} partitions lack a replica`);
  const stuck = stuckOf(summary);
  if (stuck > 0) reasons.push(`${stuck} of ${partitions} partitions have no writer`);
  if (full.length > 0) reasons.push(`the disk is full at ${named(full)}`);
  if (standing.length > 0) reasons.push(`the disk stands still at ${named(standing)}`);
  if (short.length > 0) reasons.push(`no file descriptor is left at ${named(short)}`);
  return reasons.length === 0 ? reasons : [...reasons, ...movesOf(summary)];
}

/** While partitions move, those that have just moved may have no writer for a moment, too. */
function stuckOf({ withoutWriter, withoutQuorum, moving }: Summary): number {
  if (moving.length > 0) return 0;
  const silent = new Set(withoutQuorum);
  return withoutWriter.filter((partition) => !silent.has(partition)).length;
}

function doubts(summary: Summary): string[] {
  const { nodes } = summary;
  const reasons = movesOf(summary);
  const silent = nodes.filter(({ node, answers }) => node.heard && !answers);
  if (silent.length > 0) reasons.push(`${named(silent)} did not answer here, but the others hear it`);
  const unheard = nodes.filter(({ node, answers }) => !node.heard && answers);
  if (unheard.length > 0) reasons.push(`${named(unheard)} answers here, but is not heard by all`);
  return reasons;
}

function movesOf({ partitions, withoutWriter, withoutQuorum, moving }: Summary): string[] {
  if (moving.length === 0) return [];
  const silent = new Set(withoutQuorum);
  const pausing = withoutWriter.filter((partition) => !silent.has(partition)).length;
  const pause = pausing === 0 ? "" : `, and ${pausing} ${pausing === 1 ? "waits" : "wait"} for a writer`;
  return [`${moving.length} of ${partitions} partitions move${pause}`];
}

const named = (rows: readonly NodeRow[]): string => rows.map(({ node }) => nameOf(node)).join(", ");
