/** `onar health`: what a node says of its own health, as an exit code for scripts and probes of containers. */
import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../../gen/ts/grpc/health/v1/health.js";
import { jsonText } from "../../base/printable.js";
import { call } from "../calls/call.js";
import { EXIT, type ExitCode } from "../ending/exit.js";
import { type CommonOptions, formatOf, targetOf } from "../flags/target.js";
import type { Io } from "../terminal/io.js";

/** The service whose health says that the process answers (rpc/services/health.ts). */
const LIVE = "live";

export interface HealthOptions extends CommonOptions {
  readonly live?: true;
}

export async function health(options: HealthOptions, io: Io): Promise<ExitCode> {
  const format = formatOf(options, io);
  const all = targetOf(options, io);
  // A probe asks one node. Where none is named, another one of the local cluster must not answer for it.
  const named = options.endpoint !== undefined || (io.env.ONAR_ENDPOINT ?? "") !== "";
  const target = named ? all : { ...all, endpoints: all.endpoints.slice(0, 1) };
  const service = options.live === true ? LIVE : "";
  const { status } = await call(target, (channel, callOptions) =>
    channel.unary(HealthDefinition, HealthDefinition.methods.check, { service }, callOptions),
  );
  const name = ServingStatus[status] ?? "UNKNOWN";
  io.out(format === "json" ? `${jsonText({ service, status: name })}\n` : `${name}\n`);
  return status === ServingStatus.SERVING ? EXIT.done : EXIT.notDone;
}
