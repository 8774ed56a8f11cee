/**
 * `onar start`: one node in the foreground.
 *
 * A program that starts nodes as child processes (`onar cluster` does) sets ONAR_STOP_WITH_PARENT=1 and keeps the
 * child's standard input open. The node stops when that ends, so it cannot outlive a parent that was killed. SIGINT is
 * then left to the parent, as a terminal sends Ctrl-C to both.
 */
import type { NodeConfig } from "../../config/config.js";
import { readSettingsFile, type SettingsFile } from "../../config/file.js";
import { Gathered } from "../../config/gather.js";
import { nodeConfigOf } from "../../config/node-config.js";
import { configOfProcess } from "../../config/processes.js";
import { SettingError } from "../../config/setting-error.js";
import {
  CONFIG_FLAG,
  CONFIG_VARIABLE,
  type LogFormat,
  NODE_SETTINGS,
  type NodeSettings,
} from "../../config/settings.js";
import { type Environment, fromEnvironment, fromFlags, mistyped } from "../../config/sources.js";
import type { Facts } from "../../observe/log.js";
import type { RunningServer, ServerEvents } from "../../server/server.js";
import { version } from "../../version.js";
import { exitAtOnce } from "../ending/at-once.js";
import { EXIT, type ExitCode, messageOf } from "../ending/exit.js";
import { onStopSignals, PARENT_VARIABLE, STOPPED_EARLY } from "../ending/signals.js";
import { type Io, nodeOutputOf } from "../terminal/io.js";
import { keepTickObject } from "./next-tick-shape.js";
import { onHanded, placeOf, tellSupervisor } from "./process-channel.js";
import { stopWithParent } from "./with-parent.js";

/** As the command line has them: text, checked by config/. */
export interface StartOptions {
  readonly config?: string;
  readonly listen?: string;
  readonly peerListen?: string;
  readonly advertise?: string;
  readonly peerAdvertise?: string;
  readonly join?: string;
  readonly expect?: string;
  readonly replicationFactor?: string;
  readonly partitions?: string;
  readonly clusterSecretFile?: string;
  readonly insecure?: true;
  readonly zone?: string;
  readonly processes?: string;
  readonly rebalance?: boolean;
  readonly movesPerNode?: string;
  readonly movesPerCluster?: string;
  readonly replaceAfter?: string;
  readonly clusterId?: string;
  readonly memory?: true;
  readonly data?: string;
  readonly storageMemory?: string;
  readonly diskStall?: string;
  readonly transferRate?: string;
  readonly transferPartitions?: string;
  readonly maxKeyBytes?: string;
  readonly maxValueBytes?: string;
  readonly maxMessageBytes?: string;
  readonly maxConnections?: string;
  readonly reflection?: boolean;
  readonly backup?: boolean;
  readonly drainDelay?: string;
  readonly transport?: string;
  readonly connectionMemory?: string;
  readonly resetBurst?: string;
  readonly resetRate?: string;
  readonly maxConnectionAge?: string;
  readonly maxConnectionAgeGrace?: string;
  readonly maxConnectionIdle?: string;
  readonly maxConcurrentStreams?: string;
  readonly maxHeaderListSize?: string;
  readonly connectionTimeout?: string;
  readonly keepaliveTime?: string;
  readonly keepaliveTimeout?: string;
  readonly keepaliveMinTime?: string;
  readonly keepalivePermitWithoutStream?: boolean;
  readonly metricsListen?: string;
  readonly traceEndpoint?: string;
  readonly traceSample?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
}

/** Flags, then the environment, then the file that one of them names. */
export function gatherSettings(options: StartOptions, environment: Environment): Gathered<NodeSettings> {
  const file = settingsFile(options, environment);
  return new Gathered(NODE_SETTINGS, [
    fromFlags(options),
    fromEnvironment(environment),
    ...(file === null ? [] : [file]),
  ]);
}

function settingsFile(options: StartOptions, environment: Environment): SettingsFile | null {
  const [label, path] =
    options.config !== undefined
      ? [CONFIG_FLAG, options.config]
      : [`${CONFIG_VARIABLE} (environment)`, environment[CONFIG_VARIABLE] ?? ""];
  if (path === "" && options.config === undefined) return null;
  const file = readSettingsFile(label, path);
  const [first, ...others] = file.problems;
  if (first !== undefined) {
    const more = others.length === 0 ? "" : `; ${others.length} more: onar config check ${path}`;
    throw new SettingError(`${first}${more}`);
  }
  return file;
}

/** Everything that can be known to be wrong before anything is started. */
export function nodeConfig(options: StartOptions, environment: Environment = {}): NodeConfig {
  const gathered = gatherSettings(options, environment);
  gathered.valueOr("logLevel", "info");
  gathered.valueOr("logFormat", "auto");
  return nodeConfigOf(gathered);
}

