/**
 * How often each limit of a port's connections has taken effect. A limit has the name of its setting, where there is
 * one. Our own transport counts; grpc-js tells nobody.
 */
import type { LimitName } from "../../http2/connection/limits.js";

/** The names that metrics have for them. */
const NAMES: Readonly<Record<LimitName, string>> = {
  maxConnections: "max-connections",
  maxConcurrentStreams: "max-concurrent-streams",
  maxHeaderListSize: "max-header-list-size",
  maxUnsentBytes: "connection-memory",
  maxStreamUnsentBytes: "connection-memory",
  resetBurst: "reset-burst",
  connectionTimeoutMs: "connection-timeout",
  maxConnectionIdleMs: "max-connection-idle",
  maxConnectionAgeMs: "max-connection-age",
  maxConnectionAgeGraceMs: "max-connection-age-grace",
  timeMs: "keepalive-time",
  timeoutMs: "keepalive-timeout",
  minTimeMs: "keepalive-min-time",
  // These have no setting.
  maxHeaderBlockBytes: "header-block",
  maxContinuations: "continuations",
  maxSettingsEntries: "settings-entries",
  controlBurst: "control-frames",
  drainTimeoutMs: "drain-timeout",
  writeTimeoutMs: "write-timeout",
};

export class LimitCounts {
  private readonly counts = new Map(Object.values(NAMES).map((name) => [name, 0]));

  count(limit: LimitName): void {
    const name = NAMES[limit];
    this.counts.set(name, this.of(name) + 1);
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  [Symbol.iterator](): IterableIterator<[name: string, count: number]> {
    return this.counts.entries();
  }
}
