/** The few statistics that the suites need: medians, and a straight line with its uncertainty. */

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The smallest value that `fraction` of all do not exceed. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? Number.NaN;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Line {
  readonly slope: number;
  readonly intercept: number;
  /** The 95 % confidence interval of the slope. */
  readonly slopeLow: number;
  readonly slopeHigh: number;
  /** How alike neighbouring residuals are, −1 to 1. */
  readonly autocorrelation: number;
}

/**
 * Least squares with a 95 % interval for the slope. Samples of a process's memory are not independent: the
 * collector makes a saw-tooth, and neighbours resemble each other. The interval is therefore widened by
 * √((1+ρ)/(1−ρ)), where ρ is the correlation of a residual with the next one (never narrowed). Undefined
 * with fewer than four points or without spread in x.
 */
export function fitLine(points: readonly Point[]): Line | undefined {
  const n = points.length;
  if (n < 4) return undefined;
  const meanX = points.reduce((sum, p) => sum + p.x, 0) / n;
  const meanY = points.reduce((sum, p) => sum + p.y, 0) / n;
  const spread = points.reduce((sum, p) => sum + (p.x - meanX) ** 2, 0);
  if (spread === 0) return undefined;
  const slope = points.reduce((sum, p) => sum + (p.x - meanX) * (p.y - meanY), 0) / spread;
  const intercept = meanY - slope * meanX;
  const residuals = points.map((p) => p.y - intercept - slope * p.x);
  const squares = residuals.reduce((sum, r) => sum + r * r, 0);
  const neighbours = residuals.slice(1).reduce((sum, r, i) => sum + r * (residuals[i] ?? 0), 0);
  const autocorrelation = squares === 0 ? 0 : neighbours / squares;
  const rho = Math.min(0.95, Math.max(0, autocorrelation));
  const standardError = Math.sqrt(squares / (n - 2) / spread) * Math.sqrt((1 + rho) / (1 - rho));
  const half = studentT975(n - 2) * standardError;
  return { slope, intercept, slopeLow: slope - half, slopeHigh: slope + half, autocorrelation };
}

/** The 97.5 % quantile of Student's t, by the Cornish–Fisher expansion: within 2 % from three degrees on. */
export function studentT975(degrees: number): number {
  const z = 1.959963985;
  const d = Math.max(1, degrees);
  const first = (z ** 3 + z) / (4 * d);
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * d ** 2);
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * d ** 3);
  return z + first + second + third;
}
