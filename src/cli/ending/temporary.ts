/**
 * Folders for temporary files. Each goes when its command is done with it, and at the end of the process at the latest.
 * A signal that nobody listens to ends the process without that end. So a command says how it stops first
 * (`onStopSignals`), and makes its folder then.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert } from "../../base/assert.js";

export interface TemporaryFolder {
  readonly path: string;
  readonly remove: () => void;
}

/** `prefix`: the first part of its name, for example "onar-demo-". */
export function temporaryFolder(prefix: string): TemporaryFolder {
  assert(process.listenerCount("SIGTERM") > 0, "a command listens to signals before it makes a temporary folder");
  const path = mkdtempSync(join(tmpdir(), prefix));
  const remove = (): void => {
    process.off("exit", remove);
    rmSync(path, { recursive: true, force: true });
  };
  process.on("exit", remove);
  return { path, remove };
}
