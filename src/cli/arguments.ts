/** Options as people type them, to values. Every error names the option, the bound and what was given. */
import { MAX_PARTITIONS } from "../core/placement/position.js";
import { usage } from "./exit.js";

/** As many nodes as one group can have replicas: see base/votes.ts. */
export const MAX_NODES = 31;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** A whole number in decimal digits within the bounds. */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most))
    throw usage(`${option} must be a whole number from ${least} to ${most}; it is ${quote(text)}`);
  return number;
}

/** HOST:PORT, with [brackets] around an IPv6 address. `leastPort` is 0 where "take a free one" makes sense. */
export function address(option: string, text: string, leastPort: 0 | 1): Address {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\],]+)):(\d{1,10})$/.exec(text);
  if (match === null) {
    const hint = text.includes("://") ? " (no scheme: only HOST:PORT)" : "";
    throw usage(`${option} must be HOST:PORT, for example 127.0.0.1:4600${hint}; it is ${quote(text)}`);
  }
  const port = Number(match[3]);
  if (port < leastPort || port > 65_535)
    throw usage(`${option}: the port must be from ${leastPort} to 65535; it is ${match[3]} in ${quote(text)}`);
  return { host: (match[1] ?? match[2]) as string, port };
}

/** HOST:PORT,HOST:PORT,…: at least one, none twice. */
export function addresses(option: string, text: string): Address[] {
  const seen = new Set<string>();
  return text.split(",").map((part) => {
    const parsed = address(option, part.trim(), 1);
    const name = formatAddress(parsed);
    if (seen.has(name)) throw usage(`${option} names ${name} twice`);
    seen.add(name);
    return parsed;
  });
}

export function partitionCount(option: string, text: string): number {
  const count = wholeNumber(option, text, 1, MAX_PARTITIONS);
  if ((count & (count - 1)) !== 0)
    throw usage(`${option} must be a power of two from 1 to ${MAX_PARTITIONS}; it is ${text}`);
  return count;
}

/** Replicas per key, at most as many as there are nodes. */
export function replicationFactor(option: string, text: string, nodes: number): number {
  const factor = wholeNumber(option, text, 1, MAX_NODES);
  if (factor > nodes) {
    throw usage(
      `${option} must be at most the number of nodes, ${nodes}: every replica is on a node of its own; it is ${text}`,
    );
  }
  return factor;
}

/** Seconds, a decimal fraction allowed, to milliseconds. */
export function seconds(option: string, text: string): number {
  const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0.001 && value <= 3_600))
    throw usage(`${option} must be a number of seconds from 0.001 to 3600; it is ${quote(text)}`);
  return Math.ceil(value * 1_000);
}

export function clusterId(option: string, text: string): string {
  if (!/^[0-9a-fA-F]{32}$/.test(text)) throw usage(`${option} must be 32 hexadecimal digits; it is ${quote(text)}`);
  return text.toLowerCase();
}

export function zone(option: string, text: string): string {
  if (!/^[\x21-\x7e]{1,64}$/.test(text)) {
    throw usage(`${option} must be 1 to 64 visible ASCII characters without spaces; it is ${quote(text)}`);
  }
  return text;
}

export function oneOf<Choice extends string>(option: string, text: string, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw usage(`${option} must be one of ${choices.join(", ")}; it is ${quote(text)}`);
  return found;
}

const INT64_MAX = (1n << 63n) - 1n;
const INT64_MIN = -(1n << 63n);
const UINT64_MAX = (1n << 64n) - 1n;

/** A signed 64-bit number, to add. */
export function delta(name: string, text: string): bigint {
  const value = /^[+-]?\d{1,30}$/.test(text) ? BigInt(text.replace(/^\+/, "")) : null;
  if (value === null || value < INT64_MIN || value > INT64_MAX) {
    throw usage(`${name} must be a whole number from ${INT64_MIN} to ${INT64_MAX}; it is ${quote(text)}`);
  }
  return value;
}

/** A key's version, to compare: never 0. */
export function version(option: string, text: string): bigint {
  const value = /^\d{1,30}$/.test(text) ? BigInt(text) : null;
  if (value === 0n)
    throw usage(
      `${option} must be at least 1; it is 0, which no key has: for "the key does not exist" use --if-absent`,
    );
  if (value === null || value > UINT64_MAX)
    throw usage(`${option} must be a whole number from 1 to ${UINT64_MAX}; it is ${quote(text)}`);
  return value;
}

/** What was typed, bounded and with control characters escaped, so that an error message can show it on any terminal. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
