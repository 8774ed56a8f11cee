/**
 * The usual numbers of a gRPC server, under their usual names: how many calls of each method, how they ended, how long
 * they took.
 */
import { STATUS } from "../grpc/status.js";
import { statusName } from "../grpc/status-name.js";
import type { CallObserver, CallType, ObservedMethod } from "../rpc/call/call-observer.js";
import { counterText, Distribution, histogramText, type Labels } from "./exposition.js";

const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
/** gRPC has the statuses 0 to 16. */
const STATUSES = 17;

class MethodCalls implements ObservedMethod {
  started = 0;
  readonly handled = new Float64Array(STATUSES);
  readonly seconds = new Distribution(SECONDS);

  constructor(readonly labels: Labels) {}

  ended(code: number, ms: number): void {
    const known = code >= 0 && code < STATUSES ? code : STATUS.unknown;
    this.handled[known] = (this.handled[known] ?? 0) + 1;
    this.seconds.add(ms / 1_000);
  }
}

export class CallMetrics implements CallObserver {
  private readonly methods = new Map<string, MethodCalls>();

  began(path: string, type: CallType): ObservedMethod {
    let method = this.methods.get(path);
    if (method === undefined) {
      method = new MethodCalls(labelsOf(path, type));
      this.methods.set(path, method);
    }
    method.started++;
    return method;
  }

  text(): string {
    const methods = [...this.methods.values()];
    return [
      counterText(
        "grpc_server_started_total",
        "Calls that began.",
        methods.map(({ labels, started }) => ({ labels, value: started })),
      ),
      counterText(
        "grpc_server_handled_total",
        "Calls that ended, by gRPC status.",
        methods.flatMap(({ labels, handled }) =>
          [...handled].flatMap((value, code) =>
            value === 0 ? [] : [{ labels: { ...labels, grpc_code: codeName(code) }, value }],
          ),
        ),
      ),
      histogramText(
        "grpc_server_handling_seconds",
        "How long calls took; streams from their first to their last moment.",
        SECONDS,
        methods.map(({ labels, seconds }) => ({ labels, counts: seconds.counts, sum: seconds.sum })),
      ),
    ].join("");
  }
}

function labelsOf(path: string, type: CallType): Labels {
  const [, service = "", method = ""] = path.split("/");
  return { grpc_type: type, grpc_service: service, grpc_method: method };
}

/** "OK", "DeadlineExceeded": as other gRPC servers call them in metrics. */
const codeName = (code: number): string => {
  const name: string = statusName(code);
  return name === "OK" ? name : name.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_, letter) => letter.toUpperCase());
};