/** `program`: the file to start further nodes with. */
export async function start(options: StartOptions, io: Io, program: string): Promise<ExitCode> {
  const gathered = gatherSettings(options, io.env);
  const level = gathered.valueOr("logLevel", "info");
  const supervised = io.env[PARENT_VARIABLE] === "1";
  const format = logFormat(gathered.valueOr("logFormat", "auto"), io.terminal || supervised);
  const common = nodeConfigOf(gathered);
  const place = placeOf(io.env);
  const config = place === null ? common : configOfProcess(common, place.number);
  // Loaded here, as the server below is, so that what only reads settings starts without it.
  const { droppedLines, makeLog } = await import("../../observe/log.js");
  const output = nodeOutputOf(io, droppedLines(format, level));
  const log = makeLog(format, level, output);
  for (const warning of mistyped(io.env)) log.warn(warning, { event: "mistyped-variable" });
  // Lines that the starter of the node waits for are said at every level.
  const announce = (text: string, facts: Facts): void => {
    if (format === "text") output.out(`${text}\n`);
    else log.info(text, facts);
  };
  keepTickObject();
  if (config.processes > 1) {
    const { supervise } = await import("./supervisor.js");
    return supervise({ config, program, args: process.argv.slice(2), io, supervised, log, format, output });
  }
  const { startServer, StartError } = await import("../../server/server.js");
  if (config.clientPort.transport === "grpc-js") (await import("../calls/quiet-grpc.js")).quietGrpc();

  let end: (code: ExitCode) => void = () => {};
  const ended = new Promise<ExitCode>((resolve) => {
    end = (code) => void output.finish().then(() => (code === EXIT.done ? resolve(code) : exitAtOnce(code)));
  });
  const events: ServerEvents = {
    notice: (text, facts = { event: "notice" }) => {
      if (facts["event"] === "health" && place !== null) tellSupervisor({ serves: facts["serving"] === true });
      if (isTrouble(facts)) log.warn(text, facts);
      else log.info(text, facts);
    },
    detail: (text, facts) => log.debug(text, facts),
    fatal: (text) => {
      log.error(text, { event: "fatal" });
      end(EXIT.notDone);
    },
    left: (text) => {
      log.info(text, { event: "left" });
      end(EXIT.done);
    },
    linesDropped: () => output.dropped(),
  };

  let server: RunningServer | null = null;
  let stopping = false;
  const stop = (drain: boolean): void => {
    if (stopping) return;
    stopping = true;
    if (place !== null) tellSupervisor({ serves: false });
    if (server === null) {
      log.info(STOPPED_EARLY, { event: "stopped" });
      return end(EXIT.done);
    }
    log.info(drain ? "stopping: no new calls, offices go to other nodes" : "stopping", { event: "stopping", drain });
    server.close({ drain }).then(
      () => {
        log.info("stopped", { event: "stopped" });
        end(EXIT.done);
      },
      (error: unknown) => events.fatal(`could not stop in order: ${messageOf(error)}`),
    );
  };
  onStopSignals(() => stop(true), {
    interrupt: supervised ? "ignore" : "stop",
    hangUp: () => log.info("SIGHUP: nothing is read anew, the node goes on. SIGTERM stops it", { event: "hang-up" }),
  });
  // The whole cluster stops: there is nobody to hand offices to.
  if (supervised) {
    stopWithParent(
      io,
      () => stop(false),
      () => end(EXIT.notDone),
    );
  }

  try {
    // A start may wait for file descriptors, and a signal ends it all the same.
    const started = await Promise.race([startServer(config, events), ended]);
    if (typeof started !== "object") return started;
    server = started;
  } catch (error) {
    if (error instanceof StartError || level !== "debug") events.fatal(messageOf(error));
    else events.fatal(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return ended;
  }
  const { nodeId, clientAddress, peerAddress, metricsAddress } = server;
  if (place !== null) {
    onHanded((socket) => (server === null ? socket.destroy() : server.take(socket)));
    tellSupervisor({ started: true });
  }
  announce(`Onar node ${nodeId}: clients at ${clientAddress}, peers at ${peerAddress}`, {
    event: "started",
    node: nodeId,
    clientAddress,
    peerAddress,
    version,
  });
  if (metricsAddress !== "") {
    announce(`metrics: http://${metricsAddress}/metrics`, { event: "metrics", node: nodeId, metricsAddress });
  }
  const kept = server.dataPath === "" ? "memory" : "disk";
  announce(
    kept === "memory"
      ? "storage: memory. All data of this node is forgotten when it stops"
      : `storage: ${server.dataPath}`,
    { event: "storage", node: nodeId, storage: kept, ...(kept === "memory" ? {} : { data: server.dataPath }) },
  );
  server.serving.then(
    () => {
      const text = `ready: node ${nodeId} serves clients at ${clientAddress}`;
      if (stopping) return;
      announce(text, { event: "ready", node: nodeId, clientAddress });
      if (place !== null) tellSupervisor({ serves: true });
    },
    (error: unknown) => {
      if (!stopping) events.fatal(messageOf(error));
    },
  );
  return ended;
}

/** News that somebody should look at. */
const isTrouble = ({ event, serving, writable, sent, waits, heard, moves }: Facts): boolean =>
  event === "bad-register" ||
  event === "dropped-messages" ||
  heard === false ||
  moves === false ||
  event === "connections" ||
  serving === false ||
  writable === false ||
  sent === false ||
  waits === true;

const logFormat = (format: LogFormat, people: boolean): "text" | "json" =>
  format === "auto" ? (people ? "text" : "json") : format;
