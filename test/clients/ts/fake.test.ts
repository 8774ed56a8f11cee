/**
 * The shared cases against the fake server, in each way of the client: calls on a stream, of their own, in a pipeline,
 * over grpc-js.
 */
import { describe, expect, test } from "vitest";
import { type ClientOptions, OnarClient } from "../../../src/client/client.js";
import { overGrpcJs } from "../../../src/client/grpc-js.js";
import type { Case } from "../fake/case.js";
import { CLUSTER_ID, FakeCluster, OTHER_CLUSTER_ID } from "../fake/cluster.js";
import { casesOn, runSteps } from "./runner.js";

const IDS = { ours: CLUSTER_ID.toString("hex"), other: OTHER_CLUSTER_ID.toString("hex") };

async function begin(
  definition: Case,
  way: Partial<ClientOptions> = {},
): Promise<{ readonly client: OnarClient; readonly fake: FakeCluster }> {
  const fake = await FakeCluster.start(definition);
  const { timeout_ms, cluster_id, direct } = definition.client ?? {};
  const client = new OnarClient({
    endpoints: fake.endpoints,
    ...way,
    ...(timeout_ms === undefined ? {} : { timeoutMs: timeout_ms }),
    ...(direct === undefined ? {} : { direct }),
    ...(cluster_id === undefined ? {} : { clusterId: IDS[cluster_id] }),
  });
  return { client, fake };
}

describe.concurrent.each(casesOn("fake"))("$name", (definition) => {
  test.each([
    ["on a stream", {}],
    ["by calls of their own", { stream: false }],
    ["over grpc-js", { transport: overGrpcJs() }],
  ])(
    "%s",
    async (name, way) => {
      if (name === "on a stream" && definition.pipeline === false) return;
      const { client, fake } = await begin(definition, way);
      try {
        await runSteps(definition, {
          calls: client,
          prefix: "",
          endpoints: fake.endpoints,
          close: () => client.close(),
        });
      } finally {
        await client.close();
        fake.close();
      }
      expect(fake.script.end(), JSON.stringify(fake.script.calls)).toEqual([]);
    },
    60_000,
  );

  test.skipIf(definition.pipeline === false)(
    "through a pipeline",
    async () => {
      const { client, fake } = await begin(definition);
      try {
        await runSteps(definition, {
          calls: client.pipeline(),
          prefix: "",
          endpoints: fake.endpoints,
          close: () => client.close(),
        });
      } finally {
        await client.close();
        fake.close();
      }
      expect(fake.script.end(), JSON.stringify(fake.script.calls)).toEqual([]);
    },
    60_000,
  );
});
