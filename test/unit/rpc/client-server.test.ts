/** The client port without a node behind it: what is served and what is refused before anything is asked. */
import { createChannel, createClient } from "nice-grpc";
import { Status } from "nice-grpc-common";
import { afterEach, describe, expect, test } from "vitest";
import { Status as RpcStatus } from "../../../gen/ts/google/rpc/status.js";
import { HealthDefinition } from "../../../gen/ts/grpc/health/v1/health.js";
import { ServerReflectionDefinition } from "../../../gen/ts/grpc/reflection/v1/reflection.js";
import { BackupServiceDefinition } from "../../../gen/ts/onar/backup/v1/backup.js";
import { StorageKind } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { requestFields } from "../../../gen/ts/request-fields.js";
import { type ClientPortConfig, DEFAULT_CLIENT_PORT, DEFAULT_LIMITS, TRANSPORTS } from "../../../src/config/config.js";
import { nodeId } from "../../../src/core/model/ids.js";
import { makeClientServer } from "../../../src/rpc/client-port.js";
import { Serving } from "../../../src/rpc/services/serving.js";
import { RESETS_ARE_SETTABLE } from "../../../src/rpc/transport/http2-options.js";
import { LimitCounts } from "../../../src/rpc/transport/limit-counts.js";
import { startTestCluster } from "../../../src/testing/cluster.js";
import { decodeDetails, errorOf } from "../../e2e/clients.js";
import { cancel, framed, RawClient } from "../../e2e/raw.js";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

describe.each(TRANSPORTS)("served by %s", (transport) => {
  async function served(port: Partial<ClientPortConfig> = {}) {
    const own = {
      storage: StorageKind.MEMORY,
      softwareVersion: "0",
      uptimeMs: () => 0,
      logPosition: () => 0,
      logPositionOf: () => 0,
      diskFull: () => false,
      freeSpace: () => null,
      descriptorsShortMs: () => 0,
    };
    const options = { ...DEFAULT_CLIENT_PORT, transport, ...port };
    const serving = new Serving(nodeId(1));
    const counts = new LimitCounts();
    const server = makeClientServer(serving, DEFAULT_LIMITS, options, own, null, null, counts);
    const address = `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
    const channel = createChannel(address);
    ends.push(
      () => channel.close(),
      () => server.forceShutdown(),
    );
    return { channel, address, serving, server, counts };
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

    test.each([...requestFields.keys()])("is refused by %s, with the bound", async (path) => {
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

  test.each([
    ["grpc-timeout", "99999999H"],
    ["grpc-timeout", "-1S"],
    ["grpc-timeout", "999999999999999999999999S"],
    ["grpc-timeout", "1e9S"],
    ["grpc-timeout", ""],
    ["grpc-timeout", "9".repeat(8_000)],
    ["traceparent", `00-${"f".repeat(8_000)}`],
    ["traceparent", "ff-00000000000000000000000000000000-0000000000000000-00"],
    ["onar-internal-trace", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
    ["onar-internal-timeout-ms", "1e308"],
    ["grpc-encoding", "no-such"],
    ["grpc-accept-encoding", ",".repeat(8_000)],
    ["hostile-bin", "!!!not base64!!!"],
  ])("a call with a hostile %s has a status, and the connection goes on", async (name, value) => {
    const { address } = await served();
    const raw = await RawClient.open(address);
    ends.push(() => raw.close());
    for (const path of ["/onar.kv.v1.KeyValueService/Get", "/grpc.health.v1.Health/Check"]) {
      const { headers, trailers } = await raw.unary(path, Buffer.from([0x0a, 1, 0x61]), { [name]: value });
      expect({ ...headers, ...trailers }["grpc-status"]).toMatch(/^\d+$/);
    }
    const { trailers } = await raw.unary("/grpc.health.v1.Health/List", Buffer.alloc(0));
    expect(trailers?.["grpc-status"]).toBe("0");
  });

  describe("a node that stops", () => {
    test("ends its streams with UNAVAILABLE, DRAINING", async () => {
      const { channel, serving } = await served();
      const watched = createClient(HealthDefinition, channel).watch({ service: "live" })[Symbol.asyncIterator]();
      expect((await watched.next()).value).toMatchObject({ status: 1 });
      let asked = (): void => {};
      const waiting = new Promise<void>((resolve) => {
        asked = resolve;
      });
      async function* question() {
        yield { messageRequest: { $case: "listServices", value: "" } } as const;
        await waiting;
      }
      const reflected = createClient(ServerReflectionDefinition, channel)
        .serverReflectionInfo(question())
        [Symbol.asyncIterator]();
      await reflected.next();
      const ended = [watched, reflected].map((stream) => errorOf(() => stream.next()));
      serving.stop();
      for (const { status, message } of await Promise.all(ended))
        expect([status, message]).toEqual(["UNAVAILABLE", "this node is stopping"]);
      asked();
    });
  });

  describe("a connection that many share", () => {
    const HEALTH = "/grpc.health.v1.Health/Check";
    const live = Buffer.from([0x0a, 4, ...Buffer.from("live")]);

    // Without the setting Node.js ends a connection after a thousand calls that were cancelled, whoever else uses it.
    test.skipIf(transport === "grpc-js" && !RESETS_ARE_SETTABLE)(
      "outlives fifteen hundred calls that are cancelled on it",
      async () => {
        const { address } = await served();
        const raw = await RawClient.open(address);
        for (let i = 0; i < 1_500; i++) {
          const call = raw.open(HEALTH);
          call.once("ready", () => cancel(call));
          if (i % 100 === 99) expect((await raw.unary(HEALTH, live)).headers[":status"]).toBe(200);
        }
        const { trailers } = await raw.unary(HEALTH, live);
        expect(trailers?.["grpc-status"]).toBe("0");
        raw.close();
      },
    );

    // With 16 MiB, nineteen of forty were refused.
    test("carries small calls while forty answers of a megabyte are not read", async () => {
      const cluster = await startTestCluster({ nodes: 1, partitions: 1 });
      ends.push(() => void cluster.close());
      await cluster.client().put("large", "x".repeat(1_000_000));
      const raw = await RawClient.open(cluster.endpoints[0] ?? "");
      ends.push(() => raw.close());
      const GET = "/onar.kv.v1.KeyValueService/Get";
      const key = Buffer.from([0x0a, 5, ...Buffer.from("large")]);
      const large = Array.from({ length: 40 }, () => {
        const call = raw.open(GET);
        call.pause();
        call.end(framed(key));
        return new Promise((resolve) => call.once("response", resolve));
      });
      await Promise.all(large);
      const small = await Promise.all(Array.from({ length: 40 }, () => raw.unary(HEALTH, live)));
      expect(small.map(({ trailers }) => trailers?.["grpc-status"])).toEqual(Array(40).fill("0"));
    });

    test("is ended in order at its age, with jitter, and its streams with a status", async () => {
      const { address } = await served({ maxConnectionAgeMs: 200, maxConnectionAgeGraceMs: 20_000 });
      const raw = await RawClient.open(address);
      const goaway = new Promise<number>((resolve) => raw.session.once("goaway", resolve));
      const stream = raw.open("/onar.kv.v1.KeyValueService/Pipeline");
      const status = new Promise((resolve) => stream.once("trailers", (trailers) => resolve(trailers["grpc-status"])));
      stream.resume();
      expect(await goaway).toBe(0);
      // A question asked on it still is answered, and then it ends.
      stream.write(framed(Buffer.from([0x08, 1])));
      expect(await status).toBe("14");
      raw.close();
    });
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
});
