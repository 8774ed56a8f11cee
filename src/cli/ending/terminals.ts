/**
 * A terminal that hung up before the program ends. At its exit Node.js puts every terminal that it was started on back
 * into the state of then. One that is gone refuses, and Node.js takes that for a fault of its own and aborts: exit
 * codes and orderly ends would be lost. A descriptor that the program has closed is left alone. So those are closed
 * that were terminals at the start and are none any more.
 */
import { closeSync } from "node:fs";
import { isatty } from "node:tty";

const STANDARD = [0, 1, 2];

/** To be called before anything can end the process. */
export function outliveTerminals(): void {
  const terminals = STANDARD.filter((descriptor) => isatty(descriptor));
  if (terminals.length === 0) return;
  process.on("exit", () => {
    for (const descriptor of terminals) if (!isatty(descriptor)) closeSync(descriptor);
  });
}
