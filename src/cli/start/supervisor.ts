/**
 * `onar start --processes N`: N nodes on this machine, each a process of its own, so that all cores are used. A node
 * that ends is started again. When this process ends, however it ends, the nodes end (start.ts).
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { NodeConfig } from "../../config/config.js";
import { configOfProcess, folderOfProcess } from "../../config/processes.js";
import { SettingError } from "../../config/setting-error.js";
import type { Log } from "../../observe/log.js";
import { hostAndPort, whyNot } from "../../rpc/naming/addresses.js";
import { CliError, EXIT, type ExitCode } from "../ending/exit.js";
import { onStopSignals } from "../ending/signals.js";
import { ChildNode } from "../local/child.js";
import type { Io, NodeOutput } from "../terminal/io.js";
import { PROCESS_VARIABLE, saidBy, textOfPlace } from "./process-channel.js";
import { SharedPort, type Taker } from "./shared-port.js";
import { stopWithParent } from "./with-parent.js";

/** A node that ended is started again after this … */
const FIRST_PAUSE_MS = 1_000;
/** … and after twice as long each time, up to this … */
const LONGEST_PAUSE_MS = 30_000;
/** … unless it ran for so long. */
const STEADY_MS = 60_000;
/** A node that has not stopped so long after its drain delay is killed. server.ts takes less. */
const STOP_MS = 20_000;

export interface SupervisorOptions {
  /** The configuration of all of them, see processes.ts. */
  readonly config: NodeConfig;
  /** The file to start nodes with, and what follows it. */
  readonly program: string;
  readonly args: readonly string[];
  readonly io: Io;
  /** Whoever started this decides when it ends, see start.ts. */
  readonly supervised: boolean;
  readonly log: Log;
  readonly format: "text" | "json";
  readonly output: NodeOutput;
}

export async function supervise(options: SupervisorOptions): Promise<ExitCode> {
  mustBeFolders(options);
  const supervisor = new Supervisor(options);
  const { io, supervised } = options;
  onStopSignals(() => supervisor.stop(), {
    interrupt: supervised ? "ignore" : "stop",
    last: () => supervisor.killAll(),
  });
  if (supervised) {
    stopWithParent(
      io,
      () => supervisor.stop({ drain: false }),
      () => supervisor.killAll(),
    );
  }
  await supervisor.start();
  const code = await supervisor.ended;
  await options.output.finish();
  return code;
}

/** A directory that one node has used would be left aside, and its data with it. */
function mustBeFolders({ config: { data, processes }, log }: SupervisorOptions): void {
  if (data === "") return;
  if (existsSync(join(data, "onar.json"))) {
    throw new SettingError(
      `${data} is the directory of a single node, and with --processes ${processes} it holds a folder for each. To go on with its data, move all of it to ${folderOfProcess(data, 1)}`,
    );
  }
  const left = foldersIn(data).filter((number) => number > processes);
  if (left.length === 0) return;
  log.warn(
    `${data} has folders of nodes that --processes ${processes} does not start: ${left.map((number) => `node${number}`).join(", ")}. To the cluster they are dead, unless they have left it`,
    { event: "folders-left", folders: left.length },
  );
}

function foldersIn(data: string): readonly number[] {
  try {
    return readdirSync(data).flatMap((name) => {
      const number = /^node(\d{1,6})$/.exec(name)?.[1];
      return number === undefined ? [] : [Number(number)];
    });
  } catch {
    return [];
  }
}

/** One of the nodes, over all processes that it has been. */
class Slot implements Taker {
  child: ChildNode | null = null;
  serves = false;
  /** The process that runs listens at its ports. */
  listens = false;
  /** One of its processes has done so: its settings are good. */
  hasStarted = false;
  /** It has left the cluster for good. */
  left = false;
  pauseMs = FIRST_PAUSE_MS;
  startedAt = 0;
  timer: NodeJS.Timeout | null = null;

  constructor(readonly number: number) {}

  get handed(): number {
    return this.child?.handed ?? 0;
  }

  hand(socket: Parameters<Taker["hand"]>[0]): void {
    if (this.child === null) socket.destroy();
    else this.child.hand(socket);
  }
}

class Supervisor {
  readonly ended: Promise<ExitCode>;
  private readonly slots: readonly Slot[];
  private readonly port: SharedPort;
  private stopping = false;
  private saidReady = false;
  private code: ExitCode = EXIT.done;
  private end: (code: ExitCode) => void = () => {};

