/** One of several nodes that a command runs: a child process of `onar start`, its output, how it ended. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { type Address, formatAddress } from "../../config/values.js";
import { PARENT_VARIABLE } from "../ending/signals.js";

export interface NodePlan {
  /** 1 … n: how this command calls it. The node's own id is another number. */
  readonly number: number;
  readonly client: Address;
  readonly peer: Address;
  /** Arguments of `onar`. */
  readonly args: readonly string[];
}

export interface ChildEvents {
  /** A line of output as it comes. */
  line(text: string, from: "stdout" | "stderr"): void;
  ready(): void;
  ended(): void;
  /** Words of the process by its channel. With it, the process gets one. */
  said?(message: unknown): void;
}

/** Lines kept to be shown when the node ends by itself. */
const KEPT_LINES = 20;

export class ChildNode {
  readonly plan: NodePlan;
  ready = false;
  ended = false;
  /** Resolves when the process has ended and its output is read. */
  readonly end: Promise<void>;
  /** Its exit code; null while it runs, and if a signal ended it. */
  code: number | null = null;
  /** Connections that are on their way to it. */
  handed = 0;
  private readonly process: ChildProcess;
  private readonly lines: string[] = [];
  private cause = "";

  constructor(plan: NodePlan, program: string, env: NodeJS.ProcessEnv, events: ChildEvents) {
    this.plan = plan;
    // Its standard input stays open as long as this process lives, and nothing is ever written to it: see start.ts.
    this.process = spawn(process.execPath, [...process.execArgv, program, ...plan.args], {
      stdio: ["pipe", "pipe", "pipe", ...(events.said === undefined ? [] : ["ipc" as const])],
      env: { ...env, [PARENT_VARIABLE]: "1" },
    });
    this.process.stdin?.on("error", () => {});
    if (events.said !== undefined) this.process.on("message", (message) => events.said?.(message));
    this.read("stdout", events);
    this.read("stderr", events);
    this.end = new Promise((resolve) => {
      const finish = (cause: string): void => {
        if (this.ended) return;
        this.ended = true;
        this.cause = cause;
        events.ended();
        resolve();
      };
      this.process.once("error", (error) => finish(`could not be started: ${error.message}`));
      this.process.once("close", (code, signal) => {
        this.code = code;
        finish(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`);
      });
    });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** "node 2 (pid 4711, 127.0.0.1:4601) was ended by SIGKILL" */
  describeEnd(): string {
    return `node ${this.plan.number} (pid ${this.pid}, ${formatAddress(this.plan.client)}) ${this.cause}`;
  }

  lastLines(count: number): readonly string[] {
    return this.lines.slice(-count);
  }

  /** Says that the whole cluster stops: by the end of its standard input, see start.ts. */
  stop(): void {
    this.process.stdin?.end();
  }

  /** Hands a connection over, which is closed if the process cannot be reached any more. */
  hand(socket: Socket): void {
    this.handed++;
    this.process.send("connection", socket, {}, (error) => {
      this.handed--;
      if (error !== null) socket.destroy();
    });
  }

  kill(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    if (!this.ended) this.process.kill(signal);
  }

  private read(from: "stdout" | "stderr", events: ChildEvents): void {
    const input = this.process[from];
    if (input === null) return;
    createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
      this.lines.push(line);
      if (this.lines.length > KEPT_LINES) this.lines.shift();
      events.line(line, from);
      if (from === "stdout" && !this.ready && line.startsWith("ready")) {
        this.ready = true;
        // How it started is of no interest any more.
        this.lines.length = 0;
        events.ready();
      }
    });
  }
}

/** Stops all together, with SIGKILL those still there after `patienceMs`; returns when all have ended. */
export async function stopAll(nodes: readonly ChildNode[], patienceMs: number): Promise<void> {
  for (const node of nodes) node.stop();
  const timer = setTimeout(() => {
    for (const node of nodes) node.kill("SIGKILL");
  }, patienceMs);
  await Promise.all(nodes.map((node) => node.end));
  clearTimeout(timer);
}
