/**
 * `onar settings`: the settings of the cluster that change while it runs. Without arguments it shows them; with
 * NAME=VALUE it changes them, by an operation on the newest view. The word "default" instead of a value leaves a
 * setting to each node's own flags again.
 */
import { ReconfigurationServiceDefinition } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { jsonText } from "../../base/printable.js";
import { settingNamesToWire } from "../../codec/api/cluster-settings.js";
import { quote, secondsOrNone, wholeNumber } from "../../config/values.js";
import { SETTING_BOUNDS, SETTING_NAMES, type SettingName, type SettingsChange } from "../../core/view/settings.js";
import { EXIT, type ExitCode, usage } from "../ending/exit.js";
import { formatOf, targetOf } from "../flags/target.js";
import type { Io } from "../terminal/io.js";
import { widthOf } from "../terminal/table.js";
import { type ChangeOptions, change } from "./change.js";
import { NAMES, settingsJson, settingsLines, valueText } from "./settings-text.js";
import { askView, shown } from "./view.js";

const SERVICE = ReconfigurationServiceDefinition;
const OWN = "default";

export async function settings(words: readonly string[], options: ChangeOptions, io: Io): Promise<ExitCode> {
  if (words.length > 0) return changeSettings(changeFrom(words), options, io);
  if (options.dryRun === true) throw usage("--dry-run goes with NAME=VALUE");
  const json = formatOf(options, io) === "json";
  const target = targetOf(options, io);
  const { view } = await shown(io, target, askView(target));
  const width = widthOf(io);
  const facts = { viewEpoch: String(view.epoch), settings: settingsJson(view.settings) };
  io.out(json ? `${jsonText(facts)}\n` : `${settingsLines(view, width).join("\n")}\n`);
  return EXIT.done;
}

function changeSettings({ settings: wanted, unset }: SettingsChange, options: ChangeOptions, io: Io) {
  const told = SETTING_NAMES.flatMap((name) => {
    if (unset.includes(name)) return [`${NAMES[name]} is each node's own`];
    return wanted[name] === undefined ? [] : [`${NAMES[name]} is ${valueText(name, wanted[name])}`];
  }).join(", ");
  return change(options, io, () => ({
    name: told,
    about: "settings",
    done: ({ doneEpoch }) => `${told}, since view ${doneEpoch}`,
    ask: (channel, base, callOptions) =>
      channel.unary(
        SERVICE,
        SERVICE.methods.changeSettings,
        { ...base, settings: wanted, unset: settingNamesToWire(unset) },
        callOptions,
      ),
  }));
}

/** Refuses what is no setting, is named twice, or is beyond its bounds, before any node is asked. */
function changeFrom(words: readonly string[]): SettingsChange {
  const wanted: { [name in SettingName]?: number } = {};
  const unset: SettingName[] = [];
  for (const word of words) {
    const [label = "", value] = splitAt(word);
    const name = SETTING_NAMES.find((one) => NAMES[one] === label);
    if (name === undefined || value === undefined)
      throw usage(`a setting must be NAME=VALUE, with NAME one of ${allNames}; it is ${quote(word)}`);
    if (wanted[name] !== undefined || unset.includes(name)) throw usage(`${label} is named twice`);
    if (value === OWN) unset.push(name);
    else wanted[name] = numberFrom(name, value);
  }
  return { settings: wanted, unset };
}

function splitAt(word: string): readonly [string, string?] {
  const at = word.indexOf("=");
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}

const allNames = SETTING_NAMES.map((name) => NAMES[name]).join(", ");

function numberFrom(name: SettingName, text: string): number {
  const [least, most] = SETTING_BOUNDS[name];
  return name === "replaceAfterMs" ? secondsOrNone(NAMES[name], text) : wholeNumber(NAMES[name], text, least, most);
}
