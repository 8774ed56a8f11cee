/**
 * A program that uses the TypeScript client as an application would, for the suite `pipelined`:
 * `node client-load.js MODE CALL IN_FLIGHT SECONDS ENDPOINT…` prints one line of JSON.
 *
 * MODE: stream (as the client does by itself), unary (calls of their own), grpc-js (the same over that library),
 * pipeline. With random, each call goes to a node by chance, otherwise as by itself. CALL: get or put.
 */
import { type ClientOptions, type KeyValueCalls, OnarClient } from "../src/client/client.js";
import { overGrpcJs } from "../src/client/grpc-js.js";
import { Histogram } from "./stats/histogram.js";

const WARM_UP_MS = 1_000;
const KEYS = 10_000;
const VALUE = Buffer.alloc(100, "v");

export interface ClientReport {
  readonly operations: number;
  /** Those of the warm-up as well. */
  readonly total: number;
  readonly operationsPerSecond: number;
  readonly failed: number;
  /** CPU of this process per call, µs. */
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

function wayOf(mode: string): Partial<ClientOptions> {
  if (mode === "unary") return { stream: false };
  return mode === "grpc-js" ? { transport: overGrpcJs() } : {};
}

async function main(): Promise<void> {
  const [mode = "", call = "", inFlight = "", seconds = "", ...endpoints] = process.argv.slice(2);
  const clients =
    mode === "random"
      ? endpoints.map((endpoint) => new OnarClient({ endpoints: [endpoint], direct: false }))
      : [new OnarClient({ endpoints, ...wayOf(mode) })];
  const [first] = clients;
  if (first === undefined) throw new Error("no endpoint");
  const pipeline = mode === "pipeline" ? first.pipeline() : null;
  const pick = (): KeyValueCalls => pipeline ?? (clients[Math.floor(Math.random() * clients.length)] as OnarClient);
  const begin = performance.now() + WARM_UP_MS;
  const end = begin + Number(seconds) * 1_000;
  const latencies = new Histogram();
  let operations = 0;
  let total = 0;
  let failed = 0;
  let cpu = process.cpuUsage();
  setTimeout(() => {
    cpu = process.cpuUsage();
  }, WARM_UP_MS);
  const worker = async (): Promise<void> => {
    for (;;) {
      const started = performance.now();
      if (started >= end) return;
      const key = `client-${Math.floor(Math.random() * KEYS)}`;
      const outcome = call === "get" ? await pick().outcome.get(key) : await pick().outcome.put(key, VALUE);
      const ended = performance.now();
      total++;
      if (started < begin || ended > end) continue;
      operations++;
      latencies.record(ended - started);
      if (outcome.outcome !== "done") failed++;
    }
  };
  await Promise.all(Array.from({ length: Number(inFlight) }, worker));
  const used = process.cpuUsage(cpu);
  const { p50Ms, p99Ms } = latencies.summary();
  const report: ClientReport = {
    operations,
    total,
    operationsPerSecond: operations / Number(seconds),
    failed,
    cpuMicros: (used.user + used.system) / operations,
    p50Ms,
    p99Ms,
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  await Promise.all(clients.map((client) => client.close()));
}

await main();
