const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** "3.4 MiB": for people, in one unit. */
export function byteText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1_024 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}
