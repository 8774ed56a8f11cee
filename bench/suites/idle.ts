/**
 * Measures what connections without calls cost a server: its resident memory with and without 10,000 of them, on each
 * transport.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { endpointText } from "../cluster.js";
import { parseEndpoint } from "../load/options.js";
import { startChild } from "../process/child.js";
import { descriptors, residentBytesOf } from "../process/procfs.js";
import { progress, type SuiteOptions, type SuiteResult } from "./context.js";
import { type Column, tableOf } from "./table.js";

const TRANSPORTS = ["grpc", "grpc-tls", "node", "grpc-js"] as const;
const NAMES: Readonly<Record<(typeof TRANSPORTS)[number], string>> = {
  grpc: "src/grpc",
  "grpc-tls": "src/grpc, TLS",
  node: "node:http2",
  "grpc-js": "grpc-js",
};
const CONNECTIONS = 10_000;
const SPARE_DESCRIPTORS = 500;
const SETTLE_MS = 3_000;
const MIB = 1_048_576;

export async function idle({ scripts }: SuiteOptions): Promise<SuiteResult> {
  const connections = Math.min(CONNECTIONS, descriptors() - SPARE_DESCRIPTORS);
  const rows: Row[] = [];
  for (const transport of TRANSPORTS) {
    const row = await measure(scripts, transport, connections);
    progress(`idle: ${row.transport}: ${row.withMiB.toFixed(0)} MiB`);
    rows.push(row);
  }
  return {
    tables: [tableOf(`resident memory of a server with ${connections} idle connections`, rows, COLUMNS)],
    notes: ["goal: src/grpc with 10,000 idle connections under 300 MB"],
    problems: rows.flatMap(({ transport, lost }) => (lost ? [`${transport}: a connection was lost`] : [])),
    figures: { rows, connections },
  };
}

interface Row {
  readonly transport: (typeof TRANSPORTS)[number];
  readonly beforeMiB: number;
  readonly withMiB: number;
  readonly kilobytesEach: number;
  readonly lost: boolean;
}

const COLUMNS: readonly Column<Row>[] = [
  ["", (r) => NAMES[r.transport]],
  ["without MiB", (r) => r.beforeMiB.toFixed(0)],
  ["with MiB", (r) => r.withMiB.toFixed(0)],
  ["KB a connection", (r) => r.kilobytesEach.toFixed(1)],
];

async function measure(scripts: string, transport: Row["transport"], connections: number): Promise<Row> {
  const server = await startChild([`${scripts}/http2-echo.js`, transport], 15_000);
  const resident = (): number => residentBytesOf(server.pid) ?? Number.NaN;
  try {
    const endpoint = parseEndpoint(server.lines.at(-1)?.split(" ")[1] ?? "");
    await sleep(SETTLE_MS);
    const before = resident();
    const args = [endpointText(endpoint), `${connections}`, ...(transport === "grpc-tls" ? ["tls"] : [])];
    const client = await startChild([`${scripts}/idle-client.js`, ...args], 300_000);
    await sleep(SETTLE_MS);
    const after = resident();
    // Still there: none was lost.
    const lost = residentBytesOf(client.pid) === undefined;
    await client.kill();
    return {
      transport,
      beforeMiB: before / MIB,
      withMiB: after / MIB,
      kilobytesEach: (after - before) / connections / 1_024,
      lost,
    };
  } finally {
    await server.stop();
  }
}
