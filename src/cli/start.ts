/**
 * `onar start`: one node in the foreground.
 *
 * Whoever starts nodes as child processes (`onar cluster` does) sets ONAR_STOP_WITH_PARENT=1 and keeps the child's standard input open: the
 * node stops when that ends, so it cannot outlive a parent that was killed. SIGINT is then left to the parent, as a terminal sends Ctrl-C to
 * both.
 */

import { DEFAULT_LIMITS, DEFAULT_PARTITIONS, DEFAULT_REPLICATION_FACTOR, type NodeConfig } from "../config.js";
import type { RunningServer, ServerEvents } from "../server.js";
import {
  type Address,
  address,
  addresses,
  clusterId,
  formatAddress,
  MAX_NODES,
  oneOf,
  partitionCount,
  replicationFactor,
  wholeNumber,
  zone,
} from "./arguments.js";
import { EXIT, type ExitCode, messageOf, usage } from "./exit.js";
import type { Io } from "./io.js";
import { onStopSignals } from "./signals.js";

export const PARENT_VARIABLE = "ONAR_STOP_WITH_PARENT";
/** A parent that died cannot insist; so a node that does not manage to stop in this time just ends. */
const ORPHAN_MS = 5_000;

export interface StartOptions {
  readonly listen?: string;
  readonly peerListen?: string;
  readonly advertise?: string;
  readonly peerAdvertise?: string;
  readonly join?: string;
  readonly expect?: string;
  readonly replicationFactor?: string;
  readonly partitions?: string;
  readonly zone?: string;
  readonly clusterId?: string;
  readonly memory?: true;
  readonly logLevel: string;
}

export const LOG_LEVELS = ["error", "info", "debug"] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

export const MEMORY_REQUIRED =
  "Onar has no storage on disk yet: give --memory to start a node that forgets its data when it stops";

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Everything that can be known to be wrong before anything is started. */
export function nodeConfig(options: StartOptions): NodeConfig {
  const listen = address("--listen", required("--listen HOST:PORT", options.listen), 0);
  const peerListen = address("--peer-listen", required("--peer-listen HOST:PORT", options.peerListen), 0);
  if (
    listen.port !== 0 &&
    listen.port === peerListen.port &&
    (listen.host === peerListen.host || WILDCARDS.has(listen.host) || WILDCARDS.has(peerListen.host))
  ) {
    throw usage(`--listen and --peer-listen must be different; both are at port ${listen.port}`);
  }
  const advertise = advertised("--advertise", options.advertise, "--listen", listen, "clients");
  const peerAdvertise = advertised(
    "--peer-advertise",
    options.peerAdvertise,
    "--peer-listen",
    peerListen,
    "other nodes",
  );
  const expect = wholeNumber("--expect", required("--expect NODES", options.expect), 1, MAX_NODES);
  const join = founders(options.join, formatAddress(peerAdvertise ?? peerListen), expect);
  const factor = options.replicationFactor;
  const config: NodeConfig = {
    listen: formatAddress(listen),
    advertise: advertise === null ? "" : formatAddress(advertise),
    peerListen: formatAddress(peerListen),
    peerAdvertise: peerAdvertise === null ? "" : formatAddress(peerAdvertise),
    join,
    expect,
    zone: options.zone === undefined ? "" : zone("--zone", options.zone),
    storage: "memory",
    clusterId: options.clusterId === undefined ? "" : clusterId("--cluster-id", options.clusterId),
    cluster: {
      replicationFactor:
        factor === undefined
          ? Math.min(DEFAULT_REPLICATION_FACTOR, expect)
          : replicationFactor("--replication-factor", factor, expect),
      partitions:
        options.partitions === undefined ? DEFAULT_PARTITIONS : partitionCount("--partitions", options.partitions),
    },
    limits: DEFAULT_LIMITS,
  };
  oneOf("--log-level", options.logLevel, LOG_LEVELS);
  if (options.memory !== true) throw usage(MEMORY_REQUIRED);
  return config;
}

