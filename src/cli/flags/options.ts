/** Flags made from the list of settings (config/settings.ts). */
import { type Command, Option } from "commander";
import { flagOf, noFlagOf, type Setting, variableOf } from "../../config/setting.js";
import { CLIENT_SETTINGS, CONFIG_FLAG, CONFIG_VARIABLE, NODE_SETTINGS } from "../../config/settings.js";

const SHORT: Readonly<Record<string, string>> = { endpoint: "-e, ", output: "-o, " };

/** All settings of a node, and the file to read more of them from. */
export function nodeOptions(command: Command): Command {
  command.option(`${CONFIG_FLAG} <file>`, `read settings from this YAML file, too (or ${CONFIG_VARIABLE})`);
  for (const [key, setting] of Object.entries(NODE_SETTINGS)) {
    command.addOption(optionOf(key, setting));
    if (setting.on === true) command.addOption(new Option(noFlagOf(key), `do not ${setting.text}`));
  }
  return command;
}

/** The options for the nodes to call, and how to call them. */
export function clientOptions(command: Command): Command {
  for (const [key, setting] of Object.entries(CLIENT_SETTINGS)) command.addOption(optionOf(key, setting));
  return command;
}

export function optionOf(key: string, setting: Setting<unknown>): Option {
  const { argument, bound, fallback, text } = setting;
  const names = `${SHORT[key] ?? ""}${flagOf(key)}`;
  if (argument === "")
    return new Option(
      names,
      setting.on === true ? `${text} (default: ${setting.fallback.replace(/^true/, "on")})` : text,
    );
  const source = setting.scope === "client" ? `, or ${variableOf(key)}` : "";
  const facts = [
    ...(argument === "<host:port>" ? [] : [bound]),
    fallback === "required" ? fallback : `default: ${fallback}${source}`,
  ];
  return new Option(`${names} ${argument}`, `${text} (${facts.join("; ")})`);
}
