/** The settings of the cluster, as people and programs are shown them. */
import type { View, ClusterSettings as WireSettings } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { settingsFromWire } from "../../codec/api/cluster-settings.js";
import { SETTING_NAMES, type SettingName } from "../../core/view/settings.js";
import { type Column, tableLines } from "../terminal/table.js";
import { wrapped } from "../terminal/wrap.js";

const MS = 1_000;

/** As the flags of a node are called that say the same. */
export const NAMES: Readonly<Record<SettingName, string>> = {
  movesPerNode: "moves-per-node",
  movesPerCluster: "moves-per-cluster",
  transferRateMib: "transfer-rate",
  transferPartitions: "transfer-partitions",
  replaceAfterMs: "replace-after",
};

const TEXTS: Readonly<Record<SettingName, string>> = {
  movesPerNode: "replicas that a node gives or takes at a time",
  movesPerCluster: "replicas that move at a time",
  transferRateMib: "MiB a second at which a node fetches replicas",
  transferPartitions: "replicas that a node fetches at a time",
  replaceAfterMs: "seconds until others get a lost node's replicas; 0: never",
};

export const valueText = (name: SettingName, value: number): string =>
  String(name === "replaceAfterMs" ? value / MS : value);

const said = (wire: WireSettings | undefined, name: SettingName): string => {
  const value = settingsFromWire(wire)[name];
  return value === undefined ? "each node's own" : valueText(name, value);
};

/** null: each node's own. */
export function settingsJson(wire: WireSettings | undefined): Record<SettingName, number | null> {
  const read = settingsFromWire(wire);
  const of = (name: SettingName): number | null => read[name] ?? null;
  return {
    movesPerNode: of("movesPerNode"),
    movesPerCluster: of("movesPerCluster"),
    transferRateMib: of("transferRateMib"),
    transferPartitions: of("transferPartitions"),
    replaceAfterMs: of("replaceAfterMs"),
  };
}

export function settingsLines({ epoch, settings: wire }: View, width: number): string[] {
  const columns: Column<SettingName>[] = [
    { name: "setting", align: "left", text: (name) => NAMES[name] },
    { name: "value", align: "right", text: (name) => said(wire, name) },
    { name: "what it is", align: "left", text: (name) => TEXTS[name] },
  ];
  const lines = tableLines({ columns, rows: SETTING_NAMES, leftOut: ["what it is"], width });
  return [wrapped(`the cluster's settings in view ${epoch}:`, width), ...lines];
}