function required(option: string, text: string | undefined): string {
  if (text === undefined) throw usage(`${option} is required; see onar start --help`);
  return text;
}

function advertised(
  option: string,
  text: string | undefined,
  listenOption: string,
  listen: Address,
  whom: string,
): Address | null {
  if (text === undefined) {
    if (!WILDCARDS.has(listen.host)) return null;
    throw usage(
      `${listenOption} ${formatAddress(listen)} is no address that ${whom} can connect to: say where they can with ${option} HOST:PORT`,
    );
  }
  const result = address(option, text, 1);
  if (WILDCARDS.has(result.host))
    throw usage(`${option} must be an address that ${whom} can connect to; it is ${formatAddress(result)}`);
  return result;
}

/** The other founding nodes, as given; `own` may stand among them. All must be named: a part of the list could found a second cluster. */
function founders(text: string | undefined, own: string, expect: number): string[] {
  if (text === undefined || text === "") {
    if (expect === 1) return [];
    throw usage(`--join must name the ${expect - 1} other founding nodes (--expect ${expect}); it is missing`);
  }
  const named = addresses("--join", text).map(formatAddress);
  const others = named.filter((name) => name !== own);
  if (others.length !== expect - 1) {
    const hint = others.length === expect ? `; none of them is this node's own, ${own}` : "";
    throw usage(
      `--join must name all ${expect - 1} other founding nodes (--expect ${expect}); it names ${others.length}${hint}`,
    );
  }
  return named;
}

export async function start(options: StartOptions, io: Io): Promise<ExitCode> {
  const config = nodeConfig(options);
  const level = options.logLevel as LogLevel;
  const supervised = io.env[PARENT_VARIABLE] === "1";
  // Loaded here, so that the other commands start without it.
  const { startServer, StartError } = await import("../server.js");

  let end: (code: ExitCode) => void = () => {};
  const ended = new Promise<ExitCode>((resolve) => {
    end = resolve;
  });
  const events: ServerEvents = {
    notice: (text) => {
      if (level !== "error") io.out(`${text}\n`);
    },
    fatal: (text) => {
      io.error(`error: ${text}`);
      end(EXIT.notDone);
    },
  };

  let server: RunningServer | null = null;
  let stopping = false;
  const stop = (drain: boolean): void => {
    if (stopping) return;
    stopping = true;
    if (server === null) return end(EXIT.done);
    server.close({ drain }).then(
      () => end(EXIT.done),
      (error: unknown) => events.fatal(`could not stop in order: ${messageOf(error)}`),
    );
  };
  onStopSignals(() => stop(true), { interrupt: supervised ? "ignore" : "stop" });
  // The whole cluster stops: there is nobody to hand offices to.
  if (supervised) {
    stopWithParent(
      io,
      () => stop(false),
      () => end(EXIT.notDone),
    );
  }

  try {
    server = await startServer(config, events);
  } catch (error) {
    if (error instanceof StartError || level !== "debug") events.fatal(messageOf(error));
    else events.fatal(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return ended;
  }
  const { nodeId, clientAddress, peerAddress } = server;
  io.out(`Onar node ${nodeId}: clients at ${clientAddress}, peers at ${peerAddress}\n`);
  io.out("storage: memory. All data of this node is forgotten when it stops\n");
  server.serving.then(
    () => {
      if (!stopping) io.out(`ready: node ${nodeId} serves clients at ${clientAddress}\n`);
    },
    (error: unknown) => {
      if (!stopping) events.fatal(messageOf(error));
    },
  );
  return ended;
}

function stopWithParent(io: Io, stop: () => void, giveUp: () => void): void {
  const parentGone = (): void => {
    stop();
    setTimeout(giveUp, ORPHAN_MS).unref();
  };
  io.stdin.once("end", parentGone);
  io.stdin.once("error", parentGone);
  io.stdin.resume();
}
