/** Stopping by signal: the first one stops in order, a second one ends the process at once. */
import { EXIT } from "./exit.js";

export interface SignalOptions {
  /** What Ctrl-C does; "ignore" when a parent gets it too and decides. */
  readonly interrupt: "stop" | "ignore";
  /** Before the process ends at once. */
  readonly last?: () => void;
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
  process.on("SIGTERM", signal);
  process.on("SIGHUP", signal);
  process.on("SIGINT", options.interrupt === "stop" ? signal : () => {});
}
