/**
 * Stopping by signal: the first one stops in order, a second one ends the process at once. SIGHUP is a terminal that is
 * gone; a node without one goes on, since services are sent SIGHUP by programs that want settings read anew. Until a
 * command says how it stops, a signal finds `listenEarly`. main.ts calls it before it loads anything else, so that this
 * file must stay quick to load.
 */
import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { exitAtOnce } from "./at-once.js";
import { EXIT } from "./exit.js";

/** "1": whoever started this node decides what Ctrl-C does, and keeps its standard input open while it is to run. */
export const PARENT_VARIABLE = "ONAR_STOP_WITH_PARENT";
/** The words of a node that is stopped before it has begun to serve. */
export const STOPPED_EARLY = "stopped before it had started";

export interface SignalOptions {
  /** The effect of Ctrl-C; "ignore" when a parent gets it too and decides. */
  readonly interrupt: "stop" | "ignore";
  /** The effect of SIGHUP where no terminal can hang up: without it, it stops as SIGTERM does. */
  readonly hangUp?: () => void;
  /** Before the process ends at once. */
  readonly last?: () => void;
}

const STDOUT = 1;
const STDERR = 2;
const nothing = (): void => {};
let early: SignalOptions["interrupt"] | null = null;
let earlyHangUp: () => void = nothing;

/**
 * A node that is stopped while the program is being loaded has nothing to finish. It says so and ends as any node that
 * is stopped, with exit code 0. Other commands end by the signal, as programs do.
 */
export function listenEarly(args: readonly string[], environment: NodeJS.ProcessEnv): void {
  if (args[0] !== "start") return;
  early = environment[PARENT_VARIABLE] === "1" ? "ignore" : "stop";
  earlyHangUp = hasTerminal() ? endEarly : nothing;
  listen(endEarly, early, earlyHangUp);
}

export function onStopSignals(stop: () => void, options: SignalOptions): void {
  let signalled = false;
  const signal = (): void => {
    if (signalled) {
      options.last?.();
      exitAtOnce(EXIT.interrupted);
    }
    signalled = true;
    stop();
  };
  listen(signal, options.interrupt, hasTerminal() ? signal : (options.hangUp ?? signal));
  // Not before: there is always somebody who listens.
  if (early !== null) unlisten(endEarly, early, earlyHangUp);
  early = null;
}

function endEarly(): void {
  try {
    writeSync(STDERR, `${STOPPED_EARLY}\n`);
  } finally {
    process.exit(EXIT.done);
  }
}

function listen(signal: () => void, interrupt: SignalOptions["interrupt"], hangUp: () => void): void {
  process.on("SIGTERM", signal);
  process.on("SIGHUP", hangUp);
  process.on("SIGINT", interrupt === "stop" ? signal : nothing);
}

function unlisten(signal: () => void, interrupt: SignalOptions["interrupt"], hangUp: () => void): void {
  process.off("SIGTERM", signal);
  process.off("SIGHUP", hangUp);
  process.off("SIGINT", interrupt === "stop" ? signal : nothing);
}

/** One that hangs up sends SIGHUP to what it has started. */
const hasTerminal = (): boolean => isatty(0) || isatty(STDOUT);
