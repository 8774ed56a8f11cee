/**
 * grpc.health.v1, per service. `live` (the empty name is the whole server) never depends on a quorum: only the services
 * do.
 */
import {
  type HealthCheckResponse,
  HealthDefinition,
  type HealthListResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../../gen/ts/grpc/health/v1/health.js";
import type { Route } from "../../grpc/server/route.js";
import { GrpcError, STATUS } from "../../grpc/status.js";
import { serverStreaming, unary } from "../call/routes.js";

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

  /** Sets the health of all services and the server as a whole. */
  setServing(serving: boolean): void {
    const status = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    if (this.statuses.get("") === status) return;
    this.statuses.set("", status);
    for (const service of this.services) this.statuses.set(service, status);
    for (const wake of this.watchers) wake();
  }

  /** `stopping`: watchers are told no more when it aborts. */
  routes(stopping: AbortSignal): Route[] {
    const { methods } = HealthDefinition;
    return [
      unary(HealthDefinition, methods.check, ({ service }) => this.check(service)),
      unary(HealthDefinition, methods.list, () => this.list()),
      serverStreaming(HealthDefinition, methods.watch, stopping, ({ service }, { signal }) =>
        this.watch(service, signal),
      ),
    ];
  }

  check(service: string): HealthCheckResponse {
    const status = this.statuses.get(service);
    if (status !== undefined) return { status };
    const name = JSON.stringify(service.slice(0, 100));
    throw new GrpcError(STATUS.notFound, `there is no service ${name} here`);
  }

  list(): HealthListResponse {
    return { statuses: Object.fromEntries([...this.statuses].map(([service, status]) => [service, { status }])) };
  }

  async *watch(service: string, signal: AbortSignal): AsyncGenerator<HealthCheckResponse> {
    let told: ServingStatus | null = null;
    while (!signal.aborted) {
      const status = this.statuses.get(service) ?? ServingStatus.SERVICE_UNKNOWN;
      if (status !== told) {
        told = status;
        yield { status };
        continue;
      }
      await this.changed(signal);
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
