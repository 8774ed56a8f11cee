/**
 * An end that no disk holds up. Node.js waits at its exit for the threads that files are written on. A disk that stands
 * still may hold one of them for as long as it does. So a process beside this one ends it if it has not ended soon.
 */
import type { ExitCode } from "./exit.js";

/** Longer than an exit takes that nothing holds up. */
const SOON_S = 2;

export function exitAtOnce(code: ExitCode): never {
  try {
    process
      .getBuiltinModule("node:child_process")
      .spawn("/bin/sh", ["-c", `sleep ${SOON_S}; kill -KILL ${process.pid}`], { detached: true, stdio: "ignore" })
      .on("error", () => {})
      .unref();
  } finally {
    process.exit(code);
  }
}
