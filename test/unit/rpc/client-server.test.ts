/** The client port without a node behind it: what is served and what is refused before anything is asked. */
import { createChannel, createClient } from "nice-grpc";
import { Status } from "nice-grpc-common";
import { afterEach, describe, expect, test } from "vitest";
import { Status as RpcStatus } from "../../../gen/ts/google/rpc/status.js";
import { HealthDefinition } from "../../../gen/ts/grpc/health/v1/health.js";
import { ServerReflectionDefinition } from "../../../gen/ts/grpc/reflection/v1/reflection.js";
import { BackupServiceDefinition } from "../../../gen/ts/onar/backup/v1/backup.js";
import { StorageKind } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { type ClientPortConfig, DEFAULT_CLIENT_PORT, DEFAULT_LIMITS } from "../../../src/config.js";
import { nodeId } from "../../../src/core/ids.js";
import { makeClientServer } from "../../../src/rpc/client-server.js";
import { Serving } from "../../../src/rpc/serving.js";
import { REQUEST_FIELDS } from "../../../src/wire/request-fields.js";
import { decodeDetails, errorOf } from "../../e2e/clients.js";
import { RawClient } from "../../e2e/raw.js";

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
  const address = `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
  const channel = createChannel(address);
  ends.push(
    () => channel.close(),
    () => server.forceShutdown(),
  );
  return { channel, address };
}

describe("a request with more than 4 KiB that says nothing", () => {
  // One and a half million fields: each was kept, at a hundred times the cost of its two bytes.
  const unknown = Buffer.alloc(3_000_000, Buffer.from([0xf8, 0x01]));
  const few = unknown.subarray(0, 4_000);

  async function statusOf(path: string, message: Buffer) {
    const { address } = await served({});
    const raw = await RawClient.open(address);
    ends.push(() => raw.close());
    const { headers, trailers } = await raw.unary(path, message);
    const all = { ...headers, ...trailers };
    const details = all["grpc-status-details-bin"];
    return {
      code: Number(all["grpc-status"]),
      message: decodeURIComponent(String(all["grpc-message"] ?? "")),
      ...decodeDetails(RpcStatus.decode(Buffer.from(String(details ?? ""), "base64"))),
    };
  }

  test.each([...REQUEST_FIELDS.keys()])("is refused by %s, with the bound", async (path) => {
    const refused = await statusOf(path, unknown);
    expect(refused).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      info: { reason: "UNKNOWN_FIELDS_TOO_LONG", metadata: { bound: "4096" } },
    });
    expect(refused.message).toContain("4096 bytes");
    expect(refused.outcome?.execution).toBe(/(Put|CompareAndSet|Delete|Add)$/.test(path) ? 1 : undefined);
  });

  test.each(["/onar.kv.v1.KeyValueService/Get", "/onar.text.v1.TextService/Get"])(
    "less of it is left to newer versions by %s",
    async (path) => {
      const key = Buffer.from([0x0a, 1, 0x61]);
      expect((await statusOf(path, Buffer.concat([key, few]))).info?.reason).toBe("NO_WRITER");
    },
  );
});

test("the calls of backups are refused where they are not offered, by name", async () => {
  const { channel } = await served({ backup: false });
  const client = createClient(BackupServiceDefinition, channel);
  const listed = async () => {
    for await (const _ of client.listKeys({ partition: 0 })) expect.unreachable();
  };
  for (const call of [() => client.raiseRevisions({ above: 5n }), listed]) {
    const { status, message } = await errorOf(call);
    expect([status, message]).toEqual(["PERMISSION_DENIED", expect.stringContaining("--backup")]);
  }
});

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
