/** The settings of a cluster that change while it runs, on the wire. */
import {
  ClusterSetting,
  type ClusterSettings as WireSettings,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import {
  type ClusterSettings,
  SETTING_NAMES,
  type SettingName,
  type SettingsChange,
} from "../../core/view/settings.js";

/** As fields are called in the contract. */
export const WIRE_NAMES: Readonly<Record<SettingName, string>> = {
  movesPerNode: "moves_per_node",
  movesPerCluster: "moves_per_cluster",
  transferRateMib: "transfer_rate_mib",
  transferPartitions: "transfer_partitions",
  replaceAfterMs: "replace_after_ms",
};

const NUMBERS: Readonly<Record<SettingName, ClusterSetting>> = {
  movesPerNode: ClusterSetting.MOVES_PER_NODE,
  movesPerCluster: ClusterSetting.MOVES_PER_CLUSTER,
  transferRateMib: ClusterSetting.TRANSFER_RATE_MIB,
  transferPartitions: ClusterSetting.TRANSFER_PARTITIONS,
  replaceAfterMs: ClusterSetting.REPLACE_AFTER_MS,
};

export const settingsToWire = (settings: ClusterSettings | undefined): WireSettings | undefined =>
  settings && { ...settings };

/** Those that the message has, and no others. */
export function settingsFromWire(wire: WireSettings | undefined): ClusterSettings {
  const read: { [name in SettingName]?: number } = {};
  for (const name of SETTING_NAMES) {
    const value = wire?.[name];
    if (value !== undefined) read[name] = value;
  }
  return read;
}

export const settingNamesToWire = (names: readonly SettingName[]): ClusterSetting[] =>
  names.map((name) => NUMBERS[name]);

/** Each once; null: one that this version does not know. */
export function settingNamesFromWire(wire: readonly ClusterSetting[]): readonly SettingName[] | null {
  const names = [...new Set(wire)].map((number) => SETTING_NAMES.find((name) => NUMBERS[name] === number));
  return names.every((name) => name !== undefined) ? names : null;
}

/** null: with a setting that this version does not know. */
export function settingsChangeFromWire(
  settings: WireSettings | undefined,
  unset: readonly ClusterSetting[],
): SettingsChange | null {
  const names = settingNamesFromWire(unset);
  return names === null ? null : { settings: settingsFromWire(settings), unset: names };
}
