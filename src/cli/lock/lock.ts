/**
 * `onar lock NAME -- COMMAND`: runs a command while a lock is held. Its exit code is the command's, as a shell says it.
 * It is 126 or 127 when the command could not be started, and 128 plus the signal's number when a signal ended it. When
 * the lock is lost the command is stopped, and the exit code is 1.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { OnarClient, OnarError } from "../../client/client.js";
import { formatAddress, wholeNumber } from "../../config/values.js";
import { quietGrpc } from "../calls/quiet-grpc.js";
import { CliError, commandCode, EXIT, type ExitCode, usage } from "../ending/exit.js";
import { type CommonOptions, targetOf } from "../flags/target.js";
import type { Io } from "../terminal/io.js";
import { acquire, type Lease, NoLockError } from "./lease.js";
import { NAME_VARIABLE, TOKEN_VARIABLE } from "./names.js";

export interface LockOptions extends CommonOptions {
  readonly lease: string;
  readonly wait?: string;
}

const MAX_LEASE_S = 3_600;
const MAX_WAIT_S = 1_000_000;
/** A command that does not end when it is told to is ended after this. */
const KILL_AFTER_MS = 10_000;
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
const BY_SIGNAL = 128;
const SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT"] as const;

export async function lock(name: string, command: readonly string[], options: LockOptions, io: Io): Promise<ExitCode> {
  const { endpoints, timeoutMs } = targetOf(options, io);
  if (name === "") throw usage("NAME must have at least one byte; it is empty");
  const leaseMs = wholeNumber("--lease", options.lease, 1, MAX_LEASE_S) * 1_000;
  const waitMs = wholeNumber("--wait", options.wait ?? String(MAX_WAIT_S), 0, MAX_WAIT_S) * 1_000;
  const interrupt = new AbortController();
  // While it waits, a signal ends it; while the command runs, it is the command's.
  let signalled = (signal: NodeJS.Signals): void => interrupt.abort(signal);
  const hear = (signal: NodeJS.Signals): void => signalled(signal);
  for (const signal of SIGNALS) process.on(signal, hear);
  quietGrpc();
  await using client = new OnarClient({ endpoints: endpoints.map(formatAddress), timeoutMs });
  try {
    const held = (): void => {
      if (waitMs > 0) io.error(`${name} is held by somebody else: waiting`);
    };
    const waiting = { waitMs, interrupt: interrupt.signal, held };
    const lease = await acquire({ client, key: Buffer.from(name), leaseMs }, waiting).catch(failed(name));
    if (interrupt.signal.aborted) {
      await lease?.release();
      return EXIT.interrupted;
    }
    if (lease === null) throw new CliError(EXIT.condition, `${name} is held by somebody else`);
    const environment = { ...io.env, [NAME_VARIABLE]: name, [TOKEN_VARIABLE]: lease.token.toString() };
    const code = await under(lease, command, environment, {
      lost: (why) => {
        const then = `the command is told to stop (SIGTERM), and ended after ${KILL_AFTER_MS / 1_000} s (SIGKILL)`;
        io.error(`the lock ${name} is lost: ${why}; ${then}`);
      },
      passOn: (pass) => {
        // A terminal has told Ctrl-C to the command already.
        signalled = (signal) => {
          if (signal !== "SIGINT" || io.inputTerminal !== true) pass(signal);
        };
      },
    });
    const left = await lease.release();
    if (left !== null)
      io.error(`${name} could not be given back: ${left}. It is free after ${leaseMs / 1_000} s at the latest`);
    return lease.lost.aborted ? EXIT.notDone : code;
  } finally {
    for (const signal of SIGNALS) process.off(signal, hear);
  }
}

const failed =
  (name: string) =>
  (error: unknown): never => {
    if (error instanceof NoLockError) throw new CliError(EXIT.notDone, `${name} cannot be taken: ${error.message}`);
    if (!(error instanceof OnarError)) throw error;
    throw new CliError(EXIT.notDone, `${name} cannot be taken: ${error.message}`, {
      status: error.code,
      reason: error.reason,
    });
  };

interface Hooks {
  readonly lost: (why: string) => void;
  readonly passOn: (pass: (signal: NodeJS.Signals) => void) => void;
}

/** Runs the command to its end. */
function under(lease: Lease, command: readonly string[], env: NodeJS.ProcessEnv, hooks: Hooks): Promise<ExitCode> {
  const [file = "", ...args] = command;
  return new Promise((resolve) => {
    const child: ChildProcess = spawn(file, args, { stdio: "inherit", env });
    let killing: NodeJS.Timeout | null = null;
    const stop = (): void => {
      hooks.lost(String(lease.lost.reason));
      child.kill("SIGTERM");
      killing = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
    };
    const end = (code: number): void => {
      lease.lost.removeEventListener("abort", stop);
      if (killing !== null) clearTimeout(killing);
      resolve(commandCode(code));
    };
    if (lease.lost.aborted) stop();
    else lease.lost.addEventListener("abort", stop);
    hooks.passOn((signal) => child.kill(signal));
    child.once("error", (error: NodeJS.ErrnoException) => {
      // One that could not be told something runs on.
      if (child.pid !== undefined) return;
      process.stderr.write(`error: ${file} cannot be run: ${error.message}\n`);
      end(error.code === "ENOENT" ? NOT_FOUND : NOT_EXECUTABLE);
    });
    child.once("exit", (code, signal) => end(code ?? BY_SIGNAL + (signal === null ? 0 : constants.signals[signal])));
  });
}
