/** The client port without a node behind it: what is served and what is refused before anything is asked. */
import { createChannel, createClient } from "nice-grpc";
import { afterEach, describe, expect, test } from "vitest";
import { HealthDefinition } from "../../../gen/ts/grpc/health/v1/health.js";
import { ServerReflectionDefinition } from "../../../gen/ts/grpc/reflection/v1/reflection.js";
import { StorageKind } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { type ClientPortConfig, DEFAULT_CLIENT_PORT, DEFAULT_LIMITS } from "../../../src/config.js";
import { nodeId } from "../../../src/core/ids.js";
import { makeClientServer } from "../../../src/rpc/client-server.js";
import { Serving } from "../../../src/rpc/serving.js";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function served(port: Partial<ClientPortConfig> = {}) {
  const own = {
    storage: StorageKind.MEMORY,
    softwareVersion: "0",
    uptimeMs: () => 0,
    logPosition: () => 0,
    logPositionOf: () => 0,
    diskFull: () => false,
  };
  const options = { ...DEFAULT_CLIENT_PORT, ...port };
  const { server } = makeClientServer(new Serving(nodeId(1)), DEFAULT_LIMITS, options, own, null, null);
  const channel = createChannel(`127.0.0.1:${await server.listen("127.0.0.1:0")}`);
  ends.push(
    () => channel.close(),
    () => server.forceShutdown(),
  );
  return { channel };
}

describe("reflection", () => {
  const services = async (port: Partial<ClientPortConfig>): Promise<readonly string[]> => {
    const { channel } = await served(port);
    async function* question() {
      yield { messageRequest: { $case: "listServices", value: "" } } as const;
    }
    const names: string[] = [];
    for await (const { messageResponse } of createClient(ServerReflectionDefinition, channel).serverReflectionInfo(
      question(),
    )) {
      if (messageResponse?.$case === "listServicesResponse")
        names.push(...messageResponse.value.service.map(({ name }) => name));
    }
    return names;
  };

  test("is served when nobody says otherwise", async () => {
    expect(await services({})).toContain(HealthDefinition.fullName);
  });

  test("is not there when it is turned off", async () => {
    await expect(services({ reflection: false })).rejects.toThrow("UNIMPLEMENTED");
  });
});
