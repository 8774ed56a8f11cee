/** Commands typed where `onar cluster` runs: `r 2` starts node 2 again. */
import { spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import type { Io } from "../terminal/io.js";

export const TYPED_HELP = "r N and Enter starts node N again; Ctrl-C stops all";

/**
 * Calls `restart` for each such line, and `other` for what is none. In the background of a shell nothing is read: a
 * terminal stops whoever tries to.
 */
export function readTyped(io: Io, restart: (number: number) => void, other: () => void): void {
  if (io.inputTerminal === true && !inForeground()) return;
  io.stdin.on("error", () => {});
  createInterface({ input: io.stdin, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
    const number = /^\s*(?:r|restart)\s*(\d{1,3})\s*$/.exec(line)?.[1];
    if (number !== undefined) restart(Number(number));
    else if (line.trim() !== "") other();
  });
}

/** Whether this process belongs to the group that the terminal listens to. */
function inForeground(): boolean {
  const { stdout } = spawnSync("ps", ["-o", "pgid=,tpgid=", "-p", String(process.pid)], { encoding: "utf8" });
  const [own, foreground] = (stdout ?? "").trim().split(/\s+/);
  return own !== undefined && own !== "" && own === foreground;
}
