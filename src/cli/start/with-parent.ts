/** A node that was started to end with its parent: by the end of its standard input. */
import type { Io } from "../terminal/io.js";

/** A parent that died cannot insist; so a node that does not manage to stop in this time just ends. */
const ORPHAN_MS = 5_000;

export function stopWithParent(io: Io, stop: () => void, giveUp: () => void): void {
  const parentGone = (): void => {
    stop();
    setTimeout(giveUp, ORPHAN_MS).unref();
  };
  io.stdin.once("end", parentGone);
  io.stdin.once("error", parentGone);
  io.stdin.resume();
}
