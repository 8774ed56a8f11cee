/** The gRPC library's messages reach people in our words, unless they ask for its own. */
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";

/**
 * Before the first channel is made. It is no part of program.ts, as commands that call nobody start without the
 * library.
 */
export function quietGrpc(): void {
  if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
}
