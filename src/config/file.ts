/**
 * A file of settings: YAML, one `name: value` a line, names as of the flags without dashes in front. Values are taken
 * as written (YAML's failsafe schema): a cluster id of digits is no number, `no` is no boolean. Errors are told with
 * their lines, all of them at once.
 */
import { readFileSync, statSync } from "node:fs";
import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import { nearest } from "./nearest.js";
import { nameOf } from "./setting.js";
import { SettingError } from "./setting-error.js";
import { CONFIG_FLAG, isNodeSetting, NODE_KEYS, NODE_SETTINGS, type NodeSettingKey } from "./settings.js";
import type { Given, Source } from "./sources.js";
import { quote } from "./values.js";

/** No file of settings is longer. */
const MAX_FILE_BYTES = 1_048_576;

export interface SettingsFile extends Source {
  readonly path: string;
  readonly keys: readonly NodeSettingKey[];
  /** The errors in it, in the order of the lines; each names the file and the line. */
  readonly problems: readonly string[];
}

/**
 * The file, also when there are problems in it; a SettingError when it cannot be read. `label` names who asked for it.
 */
export function readSettingsFile(label: string, path: string): SettingsFile {
  return parseSettings(path, textOf(label, path));
}

export function parseSettings(path: string, text: string): SettingsFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { schema: "failsafe", lineCounter: lines, prettyErrors: false });
  const found = new Map<NodeSettingKey, Given>();
  const problems: { readonly line: number; readonly text: string }[] = [];
  const lineAt = (offset: number | undefined): number => lines.linePos(offset ?? 0).line;
  const problem = (line: number, what: string): void => {
    problems.push({ line, text: `${path} line ${line}: ${what}` });
  };

  for (const error of [...document.errors, ...document.warnings]) {
    problem(lineAt(error.pos[0]), firstLine(error.message));
  }
  const { contents } = document;
  if (isMap<unknown, unknown>(contents)) {
    for (const pair of contents.items) take(pair);
  } else if (contents !== null && !(isScalar(contents) && contents.value === "")) {
    problem(1, "a file of settings has one `name: value` a line; this is something else");
  }

  function take(pair: Pair<unknown, unknown>): void {
    const name = isScalar(pair.key) ? String(pair.key.value) : "";
    const line = lineAt(isScalar(pair.key) ? pair.key.range?.[0] : 0);
    const key = NODE_KEYS.find((known) => nameOf(known) === name);
    if (key === undefined) return problem(line, unknownName(name));
    const label = `${name} (${path} line ${line})`;
    const value = textIn(pair.value, "list" in NODE_SETTINGS[key]);
    if (value === null) return problem(line, `${name} must be ${NODE_SETTINGS[key].bound}; it is a structure`);
    const given: Given = { text: value, origin: "file", label };
    try {
      NODE_SETTINGS[key].read(label, value);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      problem(line, error.message.replace(label, name));
    }
    found.set(key, given);
  }

  return {
    path,
    keys: [...found.keys()],
    problems: problems.toSorted((a, b) => a.line - b.line).map((one) => one.text),
    given: (key) => (isNodeSetting(key) ? (found.get(key) ?? null) : null),
  };
}

function textOf(label: string, path: string): string {
  let bytes: Buffer;
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) {
      throw new SettingError(`${label}: ${path} must have at most ${MAX_FILE_BYTES} bytes; it has ${size}`);
    }
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof SettingError) throw error;
    throw new SettingError(`${label}: the file ${quote(path)} cannot be read: ${why(error)}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SettingError(`${label}: ${path} is not UTF-8 text`);
  }
}

function why(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES" || code === "EPERM") return "not allowed";
  if (code === "EISDIR") return "it is a folder";
  return code;
}

/** The value as written; a list's items with commas between. null: something that is neither. */
function textIn(value: unknown, list: boolean): string | null {
  if (value === null || value === undefined) return "";
  if (isScalar(value)) return value.value === null ? "" : String(value.value);
  if (!list || !isSeq<Node>(value)) return null;
  const items = value.items.map((item) => (isScalar(item) ? String(item.value) : null));
  return items.includes(null) ? null : items.join(",");
}

function unknownName(name: string): string {
  if (name === CONFIG_FLAG.slice(2)) return "config cannot be set in a file: a file names no other file";
  const meant = nearest(
    name,
    NODE_KEYS.map((key) => nameOf(key)),
  );
  return `there is no setting ${quote(name)}${meant === null ? "; onar start --help lists them" : `; did you mean ${meant}?`}`;
}

const firstLine = (text: string): string => text.split("\n")[0] ?? "";
