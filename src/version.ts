/** This program's version, from package.json: beside src/ in the sources, two levels up when compiled. */
import { readFileSync } from "node:fs";

function read(): string {
  for (const path of ["../package.json", "../../package.json"]) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
      const version = parsed !== null && typeof parsed === "object" ? Reflect.get(parsed, "version") : undefined;
      if (typeof version === "string") return version;
    } catch {
      // Not there: the other one.
    }
  }
  return "unknown";
}

export const version = read();
