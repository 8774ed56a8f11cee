/** The channel of the calls between nodes (founding): a far node and a busy one can be connected, too. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Server as GrpcServer, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { founderClient } from "../../../src/rpc/founding/founding-calls.js";

const HOST = "127.0.0.1";
/** Each way; connecting takes two round trips. */
const DELAY_MS = 150;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Lets everything through, both ways, a while later. */
function far(port: number): Promise<number> {
  const later = (from: Socket, to: Socket): void => {
    from.on("data", (bytes) => void sleep(DELAY_MS).then(() => to.destroyed || to.write(bytes)));
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  };
  const proxy: Server = createServer((near) => {
    const there = connect(port, HOST);
    closing.push(() => near.destroy());
    later(near, there);
    later(there, near);
  });
  closing.push(() => proxy.close());
  return new Promise((resolve) => {
    proxy.listen(0, HOST, () => resolve((proxy.address() as { port: number }).port));
  });
}

test("a peer is connected over a network that takes 300 ms there and back", async () => {
  const server = new GrpcServer();
  closing.push(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${HOST}:0`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = founderClient(`${HOST}:${await far(port)}`);
  closing.push(() => void client.close());
  await client.connect();
  expect(client.isConnected).toBe(true);
});
