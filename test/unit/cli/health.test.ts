import { afterEach, expect, test } from "vitest";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../../gen/ts/grpc/health/v1/health.js";
import { fakeNode, onar, stopFakeNodes } from "./fake-node.js";

afterEach(stopFakeNodes);

/** Alive, and not ready. */
const alive = () =>
  fakeNode({
    check: async ({ service }) => ({
      status: service === "live" ? ServingStatus.SERVING : ServingStatus.NOT_SERVING,
    }),
  });

test("exits with 1 for a node that does not serve, and with 0 when asked whether it lives", async () => {
  const { address } = await alive();
  expect(await onar(["health", "--endpoint", address])).toMatchObject({ code: 1, out: "NOT_SERVING\n", error: "" });
  expect(await onar(["health", "--live", "--endpoint", address])).toMatchObject({ code: 0, out: "SERVING\n" });
});

test("tells the same as JSON", async () => {
  const { address } = await alive();
  const ran = await onar(["health", "--endpoint", address, "-o", "json"]);
  expect(JSON.parse(ran.out)).toEqual({ service: "", status: "NOT_SERVING" });
});

test("exits with 1 and the reason when nobody answers", async () => {
  const ran = await onar(["health", "--endpoint", "127.0.0.1:1", "--timeout", "1"]);
  expect(ran.code).toBe(1);
  expect(ran.error).toContain("127.0.0.1:1");
});