  constructor(private readonly options: SupervisorOptions) {
    this.slots = Array.from({ length: options.config.processes }, (_, i) => new Slot(i + 1));
    this.port = new SharedPort(() => this.slots.filter(({ listens }) => listens));
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  async start(): Promise<void> {
    const { listen } = this.options.config;
    try {
      await this.port.listen(listen);
    } catch {
      throw new CliError(EXIT.notDone, `--listen: cannot listen at ${listen}: ${await whyNot(listen)}`);
    }
    for (const slot of this.slots) if (!this.stopping) this.begin(slot);
    this.finishIfDone();
  }

  /** Each drains: its offices go to nodes that do not stop, if there are any. */
  stop({ drain } = { drain: true }): void {
    if (this.stopping) return;
    this.stopping = true;
    this.options.log.info("stopping all nodes", { event: "stopping" });
    this.port.close();
    for (const slot of this.slots) {
      if (slot.timer !== null) clearTimeout(slot.timer);
      if (drain) slot.child?.kill("SIGTERM");
      else slot.child?.stop();
    }
    setTimeout(() => this.killAll(), this.options.config.drainDelayMs + STOP_MS).unref();
    this.finishIfDone();
  }

  killAll(): void {
    for (const { child } of this.slots) child?.kill("SIGKILL");
  }

  private begin(slot: Slot): void {
    const { config, program, args, io } = this.options;
    const { number } = slot;
    const own = configOfProcess(config, number);
    const plan = { number, client: hostAndPort(own.listen), peer: hostAndPort(own.peerListen), args };
    const place = textOfPlace({ number, processes: config.processes });
    slot.startedAt = performance.now();
    slot.timer = null;
    const child: ChildNode = new ChildNode(
      plan,
      program,
      { ...io.env, [PROCESS_VARIABLE]: place },
      {
        line: (text, from) => this.line(slot, text, from),
        ready: () => {},
        ended: () => this.childEnded(slot, child),
        said: (message) => this.hear(slot, message),
      },
    );
    slot.child = child;
  }

  private hear(slot: Slot, message: unknown): void {
    const said = saidBy(message);
    if (said === null) return;
    if ("started" in said) {
      slot.listens = true;
      slot.hasStarted = true;
    } else slot.serves = said.serves;
    if (this.saidReady || this.stopping || !this.slots.every(({ serves }) => serves)) return;
    this.saidReady = true;
    const { log, config } = this.options;
    log.info(`ready: ${this.slots.length} nodes serve clients at ${config.advertise || config.listen}`, {
      event: "ready",
      processes: this.slots.length,
    });
  }

  /** The lines of all nodes go where those of one would go, and say whose they are. */
  private line({ number }: Slot, text: string, from: "stdout" | "stderr"): void {
    const { format, output } = this.options;
    if (format === "json" && text.startsWith("{")) output.out(`{"process":${number},${text.slice(1)}\n`);
    else if (from === "stdout") output.out(`[${number}] ${text}\n`);
    else output.error(`[${number}] ${text}`);
  }

  private childEnded(slot: Slot, child: ChildNode): void {
    slot.child = null;
    slot.listens = false;
    slot.serves = false;
    const { log } = this.options;
    if (this.stopping) return this.finishIfDone();
    if (child.code === EXIT.done) {
      slot.left = true;
      return this.finishIfDone();
    }
    if (!slot.hasStarted) {
      // Its settings are wrong, or a port is taken: that is to be told, not tried forever.
      this.code = child.code === EXIT.usage ? EXIT.usage : EXIT.notDone;
      log.error(`${child.describeEnd()} before it had started`, { event: "ended", process: slot.number });
      return this.stop();
    }
    if (performance.now() - slot.startedAt >= STEADY_MS) slot.pauseMs = FIRST_PAUSE_MS;
    log.warn(`${child.describeEnd()}; it starts again in ${slot.pauseMs / 1_000} s`, {
      event: "ended",
      process: slot.number,
    });
    slot.timer = setTimeout(() => this.begin(slot), slot.pauseMs);
    slot.pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * slot.pauseMs);
  }

  private finishIfDone(): void {
    const done = this.stopping ? this.slots.every(({ child }) => child === null) : this.slots.every(({ left }) => left);
    if (!done) return;
    this.port.close();
    this.end(this.code);
  }
}
