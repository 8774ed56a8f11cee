/** The settings of clients' connections at a client port: what each does to a socket, and that it is counted. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { StorageKind } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { type ClientPortConfig, DEFAULT_CLIENT_PORT, DEFAULT_LIMITS, TRANSPORTS } from "../../../src/config/config.js";
import { nodeId } from "../../../src/core/model/ids.js";
import { makeClientServer } from "../../../src/rpc/client-port.js";
import { Serving } from "../../../src/rpc/services/serving.js";
import { LimitCounts } from "../../../src/rpc/transport/limit-counts.js";
import { RawClient } from "../../e2e/raw.js";
import { block, frame, HELLO, ping, TYPE } from "../http2/support/raw.js";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

const HEALTH = "/grpc.health.v1.Health/Check";
const WATCH = "/grpc.health.v1.Health/Watch";
const PIPELINE = "/onar.kv.v1.KeyValueService/Pipeline";
const WATCHING = block(
  [":method", "POST"],
  [":scheme", "http"],
  [":path", WATCH],
  ["content-type", "application/grpc"],
);
const live = Buffer.from([0x0a, 4, ...Buffer.from("live")]);

async function served(port: Partial<ClientPortConfig>) {
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
  const counts = new LimitCounts();
  const options = { ...DEFAULT_CLIENT_PORT, ...port };
  const server = makeClientServer(new Serving(nodeId(1)), DEFAULT_LIMITS, options, own, null, null, counts);
  ends.push(() => server.forceShutdown());
  const taken = await server.listen("127.0.0.1:0");
  return {
    counts,
    client: async (): Promise<RawClient> => {
      const client = await RawClient.open(`127.0.0.1:${taken}`);
      client.session.on("error", () => {});
      ends.push(() => client.close());
      return client;
    },
    socket: async (): Promise<Socket> => {
      const socket = connect(taken, "127.0.0.1");
      ends.push(() => socket.destroy());
      socket.on("error", () => {}).resume();
      await once(socket, "connect");
      return socket;
    },
  };
}

const statusOf = async (client: RawClient): Promise<unknown> =>
  (await client.unary(HEALTH, live)).trailers?.["grpc-status"];

describe.each(TRANSPORTS)("on %s", (transport) => {
  test("max-connection-idle ends a connection without calls in order, and no other", async () => {
    const { client, counts } = await served({ transport, maxConnectionIdleMs: 500 });
    const busy = await client();
    const watch = busy.open(WATCH);
    watch.end(Buffer.concat([Buffer.from([0, 0, 0, 0, live.length]), live]));
    await once(watch, "data");
    const idle = await client();
    const closed = once(idle.session, "close");
    const [code] = await once(idle.session, "goaway");
    expect(code).toBe(0);
    await closed;
    expect([await statusOf(busy), busy.session.closed]).toEqual(["0", false]);
    if (transport === "lean") expect(counts.of("max-connection-idle")).toBe(1);
  });

  test("max-connection-age ends a connection in order, and its grace what goes on", async () => {
    const { client, counts } = await served({ transport, maxConnectionAgeMs: 100, maxConnectionAgeGraceMs: 50 });
    const old = await client();
    const watch = old.open(WATCH);
    watch.write(Buffer.concat([Buffer.from([0, 0, 0, 0, live.length]), live]));
    watch.resume();
    const closed = once(old.session, "close");
    const [code] = await once(old.session, "goaway");
    expect(code).toBe(0);
    await closed;
    expect(watch.destroyed).toBe(true);
    if (transport === "lean") {
      expect([counts.of("max-connection-age"), counts.of("max-connection-age-grace")]).toEqual([1, 1]);
    }
  });

  test("keepalive-time asks a silent client, and keepalive-timeout ends one that does not answer", async () => {
    const { client, socket, counts } = await served({ transport, keepaliveTimeMs: 50, keepaliveTimeoutMs: 1_000 });
    const answering = await client();
    const silent = await socket();
    silent.write(HELLO);
    await once(silent, "close");
    let asked = 0;
    answering.session.on("ping", () => asked++);
    await vi.waitFor(() => expect(asked).toBeGreaterThan(1));
    expect(await statusOf(answering)).toBe("0");
    if (transport === "lean") {
      expect(counts.of("keepalive-timeout")).toBe(1);
      expect(counts.of("keepalive-time")).toBeGreaterThan(2);
    }
  });

  test("max-concurrent-streams is told to clients, and refuses calls beyond", async () => {
    const { client, socket, counts } = await served({ transport, maxConcurrentStreams: 3 });
    const told = await client();
    await vi.waitFor(() => expect(told.session.remoteSettings.maxConcurrentStreams).toBe(3));
    if (transport === "grpc-js") return;
    // One that does not heed it.
    const rude = await socket();
    rude.write(HELLO);
    for (let i = 0; i < 5; i++) rude.write(frame(TYPE.headers, 4, 2 * i + 1, WATCHING));
    await vi.waitFor(() => expect(counts.of("max-concurrent-streams")).toBe(2));
    expect(await statusOf(told)).toBe("0");
  });
});

describe("on lean", () => {
  const transport = "lean";

  test("keepalive-min-time ends a client that asks too often", async () => {
    const { socket, counts } = await served({ transport, keepaliveMinTimeMs: 10_000 });
    const asking = await socket();
    asking.write(HELLO);
    for (let i = 0; i < 5; i++) asking.write(ping("12345678"));
    await once(asking, "close");
    expect(counts.of("keepalive-min-time")).toBe(1);
  });

  test("keepalive-permit-without-stream lets clients ask while they have no call, or not", async () => {
    for (const keepalivePermitWithoutStream of [true, false]) {
      const { client, counts } = await served({ transport, keepaliveMinTimeMs: 0, keepalivePermitWithoutStream });
      const { session } = await client();
      const pinged = (): Promise<boolean> =>
        new Promise((resolve) => {
          if (session.destroyed || !session.ping((error) => resolve(error === null))) resolve(false);
        });
      const answers: boolean[] = [];
      for (let i = 0; i < 5; i++) answers.push(await pinged());
      expect([answers.at(-1), counts.of("keepalive-min-time")]).toEqual(
        keepalivePermitWithoutStream ? [true, 0] : [false, 1],
      );
    }
  });

  test("connection-timeout ends who says nothing, and who says too little", async () => {
    const { client, socket, counts } = await served({ transport, connectionTimeoutMs: 1_000 });
    const good = await client();
    const silent = await socket();
    const slow = await socket();
    slow.write(HELLO.subarray(0, 20));
    await Promise.all([once(silent, "close"), once(slow, "close")]);
    expect(counts.of("connection-timeout")).toBe(2);
    expect(await statusOf(good)).toBe("0");
  });

  test("max-header-list-size is told to clients, and refuses longer metadata", async () => {
    const { client, counts } = await served({ transport, maxHeaderListSize: 2_000 });
    const told = await client();
    await vi.waitFor(() => expect(told.session.remoteSettings.maxHeaderListSize).toBe(2_000));
    const { headers } = await told.unary(HEALTH, live, { long: "x".repeat(2_000) });
    expect([headers["grpc-status"], counts.of("max-header-list-size")]).toEqual(["8", 1]);
    expect(await statusOf(told)).toBe("0");
  });

  test("max-header-list-size may be longer than any other limit of header lists", async () => {
    const { client } = await served({ transport, maxHeaderListSize: 65_536 });
    const told = await client();
    await vi.waitFor(() => expect(told.session.remoteSettings.maxHeaderListSize).toBe(65_536));
    const { trailers } = await told.unary(HEALTH, live, { long: "x".repeat(60_000) });
    expect(trailers?.["grpc-status"]).toBe("0");
  });

  test("a pipeline on a connection that is ended for its age hears of it in order", async () => {
    const { client, counts } = await served({ transport, maxConnectionAgeMs: 100, maxConnectionAgeGraceMs: 60_000 });
    const old = await client();
    const stream = old.open(PIPELINE);
    stream.resume();
    await once(old.session, "goaway");
    stream.end();
    const [trailers] = await once(stream, "trailers");
    expect(["0", "14"]).toContain(trailers["grpc-status"]);
    expect(counts.of("max-connection-age-grace")).toBe(0);
  });
});
