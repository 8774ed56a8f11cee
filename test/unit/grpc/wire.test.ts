/** Our server's answers to requests that are none, or not right: by frames, without a client. */
import { describe, expect, test } from "vitest";
import { base64 } from "../../../src/grpc/metadata/metadata.js";
import { STATUS } from "../../../src/grpc/status.js";
import { type Asked, ask as askWith, MESSAGE, statusOf as status } from "./support/ask.js";

const ask = (headers: Readonly<Record<string, string | undefined>>, body?: readonly Buffer[]): Asked =>
  askWith(body === undefined ? { headers } : { headers, body });

test("a unary answer is headers, one frame of data and trailers, in one write", () => {
  const answer = ask({});
  expect(answer.order).toEqual(["headers", "data", "trailers"]);
  expect([answer.body, status(answer), answer.writes]).toEqual([MESSAGE.toString("hex"), STATUS.ok, 1]);
});

test("a failure is trailers only", () => {
  const answer = ask({ fail: "7" });
  expect(answer.order).toEqual(["headers", "end"]);
  expect(answer.head?.get("grpc-status")).toBe("7");
  expect(answer.head?.get("grpc-message")).toBe("as asked: %C3%BC %25");
  expect(answer.head?.get("grpc-status-details-bin")).toBe(base64(Buffer.from("details")));
});

describe("a request that is no gRPC gets an HTTP status", () => {
  test.each([
    ["another method", { ":method": "GET" }, 405],
    ["another content-type", { "content-type": "application/json" }, 415],
    ["no content-type", { "content-type": undefined }, 415],
    ["gRPC-web", { "content-type": "application/grpc-web+proto" }, 415],
  ])("for %s", (_name, changes, http) => {
    const answer = ask(changes);
    expect([answer.head?.status, answer.head?.get("grpc-status")]).toEqual([http, undefined]);
  });
});

test.each([
  ["a method that is not there", { ":path": "/test.Echo/No" }, STATUS.unimplemented],
  ["a path without a service", { ":path": "/" }, STATUS.unimplemented],
  ["a path of bytes", { ":path": "/test.Echo/\u00ff\u00fe" }, STATUS.unimplemented],
  ["a service's name that any object has", { ":path": "/__proto__/constructor" }, STATUS.unimplemented],
  ["a timeout that is none", { "grpc-timeout": "soon" }, STATUS.internal],
  ["a timeout of nothing", { "grpc-timeout": "0m" }, STATUS.ok],
  ["an unknown compression", { "grpc-encoding": "snappy" }, STATUS.unimplemented],
  ["metadata that is no base64", { "x-bin": "a" }, STATUS.internal],
  ["metadata that is too long", { x: "a".repeat(16_384) }, STATUS.resourceExhausted],
  ["a content-type with a format", { "content-type": "application/grpc+proto" }, STATUS.ok],
] as const)("%s has its status", (_name, changes, code) => {
  expect(status(ask(changes))).toBe(code);
});

test("the answer to an unknown compression names those that are known", () => {
  expect(ask({ "grpc-encoding": "snappy" }).head?.get("grpc-accept-encoding")).toBe("identity,gzip");
});

test.each<[string, readonly Buffer[], number]>([
  ["that comes in pieces", [...MESSAGE].map((byte) => Buffer.of(byte)), STATUS.ok],
  ["of two messages", [MESSAGE, MESSAGE], STATUS.unimplemented],
  ["of two messages in one piece", [Buffer.concat([MESSAGE, MESSAGE])], STATUS.unimplemented],
  ["of none", [Buffer.alloc(0)], STATUS.unimplemented],
  ["that is cut short", [MESSAGE.subarray(0, 6)], STATUS.internal],
  ["with an unknown flag", [Buffer.from("05000000026869", "hex")], STATUS.internal],
  ["that says that it is compressed, and names no way", [Buffer.from("01000000026869", "hex")], STATUS.internal],
  ["that says that it is long", [Buffer.from("007fffffff", "hex")], STATUS.resourceExhausted],
])("a request %s has its status", (_name, body, code) => {
  expect(status(ask({}, body))).toBe(code);
});

test("a request that says gzip and is none has INTERNAL", () => {
  const lie = Buffer.concat([Buffer.from("0100000014", "hex"), Buffer.alloc(20)]);
  expect(status(ask({ "grpc-encoding": "gzip" }, [lie]))).toBe(STATUS.internal);
});

describe("a deadline from the wire", () => {
  test("ends a call by itself, with a status", async () => {
    const asked = ask({ hang: "", "grpc-timeout": "30m" });
    await asked.done();
    expect(asked.order).toEqual(["headers", "end"]);
    expect(status(asked)).toBe(STATUS.deadlineExceeded);
  });

  test("resets a call whose client does not take what it was sent", async () => {
    const asked = askWith({
      headers: { ":path": "/test.Echo/Spread", times: "100", "grpc-timeout": "50m" },
      body: [Buffer.concat([Buffer.from("0000002710", "hex"), Buffer.alloc(10_000)])],
      isIdle: true,
    });
    await asked.done();
    expect(asked.order.at(-1)).toBe("reset CANCEL");
  });
});
