/** The parts that backup and restore share: the settings, a client, Ctrl-C, and figures for people. */

import { setMaxListeners } from "node:events";
import { OnarClient } from "../../client/client.js";
import type { OutputFormat } from "../../config/settings.js";
import { formatAddress } from "../../config/values.js";
import type { Target } from "../calls/call.js";
import { quietGrpc } from "../calls/quiet-grpc.js";
import { CliError, EXIT } from "../ending/exit.js";
import { onStopSignals } from "../ending/signals.js";
import { type CommonOptions, formatOf, targetOf } from "../flags/target.js";
import type { Io } from "../terminal/io.js";
import { Copies } from "./copies.js";

export interface Operation {
  readonly io: Io;
  readonly format: OutputFormat;
  readonly target: Target;
  /** Raised by Ctrl-C or SIGTERM. */
  readonly interrupt: AbortSignal;
}

/** Connections to one cluster. */
export interface Cluster {
  readonly copies: Copies;
  readonly client: OnarClient;
  /** One that has heard nothing of the cluster yet. Closed with the others. */
  readonly another: () => OnarClient;
}

/** Ctrl-C or SIGTERM. */
export class Interrupted extends CliError {
  constructor(more = "") {
    super(EXIT.notDone, `interrupted${more}`);
  }
}

export function operationOf(options: CommonOptions, io: Io): Operation {
  const abort = new AbortController();
  // Every call under way listens.
  setMaxListeners(0, abort.signal);
  if (io.interrupt === undefined) onStopSignals(() => abort.abort(), { interrupt: "stop" });
  const target = targetOf(options, io);
  return { io, format: formatOf(options, io), target, interrupt: io.interrupt ?? abort.signal };
}

/** Runs it with connections to the cluster, which are closed afterwards; an interrupt ends it. */
export async function withCluster<T>(operation: Operation, run: (cluster: Cluster) => Promise<T>): Promise<T> {
  const { target, interrupt } = operation;
  let copies: Copies | null = null;
  const clients: OnarClient[] = [];
  const end = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.close()));
  };
  interrupt.addEventListener("abort", end);
  try {
    copies = await Copies.of(target, interrupt);
    const endpoints = target.endpoints.map(formatAddress);
    const { clusterId } = copies;
    const another = (): OnarClient => {
      quietGrpc();
      const client = new OnarClient({ endpoints, clusterId, timeoutMs: target.timeoutMs });
      clients.push(client);
      return client;
    };
    return await run({ copies, client: another(), another });
  } catch (error) {
    // A failure that comes of it is not told, unless it says more.
    if (interrupt.aborted && !(error instanceof Interrupted)) throw new Interrupted();
    throw error;
  } finally {
    interrupt.removeEventListener("abort", end);
    await copies?.close();
    await end();
  }
}

/** "12.3 MB". */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** "1 key", "2 keys". */
export const count = (n: number | bigint, noun: string): string => `${n} ${noun}${Number(n) === 1 ? "" : "s"}`;
