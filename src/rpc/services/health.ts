/** grpc.health.v1, per service. `live` (the empty name is the whole server) never depends on a quorum: only the services do. */
import { type CallContext, ServerError, Status } from "nice-grpc-common";
import {
  type HealthCheckResponse,
  type HealthServiceImplementation,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../../gen/ts/grpc/health/v1/health.js";

/** The process answers; whether it can serve keys is another question. */
export const LIVE = "live";

export class Health {
  private readonly statuses = new Map<string, ServingStatus>();
  private readonly watchers = new Set<() => void>();

  constructor(private readonly services: readonly string[]) {
    this.statuses.set(LIVE, ServingStatus.SERVING);
    this.setServing(false);
  }

  get serving(): boolean {
    return this.statuses.get("") === ServingStatus.SERVING;
  }

  /** Of all services and the server as a whole. */
  setServing(serving: boolean): void {
    const status = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    if (this.statuses.get("") === status) return;
    this.statuses.set("", status);
    for (const service of this.services) this.statuses.set(service, status);
    for (const wake of this.watchers) wake();
  }

  service(): HealthServiceImplementation {
    return {
      check: async (request) => {
        const status = this.statuses.get(request.service);
        if (status === undefined) {
          throw new ServerError(
            Status.NOT_FOUND,
            `there is no service ${JSON.stringify(request.service.slice(0, 100))} here`,
          );
        }
        return { status };
      },
      list: async () => ({
        statuses: Object.fromEntries([...this.statuses].map(([service, status]) => [service, { status }])),
      }),
      watch: (request, context) => this.watch(request.service, context),
    };
  }

  private async *watch(service: string, context: CallContext): AsyncGenerator<HealthCheckResponse> {
    let told: ServingStatus | null = null;
    while (!context.signal.aborted) {
      const status = this.statuses.get(service) ?? ServingStatus.SERVICE_UNKNOWN;
      if (status !== told) {
        told = status;
        yield { status };
        continue;
      }
      await this.changed(context.signal);
    }
  }

  private changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.watchers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.watchers.add(wake);
      signal.addEventListener("abort", wake);
    });
  }
}
