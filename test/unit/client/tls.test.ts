/**
 * The client through a proxy that ends TLS, by its own way and over grpc-js. The tests show which certificates and
 * names it takes, and how it words a refusal.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { createServer, type TlsOptions } from "node:tls";
import { credentials } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { type ClientOptions, OnarClient } from "../../../src/client/client.js";
import { overGrpcJs } from "../../../src/client/grpc-js.js";
import { FakeCluster } from "../../clients/fake/cluster.js";
import { cleanups } from "../http2/support/cleanups.js";
import { CLIENT_CERTIFICATE, CLIENT_KEY, TEST_CERTIFICATE, TEST_KEY } from "../http2/support/tls.js";

/** The port of a proxy in front of a node that stores one value. */
async function proxy(options: TlsOptions = {}): Promise<number> {
  const step = { call: "put", key: "k", value: "v", expect: { outcome: "done" }, answers: [{ ok: {}, forever: true }] };
  const fake = await FakeCluster.start({ name: "tls", on: "fake", nodes: ["node"], steps: [step] } as never);
  cleanups.push(() => fake.close());
  const [host = "", port = ""] = (fake.endpoints[0] ?? "").split(":");
  const server = createServer({ key: TEST_KEY, cert: TEST_CERTIFICATE, ALPNProtocols: ["h2"], ...options });
  server.on("secureConnection", (socket) => {
    const onward = connect({ host, port: Number(port) });
    for (const one of [socket, onward]) one.on("error", () => {});
    socket.pipe(onward);
    onward.pipe(socket);
    socket.on("close", () => onward.destroy());
    onward.on("close", () => socket.destroy());
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : expect.unreachable("no port");
}

async function put(endpoint: string, options: Partial<ClientOptions>) {
  const client = new OnarClient({ endpoints: [endpoint], direct: false, timeoutMs: 5_000, ...options });
  try {
    return await client.outcome.put("k", "v");
  } finally {
    await client.close();
  }
}

const ca = TEST_CERTIFICATE;

test("an authority that is given is trusted, by a host's name and by its address", async () => {
  for (const host of ["localhost", "127.0.0.1"])
    expect(await put(`${host}:${await proxy()}`, { tls: { ca } })).toMatchObject({ outcome: "done" });
  const tls = { ca: [Buffer.from(ca)] };
  expect(await put(`localhost:${await proxy()}`, { tls })).toMatchObject({ outcome: "done" });
});

test("a certificate of nobody who is trusted is refused, with the reason", async () => {
  const port = await proxy();
  const outcome = await put(`localhost:${port}`, { tls: true, timeoutMs: 1_000 });
  expect(outcome).toMatchObject({ outcome: "notDone", reason: "UNREACHABLE" });
  expect(outcome).toMatchObject({ message: expect.stringMatching(/localhost:\d+: .*self-signed certificate/) });
});

test("the server's name is the endpoint's host, or the one that is given", async () => {
  const port = await proxy();
  const named = (serverName: string) => put(`127.0.0.1:${port}`, { tls: { ca, serverName }, timeoutMs: 1_000 });
  expect(await named("localhost")).toMatchObject({ outcome: "done" });
  expect(await named("elsewhere.example")).toMatchObject({
    outcome: "notDone",
    message: expect.stringContaining("elsewhere.example"),
  });
});

test("a client shows its certificate to those who want one", async () => {
  const port = await proxy({ requestCert: true, rejectUnauthorized: true, ca: [ca] });
  const tls = { ca, cert: CLIENT_CERTIFICATE, key: CLIENT_KEY };
  expect(await put(`localhost:${port}`, { tls })).toMatchObject({ outcome: "done" });
  expect(await put(`localhost:${port}`, { tls: { ca }, timeoutMs: 1_000 })).toMatchObject({ outcome: "notDone" });
});

test("over grpc-js the credentials are the program's own", async () => {
  const port = await proxy({ requestCert: true, rejectUnauthorized: true, ca: [ca] });
  const own = credentials.createSsl(Buffer.from(ca), Buffer.from(CLIENT_KEY), Buffer.from(CLIENT_CERTIFICATE));
  const outcome = await put(`localhost:${port}`, { transport: overGrpcJs({ credentials: own }) });
  expect(outcome).toMatchObject({ outcome: "done" });
});

test("interceptors and options of channels are the program's own over grpc-js", async () => {
  const port = await proxy();
  const seen: string[] = [];
  const transport = overGrpcJs({
    credentials: credentials.createSsl(Buffer.from(ca)),
    channelOptions: { "grpc.primary_user_agent": "a program" },
    interceptors: [
      (options, next) => {
        seen.push(options.method_definition.path);
        return next(options) as never;
      },
    ],
  });
  expect(await put(`localhost:${port}`, { transport })).toMatchObject({ outcome: "done" });
  expect(seen.at(-1)).toBe("/onar.kv.v1.KeyValueService/Put");
});

test("a plain port is told apart from TLS, either way", async () => {
  const step = { call: "put", key: "k", value: "v", expect: { outcome: "done" }, answers: [{ ok: {} }] };
  const fake = await FakeCluster.start({ name: "plain", on: "fake", nodes: ["node"], steps: [step] } as never);
  cleanups.push(() => fake.close());
  expect(await put(fake.endpoints[0] ?? "", { tls: { ca }, timeoutMs: 1_000 })).toMatchObject({
    outcome: "notDone",
    message: expect.stringContaining("does not speak TLS"),
  });
  const port = await proxy();
  expect(await put(`localhost:${port}`, { timeoutMs: 1_000 })).toMatchObject({ outcome: "notDone" });
});
