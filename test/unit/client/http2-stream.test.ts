/** A stream that its user closes at any moment says so to its calls, and throws nothing that nobody can catch. */
import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GetRequest } from "../../../gen/ts/onar/kv/v1/kv.js";
import { Http2Stream } from "../../../src/client/http2-stream.js";
import type { Reply } from "../../../src/client/transport.js";

let server: Http2Server;
const uncaught: unknown[] = [];
const remember = (error: unknown): void => void uncaught.push(error);
let others: NodeJS.UncaughtExceptionListener[] = [];

beforeEach(async () => {
  server = createServer();
  server.on("session", (session) => session.on("error", () => {}));
  server.on("stream", (stream) => stream.on("error", () => {}));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", remember);
});
afterEach(() => {
  process.removeListener("uncaughtException", remember);
  for (const other of others) process.on("uncaughtException", other);
  server.close();
});

test("closed at each moment of connecting, its call has an answer and nothing is thrown", async () => {
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (let turns = 0; turns < 200; turns++) {
    const stream = new Http2Stream(address);
    const reply = new Promise<Reply>((resolve) => {
      stream.send({ $case: "get", value: GetRequest.create({ key: Buffer.from("k") }) }, 1_000, resolve);
    });
    // The moments differ: between two turns of the loop, and within one.
    for (let turn = 0; turn < turns % 40; turn++)
      await (turns % 2 === 0 ? new Promise(setImmediate) : Promise.resolve());
    if (turns % 4 < 2) await new Promise<void>((resolve) => process.nextTick(resolve));
    stream.close();
    expect(await reply).toMatchObject({ message: expect.stringContaining("the stream was closed") });
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(uncaught).toEqual([]);
});
