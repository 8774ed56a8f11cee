/**
 * The settings of a cluster that change while it runs. They say how much may move at a time, how fast, and when a lost
 * member is replaced. A view carries them, and each view after it, until an operation changes them. So they outlive the
 * node that proposes views, and hold for nodes that come later. A setting that no view has is left to each node's own
 * configuration.
 *
 * Invariants
 * C1 A view has the settings of the view before, with the changes of the operation that it carries, and no others.
 * C2 The settings of the newest view count, whatever a node's own configuration says.
 */
import { type Duration, duration } from "../../base/time.js";
import { planted } from "../model/planted.js";
import type { MoveCaps } from "../placement/moves.js";

export interface ClusterSettings {
  /** Replicas that a node gives or takes at a time, at most. */
  readonly movesPerNode?: number;
  /** Replicas that move in the cluster at a time, at most. */
  readonly movesPerCluster?: number;
  /** MiB a second at which a node fetches replicas. */
  readonly transferRateMib?: number;
  /** Replicas that a node fetches at a time. */
  readonly transferPartitions?: number;
  /** A member that is not heard for so long gives its replicas to others, milliseconds; 0: never. */
  readonly replaceAfterMs?: number;
}

export type SettingName = keyof ClusterSettings;

export const MAX_MOVES_PER_NODE = 1_024;
export const MAX_MOVES_PER_CLUSTER = 65_536;
export const MAX_TRANSFER_RATE_MIB = 10_000;
export const MAX_TRANSFER_PARTITIONS = 1_024;
export const MAX_REPLACE_AFTER_MS = 3_600_000;

/** The least and the most that each may be. */
export const SETTING_BOUNDS: Readonly<Record<SettingName, readonly [number, number]>> = {
  movesPerNode: [1, MAX_MOVES_PER_NODE],
  movesPerCluster: [1, MAX_MOVES_PER_CLUSTER],
  transferRateMib: [1, MAX_TRANSFER_RATE_MIB],
  transferPartitions: [1, MAX_TRANSFER_PARTITIONS],
  replaceAfterMs: [0, MAX_REPLACE_AFTER_MS],
};

export const SETTING_NAMES: readonly SettingName[] = [
  "movesPerNode",
  "movesPerCluster",
  "transferRateMib",
  "transferPartitions",
  "replaceAfterMs",
];

/** A change of them: these get other values, and those are left to each node again. */
export interface SettingsChange {
  readonly settings: ClusterSettings;
  readonly unset: readonly SettingName[];
}

/** The first that is out of its bounds; null: none is. */
export function settingFault(settings: ClusterSettings): { readonly name: SettingName; readonly bound: number } | null {
  for (const name of SETTING_NAMES) {
    const value = settings[name];
    if (value === undefined) continue;
    const [least, most] = SETTING_BOUNDS[name];
    if (!Number.isInteger(value) || value < least) return { name, bound: least };
    if (value > most) return { name, bound: most };
  }
  return null;
}

/** C1; undefined: no view says anything more. */
export function changedSettings(
  before: ClusterSettings | undefined,
  { settings, unset }: SettingsChange,
): ClusterSettings | undefined {
  const after: { [name in SettingName]?: number } = { ...before, ...settings };
  for (const name of unset) delete after[name];
  return Object.keys(after).length === 0 ? undefined : after;
}

/** A view. */
interface WithSettings {
  readonly settings?: ClusterSettings;
}

/** C2. `own`: as this node is configured. */
export function capsOf({ settings }: WithSettings, own: MoveCaps): MoveCaps {
  if (settings === undefined || planted("C2.own-flags")) return own;
  return { perNode: settings.movesPerNode ?? own.perNode, perCluster: settings.movesPerCluster ?? own.perCluster };
}

/** C2. `own`: as this node is configured. */
export function replaceAfterOf({ settings }: WithSettings, own: Duration): Duration {
  const ms = planted("C2.own-flags") ? undefined : settings?.replaceAfterMs;
  return ms === undefined ? own : duration(ms);
}
