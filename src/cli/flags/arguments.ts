/**
 * Arguments of commands as people type them, to values; settings are in config/values.ts. Every error names the
 * argument, the bound and what was given.
 */
import { quote } from "../../config/values.js";
import { usage } from "../ending/exit.js";

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
