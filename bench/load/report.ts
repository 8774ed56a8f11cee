/** The results of a load, as JSON and for people. */

import { availableParallelism } from "node:os";
import type { Histogram, HistogramRecord, LatencySummary } from "../stats/histogram.js";
import type { LoadOptions } from "./options.js";
import type { VerifyReport } from "./verifier.js";

/** The raw results of the measured part. */
export interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly all: Histogram;
  readonly gets: Histogram;
  readonly puts: Histogram;
  readonly errors: Readonly<Record<string, { count: number; example: string }>>;
  readonly reconnects: number;
  readonly preloadFailures: number;
  /** CAS that found another version than they expected. */
  readonly refused: number;
  readonly watched: readonly WatchedProcess[];
}

/** A server process during the measured part. */
export interface WatchedProcess {
  readonly pid: number;
  readonly cpuSeconds: number;
}

export interface LoadReport {
  readonly options: LoadOptions;
  readonly seconds: number;
  /** Calls answered with OK. */
  readonly operations: number;
  readonly operationsPerSecond: number;
  readonly latency: LatencySummary;
  readonly get: LatencySummary;
  readonly put: LatencySummary;
  readonly histogram: HistogramRecord;
  readonly errorCount: number;
  /** By status name; `client:…` are ends that no server said. */
  readonly errors: Readonly<Record<string, { count: number; example: string }>>;
  readonly reconnects: number;
  readonly preloadFailures: number;
  /** CAS that found another version than they expected; they count as operations. */
  readonly refused: number;
  /** CPU time of the generator itself. */
  readonly cpuSeconds: number;
  readonly cpuMicrosPerOperation: number;
  /** As a share of one core. */
  readonly cpuShare: number;
  readonly watched: readonly WatchedProcess[];
  readonly verify?: VerifyReport;
}

export function buildReport(options: LoadOptions, measured: Measured, verify: VerifyReport | undefined): LoadReport {
  const latency = measured.all.summary();
  const errorCount = Object.values(measured.errors).reduce((sum, error) => sum + error.count, 0);
  const answers = latency.count + errorCount;
  return {
    options,
    seconds: measured.seconds,
    operations: latency.count,
    operationsPerSecond: latency.count / measured.seconds,
    latency,
    get: measured.gets.summary(),
    put: measured.puts.summary(),
    histogram: measured.all.toJSON(),
    errorCount,
    errors: measured.errors,
    reconnects: measured.reconnects,
    preloadFailures: measured.preloadFailures,
    refused: measured.refused,
    cpuSeconds: measured.cpuSeconds,
    cpuMicrosPerOperation: answers === 0 ? 0 : (measured.cpuSeconds * 1e6) / answers,
    cpuShare: measured.cpuSeconds / measured.seconds,
    watched: measured.watched,
    ...(verify === undefined ? {} : { verify }),
  };
}

/** Whether every answer was OK and every check held. */
export function isClean(report: LoadReport): boolean {
  return report.errorCount === 0 && report.preloadFailures === 0 && (report.verify?.failures ?? 0) === 0;
}

export function formatReport(report: LoadReport): string {
  const ms = (value: number): string => `${value.toFixed(3)} ms`;
  const row = (name: string, s: LatencySummary): string =>
    `${name.padEnd(6)} ${String(s.count).padStart(9)}  mean ${ms(s.meanMs)}  p50 ${ms(s.p50Ms)}  p99 ${ms(s.p99Ms)}  p99.9 ${ms(s.p999Ms)}  max ${ms(s.maxMs)}`;
  const lines = [
    `${report.operationsPerSecond.toFixed(0)} operations/s over ${report.seconds.toFixed(1)} s, ${report.options.inFlight} in flight`,
    row("all", report.latency),
  ];
  if (report.get.count > 0 && report.put.count > 0) lines.push(row("GET", report.get), row("PUT", report.put));
  const errors = Object.entries(report.errors);
  lines.push(`errors: ${errors.length === 0 ? "none" : ""}`.trimEnd());
  for (const [name, { count, example }] of errors)
    lines.push(`  ${name} ${count}${example === "" ? "" : ` (e.g. ${example})`}`);
  if (report.refused > 0) lines.push(`CAS that found another version: ${report.refused}`);
  if (report.reconnects > 0) lines.push(`connections lost: ${report.reconnects}`);
  if (report.preloadFailures > 0) lines.push(`keys not written before the load: ${report.preloadFailures}`);
  if (report.verify !== undefined) {
    lines.push(
      `checked ${report.verify.checked} answers, ${report.verify.failures} wrong`,
      ...report.verify.examples.map((e) => `  ${e}`),
    );
  }
  const share = (100 * report.cpuShare).toFixed(0);
  lines.push(
    `generator: ${report.cpuSeconds.toFixed(2)} CPU s, ${report.cpuMicrosPerOperation.toFixed(2)} µs per operation, ${share} % of one core (of ${availableParallelism()})`,
  );
  for (const { pid, cpuSeconds } of report.watched) {
    const micros = (cpuSeconds * 1e6) / Math.max(1, report.operations);
    lines.push(`process ${pid}: ${cpuSeconds.toFixed(2)} CPU s, ${micros.toFixed(1)} µs per operation`);
  }
  return lines.join("\n");
}
