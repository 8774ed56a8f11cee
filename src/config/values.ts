/**
 * Settings as people write them, to values. `label` is what errors call the setting, with where it came from:
 * `--listen`, `ONAR_LISTEN (environment)`, `listen (onar.yaml line 7)`. Every error names it, the bound and what was
 * given.
 */
import { jsonText } from "../base/printable.js";
import { MAX_PARTITIONS } from "../core/placement/position.js";
import { SettingError } from "./setting-error.js";

/** As many nodes as one group can have replicas: see base/votes.ts. */
export const MAX_NODES = 31;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** Everywhere at this machine: nobody can connect to these. */
export const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Nobody at another machine can connect there. */
export const isLoopback = ({ host }: Address): boolean => /^(127(\.\d{1,3}){3}|localhost|::1)$/i.test(host);

/** A whole number in decimal digits within the bounds. */
export function wholeNumber(label: string, text: string, least: number, most: number): number {
  const number = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most))
    throw new SettingError(`${label} must be a whole number from ${least} to ${most}; it is ${quote(text)}`);
  return number;
}

/** HOST:PORT, with [brackets] around an IPv6 address. `leastPort` is 0 where "take a free one" makes sense. */
export function address(label: string, text: string, leastPort: 0 | 1): Address {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\],]+)):(\d{1,10})$/.exec(text);
  if (match === null) {
    const hint = text.includes("://") ? " (no scheme: only HOST:PORT)" : "";
    throw new SettingError(`${label} must be HOST:PORT, for example 127.0.0.1:4600${hint}; it is ${quote(text)}`);
  }
  const port = Number(match[3]);
  if (port < leastPort || port > 65_535)
    throw new SettingError(
      `${label}: the port must be from ${leastPort} to 65535; it is ${match[3]} in ${quote(text)}`,
    );
  return { host: match[1] ?? match[2] ?? "", port };
}

/** HOST:PORT,HOST:PORT,…: at least one, none twice. */
export function addresses(label: string, text: string): Address[] {
  const seen = new Set<string>();
  return text.split(",").map((part) => {
    const parsed = address(label, part.trim(), 1);
    const name = formatAddress(parsed);
    if (seen.has(name)) throw new SettingError(`${label} names ${name} twice`);
    seen.add(name);
    return parsed;
  });
}

export function partitionCount(label: string, text: string): number {
  const count = wholeNumber(label, text, 1, MAX_PARTITIONS);
  if ((count & (count - 1)) !== 0)
    throw new SettingError(`${label} must be a power of two from 1 to ${MAX_PARTITIONS}; it is ${text}`);
  return count;
}

/** Replicas per key, at most as many as there are nodes. */
export function replicationFactor(label: string, text: string, nodes: number): number {
  const factor = wholeNumber(label, text, 1, MAX_NODES);
  if (factor > nodes) {
    throw new SettingError(
      `${label} must be at most the number of nodes, ${nodes}: every replica is on a node of its own; it is ${text}`,
    );
  }
  return factor;
}

/** Seconds, a decimal fraction allowed, to milliseconds. `besides`: what else is allowed, for the error. */
export function seconds(label: string, text: string, besides = ""): number {
  const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0.001 && value <= 3_600))
    throw new SettingError(`${label} must be ${besides}a number of seconds from 0.001 to 3600; it is ${quote(text)}`);
  return Math.ceil(value * 1_000);
}

/** The same, or null for "off". */
export const secondsOrOff = (label: string, text: string): number | null =>
  text === "off" ? null : seconds(label, text, "off, or ");

/** The same, or 0. */
export const secondsOrNone = (label: string, text: string): number =>
  text === "0" ? 0 : seconds(label, text, "0, or ");

/** Where an OpenTelemetry collector takes traces; null: off. */
export function collector(label: string, text: string): string | null {
  if (text === "off") return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || text.length > 1_024 || !["http:", "https:"].includes(url.protocol)) {
    throw new SettingError(
      `${label} must be a URL with http or https, for example http://127.0.0.1:4318, or off; it is ${quote(text)}`,
    );
  }
  if (url.pathname === "/") url.pathname = "/v1/traces";
  return url.href;
}

/** A decimal fraction. */
export function ratio(label: string, text: string): number {
  const value = /^(\d{1,3}(\.\d{0,9})?|\.\d{1,9})$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= 1))
    throw new SettingError(`${label} must be a number from 0 to 1; it is ${quote(text)}`);
  return value;
}

export function clusterId(label: string, text: string): string {
  if (!/^[0-9a-fA-F]{32}$/.test(text))
    throw new SettingError(`${label} must be 32 hexadecimal digits; it is ${quote(text)}`);
  return text.toLowerCase();
}

export function zone(label: string, text: string): string {
  if (!/^[\x21-\x7e]{1,64}$/.test(text)) {
    throw new SettingError(`${label} must be 1 to 64 visible ASCII characters without spaces; it is ${quote(text)}`);
  }
  return text;
}

export function oneOf<Choice extends string>(label: string, text: string, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === text);
  if (found === undefined)
    throw new SettingError(`${label} must be one of ${choices.join(", ")}; it is ${quote(text)}`);
  return found;
}

/** A flag that is there means true; in the environment and in a file it is written out. */
export function yesOrNo(label: string, text: string): boolean {
  return oneOf(label, text, ["true", "false"]) === "true";
}

/** The text as written, bounded and with control characters escaped, so that an error message can show it on any
 * terminal. */
export function quote(text: string): string {
  return jsonText(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

/** Path of a file or directory. */
export function path(label: string, text: string): string {
  if (text === "" || text.includes("\0") || text.length > 1_024)
    throw new SettingError(`${label} must be a path of 1 to 1024 characters; it is ${quote(text)}`);
  return text;
}
