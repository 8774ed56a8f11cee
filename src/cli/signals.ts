/**
 * Stopping by signal: the first one stops in order, a second one ends the process at once. Until a command says how it stops, a signal finds
 * `listenEarly`: main.ts calls it before it loads anything else, so that this file must stay quick to load.
 */
import { writeSync } from "node:fs";
import { EXIT } from "./exit.js";

/** "1": whoever started this node decides what Ctrl-C does, and keeps its standard input open while it is to run. */
export const PARENT_VARIABLE = "ONAR_STOP_WITH_PARENT";
/** What a node says that is stopped before it has begun to serve. */
export const STOPPED_EARLY = "stopped before it had started";

export interface SignalOptions {
  /** What Ctrl-C does; "ignore" when a parent gets it too and decides. */
  readonly interrupt: "stop" | "ignore";
  /** Before the process ends at once. */
  readonly last?: () => void;
}

const STDERR = 2;
let early: SignalOptions["interrupt"] | null = null;

/**
 * A node that is stopped while the program is being loaded has nothing to do in order: it says so and ends as any node that is stopped, with
 * exit code 0. Other commands end by the signal, as programs do.
 */
export function listenEarly(args: readonly string[], environment: NodeJS.ProcessEnv): void {
  if (args[0] !== "start") return;
  early = environment[PARENT_VARIABLE] === "1" ? "ignore" : "stop";
  listen(endEarly, early);
}

export function onStopSignals(stop: () => void, options: SignalOptions): void {
  let signalled = false;
  const signal = (): void => {
    if (signalled) {
      options.last?.();
      process.exit(EXIT.interrupted);
    }
    signalled = true;
    stop();
  };
  listen(signal, options.interrupt);
  // Not before: there is always somebody who listens.
  if (early !== null) unlisten(endEarly, early);
  early = null;
}

function endEarly(): void {
  try {
    writeSync(STDERR, `${STOPPED_EARLY}\n`);
  } finally {
    process.exit(EXIT.done);
  }
}

function listen(signal: () => void, interrupt: SignalOptions["interrupt"]): void {
  process.on("SIGTERM", signal);
  process.on("SIGHUP", signal);
  process.on("SIGINT", interrupt === "stop" ? signal : leaveToParent);
}

function unlisten(signal: () => void, interrupt: SignalOptions["interrupt"]): void {
  process.off("SIGTERM", signal);
  process.off("SIGHUP", signal);
  process.off("SIGINT", interrupt === "stop" ? signal : leaveToParent);
}

const leaveToParent = (): void => {};
