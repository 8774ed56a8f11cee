/** The program's own version, from its package.json: the sources and dist/ lie at different depths below it. */
import { readFileSync } from "node:fs";

export function ownVersion(): string {
  for (const up of ["../../package.json", "../../../package.json"]) {
    try {
      const found = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")) as { name?: unknown; version?: unknown };
      if (found.name === "onar" && typeof found.version === "string") return found.version;
    } catch {
      // not at this depth
    }
  }
  return "unknown";
}
