/** `onar config`: a file of settings checked without starting anything, and what a node would be started with. */

import { jsonText } from "../../base/printable.js";
import { readSettingsFile } from "../../config/file.js";
import { Gathered } from "../../config/gather.js";
import { limitsOf, nodeConfigOf } from "../../config/node-config.js";
import { nameOf } from "../../config/setting.js";
import { SettingError } from "../../config/setting-error.js";
import { NODE_KEYS, NODE_SETTINGS, type NodeSettingKey, type NodeSettings } from "../../config/settings.js";
import { mistyped } from "../../config/sources.js";
import { WILDCARDS } from "../../config/values.js";
import { EXIT, type ExitCode } from "../ending/exit.js";
import { type CommonOptions, formatOf } from "../flags/target.js";
import type { Io } from "../terminal/io.js";
import { type Column, tableLines, widthOf } from "../terminal/table.js";
import { gatherSettings, type StartOptions } from "./start.js";

export type OutputOptions = Pick<CommonOptions, "output">;

/** Everything that is wrong in the file, each with its line; exit code 2 if anything is. */
export async function checkConfig(path: string, options: OutputOptions, io: Io): Promise<ExitCode> {
  const format = formatOf(options, io);
  const file = readSettingsFile("FILE", path);
  const problems = [...file.problems];
  const gathered = new Gathered(NODE_SETTINGS, [file]);
  const open = problems.length > 0 ? [] : leftOpen(gathered);
  if (problems.length === 0) problems.push(...together(gathered, open.length === 0));
  if (format === "json") {
    io.out(`${jsonText({ file: path, settings: file.keys.length, leftOpen: open, problems })}\n`);
    return problems.length > 0 ? EXIT.usage : EXIT.done;
  }
  for (const problem of problems) io.error(`error: ${problem}`);
  if (problems.length > 0) return EXIT.usage;
  const count = file.keys.length;
  io.out(`${path}: ${count === 1 ? "1 setting" : `${count} settings`}, all good\n`);
  if (open.length > 0) io.out(`left to flags or the environment: ${open.join(", ")}\n`);
  return EXIT.done;
}

/** Settings that a node needs and the file lacks: flags or the environment may have them, as when several nodes share
 * one file. */
function leftOpen(gathered: Gathered<NodeSettings>): string[] {
  const has = (key: NodeSettingKey): boolean => gathered.given(key) !== null;
  const everywhere = (key: "listen" | "peerListen"): boolean => WILDCARDS.has(gathered.value(key)?.host ?? "");
  const open: string[] = (["listen", "peerListen"] as const).filter((key) => !has(key)).map(nameOf);
  if (everywhere("listen") && !has("advertise")) open.push(nameOf("advertise"));
  if (everywhere("peerListen") && !has("peerAdvertise")) open.push(nameOf("peerAdvertise"));
  if (!has("expect") && !has("data")) open.push("expect");
  if ((gathered.value("expect") ?? 0) > 1 && !has("join")) open.push("join");
  if (!has("data") && !has("memory")) open.push("data or memory");
  return open;
}

/** Errors that only show when settings are seen together. */
function together(gathered: Gathered<NodeSettings>, complete: boolean): string[] {
  try {
    if (complete) nodeConfigOf(gathered);
    else limitsOf(gathered);
    return [];
  } catch (error) {
    if (error instanceof SettingError) return [error.message];
    throw error;
  }
}

interface Shown {
  readonly name: string;
  readonly value: string;
  readonly from: string;
}

const COLUMNS: readonly Column<Shown>[] = [
  { name: "setting", align: "left", text: ({ name }) => name },
  { name: "value", align: "left", text: ({ value }) => value },
  { name: "from", align: "left", text: ({ from }) => from },
];

/** Effective values and where each came from, as `onar start` with the same flags would see them. */
export async function showConfig(options: StartOptions & OutputOptions, io: Io): Promise<ExitCode> {
  const format = formatOf(options, io);
  const gathered = gatherSettings(options, io.env);
  const shown: Shown[] = NODE_KEYS.map((key) => {
    const given = gathered.given(key);
    // Read, so that what could not be used is an error here, too.
    gathered.value(key);
    return given === null
      ? { name: nameOf(key), value: NODE_SETTINGS[key].fallback, from: "default" }
      : { name: nameOf(key), value: given.text, from: given.origin === "flag" ? given.label : whereFrom(given.label) };
  });
  for (const warning of mistyped(io.env)) io.error(`warning: ${warning}`);
  if (format === "json") {
    io.out(`${jsonText({ settings: shown })}\n`);
    return EXIT.done;
  }
  const lines = tableLines({ columns: COLUMNS, rows: shown, leftOut: [], width: Number.POSITIVE_INFINITY });
  const fits = (lines[0]?.length ?? 0) <= widthOf(io);
  const plain = shown.map(({ name, value, from }) => `${name}: ${value} (${from})`);
  io.out(`${(fits ? lines : plain).join("\n")}\n`);
  return EXIT.done;
}

/** "zone (onar.yaml line 7)" → "onar.yaml line 7"; "ONAR_ZONE (environment)" stays. */
function whereFrom(label: string): string {
  const file = /^[a-z-]+ \((.*)\)$/.exec(label);
  return file?.[1] ?? label;
}
