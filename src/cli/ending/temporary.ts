/**
 * Folders for temporary files of a command. A signal that nobody listens to would end the process and leave them. So a
 * command says how it stops first (`onStopSignals`), and makes its folder then.
 */
import { assert } from "../../base/assert.js";
import { type TemporaryFolder, temporaryFolder } from "../../server/temporary-folder.js";

/** `prefix`: the first part of its name, for example "onar-demo-". */
export function commandFolder(prefix: string): TemporaryFolder {
  assert(process.listenerCount("SIGTERM") > 0, "a command listens to signals before it makes a temporary folder");
  return temporaryFolder(prefix);
}
