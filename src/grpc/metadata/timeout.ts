/**
 * `grpc-timeout`: how long the client still waits, as up to eight digits and a unit.
 *
 * Source: gRPC's PROTOCOL-HTTP2.md, "Timeout".
 */

const FORM = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};
const COARSER = ["m", "S", "M", "H"] as const;
const MAX_NUMBER = 99_999_999;

/** In milliseconds; undefined if it has not the right form. */
export function parseTimeout(text: string): number | undefined {
  const [, digits, unit] = FORM.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  return Number(digits) * (UNIT_MS[unit] ?? 0);
}

/** Rounded up, so that a server does not give up before its client does; at most 11,415 years. */
export function formatTimeout(ms: number): string {
  if (ms < 1) return `${Math.max(1, Math.ceil(ms * 1_000))}u`;
  for (const unit of COARSER) {
    const number = Math.ceil(ms / (UNIT_MS[unit] ?? 1));
    if (number <= MAX_NUMBER) return `${number}${unit}`;
  }
  return `${MAX_NUMBER}H`;
}
