/**
 * Says that something is going on when it takes longer than a second: on standard error, and only where that is a
 * terminal.
 */
import type { Io } from "./io.js";

const AFTER_MS = 1_000;
const EVERY_MS = 200;

/** The promise's own outcome. `what` is asked again each time the line is shown. */
export async function showProgress<T>(io: Io, what: () => string, work: Promise<T>): Promise<T> {
  if (io.errorTerminal !== true || io.progress === undefined) return work;
  const began = Date.now();
  let shown = false;
  const timer = setInterval(() => {
    const ms = Date.now() - began;
    if (ms < AFTER_MS) return;
    shown = true;
    io.progress?.(`${what()} … ${Math.floor(ms / 1_000)} s`);
  }, EVERY_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (shown) io.progress("");
  }
}
