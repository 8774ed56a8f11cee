/**
 * The prompt's history: a file in the user's own state folder. Only they may read it, as it holds the keys and values
 * that they typed. ONAR_HISTORY names another file, or is `off`. A line that begins with a blank is not kept. A history
 * that cannot be read or written is no reason to fail.
 */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Io } from "../terminal/io.js";

const MAX_LINES = 1_000;

/** null: no history is kept. */
export function historyFile(env: Io["env"]): string | null {
  const given = env.ONAR_HISTORY ?? "";
  if (given === "off") return null;
  if (given !== "") return given;
  const state = env.XDG_STATE_HOME ?? "";
  if (state !== "") return join(state, "onar", "history");
  const home = env.HOME ?? env.USERPROFILE ?? "";
  return home === "" ? null : join(home, ".local", "state", "onar", "history");
}

export class History {
  private broken = false;

  constructor(private readonly path: string | null) {}

  /** The latest lines, oldest first. */
  load(): string[] {
    if (this.path === null) return [];
    try {
      const lines = readFileSync(this.path, "utf8")
        .split("\n")
        .filter((line) => line !== "");
      const kept = lines.slice(-MAX_LINES);
      if (lines.length > 2 * MAX_LINES) writeFileSync(this.path, `${kept.join("\n")}\n`, { mode: 0o600 });
      return kept;
    } catch {
      return [];
    }
  }

  keep(line: string): void {
    if (this.path === null || this.broken || line.trim() === "" || line.startsWith(" ")) return;
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      appendFileSync(this.path, `${line.replaceAll("\n", " ")}\n`, { mode: 0o600 });
    } catch {
      this.broken = true;
    }
  }
}
