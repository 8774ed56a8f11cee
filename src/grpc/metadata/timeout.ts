/**
 * `grpc-timeout`: how long the client still waits, as up to eight digits and a unit.
 *
 * Source: gRPC's PROTOCOL-HTTP2.md, "Timeout".
 */

const UNIT_MS = new Map([
  ["H", 3_600_000],
  ["M", 60_000],
  ["S", 1_000],
  ["m", 1],
  ["u", 0.001],
  ["n", 0.000_001],
]);
const COARSER = ["m", "S", "M", "H"] as const;
const MAX_DIGITS = 8;
const MAX_NUMBER = 99_999_999;

/** In milliseconds; undefined if it has not the right form. Every call has one: no pattern is run for it. */
export function parseTimeout(text: string): number | undefined {
  const digits = text.length - 1;
  if (digits < 1 || digits > MAX_DIGITS) return undefined;
  let number = 0;
  for (let i = 0; i < digits; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  const unitMs = UNIT_MS.get(text.charAt(digits));
  return unitMs === undefined ? undefined : number * unitMs;
}

/** Rounded up, so that a server does not give up before its client does; at most 11,415 years. */
export function formatTimeout(ms: number): string {
  if (ms < 1) return `${Math.max(1, Math.ceil(ms * 1_000))}u`;
  for (const unit of COARSER) {
    const number = Math.ceil(ms / (UNIT_MS.get(unit) ?? 1));
    if (number <= MAX_NUMBER) return `${number}${unit}`;
  }
  return `${MAX_NUMBER}H`;
}
