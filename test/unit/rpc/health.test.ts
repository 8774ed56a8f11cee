/** grpc.health.v1: the process lives whether or not it can serve. */
import { Status } from "nice-grpc-common";
import { beforeEach, describe, expect, test } from "vitest";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../../gen/ts/grpc/health/v1/health.js";
import { Health, LIVE } from "../../../src/rpc/services/health.js";

const KV = "onar.kv.v1.KeyValueService";
const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = ServingStatus;

let health: Health;
beforeEach(() => {
  health = new Health([KV]);
});

const check = (service: string) => health.check(service).status;

function watch(service: string): { next: () => Promise<unknown>; stop: () => void } {
  const controller = new AbortController();
  const statuses = health.watch(service, controller.signal)[Symbol.asyncIterator]();
  return { next: async () => (await statuses.next()).value?.status, stop: () => controller.abort() };
}

describe("check", () => {
  test("before there is a quorum the process lives and serves nothing", () => {
    expect(check(LIVE)).toBe(SERVING);
    expect(check(KV)).toBe(NOT_SERVING);
    expect(check("")).toBe(NOT_SERVING);
  });

  test("services and the whole server follow the quorum, being alive does not", () => {
    health.setServing(true);
    for (const service of [KV, "", LIVE]) expect(check(service)).toBe(SERVING);
    health.setServing(false);
    for (const service of [KV, ""]) expect(check(service)).toBe(NOT_SERVING);
    expect(check(LIVE)).toBe(SERVING);
  });

  test("a service that is not there is not found, and no more of its name than 100 characters comes back", () => {
    expect(() => check("other")).toThrow(expect.objectContaining({ code: Status.NOT_FOUND }));
    expect(() => check("x".repeat(10_000))).toThrow(/^.{1,200}$/);
  });

  test("list names every service", () => {
    const { statuses } = health.list();
    expect(Object.keys(statuses ?? {}).sort()).toEqual(["", LIVE, KV].sort());
  });
});

describe("watch", () => {
  test("tells the status at once, then every change, and no change that is none", async () => {
    const watcher = watch(KV);
    expect(await watcher.next()).toBe(NOT_SERVING);
    const change = watcher.next();
    health.setServing(false);
    health.setServing(true);
    expect(await change).toBe(SERVING);
    const back = watcher.next();
    health.setServing(false);
    expect(await back).toBe(NOT_SERVING);
    watcher.stop();
  });

  test("a service that is not there is watched as unknown", async () => {
    const watcher = watch("other");
    expect(await watcher.next()).toBe(SERVICE_UNKNOWN);
    watcher.stop();
  });

  test("ends when the client goes away, also in the middle of waiting", async () => {
    const watcher = watch(KV);
    await watcher.next();
    const waiting = watcher.next();
    watcher.stop();
    expect(await waiting).toBeUndefined();
  });

  test("every watcher is told", async () => {
    const watchers = [watch(KV), watch(""), watch(KV)];
    for (const watcher of watchers) await watcher.next();
    const changes = watchers.map((watcher) => watcher.next());
    health.setServing(true);
    expect(await Promise.all(changes)).toEqual([SERVING, SERVING, SERVING]);
    for (const watcher of watchers) watcher.stop();
  });
});
