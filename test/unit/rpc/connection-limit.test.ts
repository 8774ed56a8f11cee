import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { connectionLimits, PortLimit } from "../../../src/rpc/transport/connection-limit.js";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function listen(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer();
  ends.push(() => server.close());
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({ server, port: typeof address === "object" && address !== null ? address.port : 0 });
    });
  });
}

/** "open" once the other side has said something, "refused" once it has ended the connection. */
function dial(port: number): Promise<{ readonly socket: Socket; readonly how: "open" | "refused" }> {
  const socket = connect(port, "127.0.0.1");
  ends.push(() => socket.destroy());
  return new Promise((resolve) => {
    socket.on("error", () => resolve({ socket, how: "refused" }));
    socket.on("close", () => resolve({ socket, how: "refused" }));
    socket.on("data", () => resolve({ socket, how: "open" }));
  });
}

test("a port refuses what is too much, says so once, and takes more when there is room", async () => {
  const [{ server, port }, other] = await Promise.all([listen(), listen()]);
  for (const one of [server, other.server])
    one.on("connection", (socket) => setImmediate(() => !socket.destroyed && socket.write("x")));
  const full: number[] = [];
  const limit = new PortLimit({ max: 10, full: (max) => full.push(max) });
  limit.watch(port);
  ends.push(() => limit.close());
  const dialed = await Promise.all(Array.from({ length: 10 }, () => dial(port)));
  expect(dialed.map(({ how }) => how)).toEqual(Array(10).fill("open"));
  expect((await dial(port)).how).toBe("refused");
  expect((await dial(port)).how).toBe("refused");
  expect((await dial(other.port)).how).toBe("open");
  expect([limit.open, limit.refused, full]).toEqual([10, 2, [10]]);
  dialed[0]?.socket.destroy();
  await expect.poll(() => limit.open).toBe(9);
  expect((await dial(port)).how).toBe("open");
});

test("what is derived from the limit of open files leaves some for the node's own", () => {
  for (const files of [0, 64, 128, 256, 1_024, 65_536, 1_048_576]) {
    const { clients, peers } = connectionLimits(files);
    expect(clients).toBeGreaterThan(0);
    expect(peers).toBeGreaterThan(0);
    if (files >= 128) expect(clients + peers + 64).toBeLessThan(files);
  }
  expect(connectionLimits(1_048_576)).toEqual({ clients: 10_000, peers: 1_024 });
});
