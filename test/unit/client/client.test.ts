/** The client's ways with wrong arguments, with bytes, and when it is closed. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import {
  done,
  type KeyValueCalls,
  NotDoneError,
  OnarClient,
  OnarError,
  UnknownError,
} from "../../../src/client/client.js";
import { Entry } from "../../../src/client/entry.js";
import { Added, Deleted, Got, NotDeleted, NotSwapped, Stored, Swapped } from "../../../src/client/outcome.js";
import type { Case, ScriptedAnswer } from "../../clients/fake/case.js";
import { FakeCluster } from "../../clients/fake/cluster.js";

let fake: FakeCluster | null = null;
afterEach(() => fake?.close());

async function answering(...answers: ScriptedAnswer[]): Promise<OnarClient> {
  const step = { call: "put", key: "k", value: "v", expect: { outcome: "done" }, answers } as const;
  fake = await FakeCluster.start({ name: "test", on: "fake", steps: [step] } satisfies Case);
  return new OnarClient({ endpoints: fake.endpoints });
}

describe("options that can never be right are refused by name", () => {
  const of = (options: object) => () => new OnarClient({ endpoints: ["127.0.0.1:4600"], ...options });
  test.each([
    ["no endpoint", { endpoints: [] }, "endpoints must name at least one HOST:PORT"],
    ["a text for a list", { endpoints: "127.0.0.1:4600" }, "endpoints must be an array"],
    ["an endpoint with a scheme", { endpoints: ["http://127.0.0.1:4600"] }, "endpoints must be HOST:PORT"],
    ["an endpoint without port", { endpoints: ["127.0.0.1"] }, "endpoints must be HOST:PORT"],
    ["a port that is none", { endpoints: ["127.0.0.1:70000"] }, 'one is "127.0.0.1:70000"'],
    ["a cluster id that is too short", { clusterId: "abc" }, "clusterId must be 32 hexadecimal digits"],
    ["a negative timeout", { timeoutMs: -1 }, "timeoutMs must be a number from 0 to 3600000; it is number -1"],
    ["a stream that is text", { stream: "no" }, 'stream must be true or false; it is "no"'],
    ["TLS that is text", { tls: "yes" }, 'tls must be true or an object with ca, cert, key, serverName; it is "yes"'],
    ["a certificate without its key", { tls: { cert: "x" } }, "tls.key is missing"],
    ["an authority that is a number", { tls: { ca: [7] } }, "tls.ca must be text or bytes in PEM; it is number 7"],
    ["a key that is no PEM", { tls: { cert: "x", key: "y" } }, "tls has something that is no PEM"],
    ["an empty name", { tls: { serverName: "" } }, 'tls.serverName must be the name of a host; it is ""'],
    ["a transport that is none", { transport: {} }, "transport must be one that onar/client/grpc-js makes"],
    ["TLS beside a transport", { tls: true, transport: () => ({}) }, "tls cannot be given together with transport"],
    ["a timeout that is text", { timeoutMs: "5s" }, "timeoutMs must be a number"],
  ])("%s", (_name, options, message) => {
    expect(of(options)).toThrow(message);
  });

  test.each([undefined, null, 7])("%s instead of options", (options) => {
    expect(() => new OnarClient(options as never)).toThrow(
      new TypeError(`options must be an object with endpoints; it is ${options === 7 ? "number 7" : options}`),
    );
  });

  test("options without endpoints", () => {
    expect(() => new OnarClient({} as never)).toThrow(new TypeError("endpoints must be an array; it is undefined"));
  });

  test("IPv6 and several endpoints are fine", async () => {
    await of({ endpoints: ["[::1]:4600", "localhost:4600"], clusterId: "A".repeat(32) })().close();
  });
});

describe("arguments that can never be right are refused before anything is sent", () => {
  const client = new OnarClient({ endpoints: ["127.0.0.1:9"] });
  const calls: [string, () => Promise<unknown>, string][] = [
    ["a key that is a number", () => client.get(7 as never), "key must be a string or a Uint8Array; it is number 7"],
    ["half a surrogate pair", () => client.get("\ud800"), "key must be well-formed text"],
    ["no value", () => client.put("k", undefined as never), "value must be a string or a Uint8Array"],
    ["version 0", () => client.compareAndSet("k", { version: 0n }, "v"), 'for a key that does not exist use "absent"'],
    ["a version that is a number", () => client.compareAndSet("k", { version: 1 as never }, "v"), "condition.version"],
    ["no condition", () => client.compareAndSet("k", undefined as never, "v"), "condition must be"],
    ["another condition", () => client.delete("k", { condition: "gone" as never }), "condition must be"],
    ["a fraction to add", () => client.add("k", 0.5), "delta must be a whole number"],
    ["more than 64 bits to add", () => client.add("k", 2n ** 63n), "delta must be a whole number"],
    ["another consistency", () => client.get("k", { consistency: "strong" as never }), "consistency must be"],
    ["a negative timeout", () => client.get("k", { timeoutMs: -1 }), "timeoutMs must be"],
    ["a timeout that is no number", () => client.put("k", "v", { timeoutMs: Number.NaN }), "timeoutMs must be"],
    ["a timeout beyond an hour", () => client.get("k", { timeoutMs: 3_600_001 }), "timeoutMs must be"],
  ];
  test.each(calls)("%s", async (_name, call, message) => {
    await expect(call()).rejects.toThrow(message);
  });
});

describe("bytes", () => {
  test("an entry's text is the value in UTF-8, and never garbled", () => {
    expect(new Entry(Buffer.from("鍵\ufeff"), 1n).text()).toBe("鍵\ufeff");
    expect(() => new Entry(Buffer.from([0xff]), 1n).text()).toThrow(TypeError);
  });

  test("what the caller does with his bytes after the call does not matter", async () => {
    const client = await answering({ bare: "UNAVAILABLE" }, { ok: {} });
    const value = Buffer.from("v");
    const put = client.outcome.put("k", value);
    value[0] = 0;
    expect(await put).toMatchObject({ outcome: "done" });
    expect(fake?.script.end()).toEqual([]);
    await client.close();
  });
});

describe("a call that is not looked at does not pass for done", () => {
  test("not done: it throws, naming the node, the reason and the status", async () => {
    const client = await answering({ error: "NOT_A_NUMBER", status: "FAILED_PRECONDITION", execution: "not_executed" });
    const address = fake?.endpoints[0] ?? "";
    const error: unknown = await client.put("k", "v").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotDoneError);
    expect(error).toBeInstanceOf(OnarError);
    const facts = { outcome: "notDone", reason: "NOT_A_NUMBER", code: "FAILED_PRECONDITION", address };
    expect(error).toMatchObject({ name: "NotDoneError", ...facts, message: expect.stringContaining(address) });
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ ...facts, message: (error as Error).message });
    await client.close();
  });

  test.each([
    ["a call of its own", (client: OnarClient): KeyValueCalls => client],
    ["a pipeline", (client: OnarClient): KeyValueCalls => client.pipeline()],
  ])("unknown: it throws an error of its own, by %s", async (_name, callsOf) => {
    const client = await answering({ silence: true, forever: true });
    const put = callsOf(client)
      .put("k", "v")
      .catch((thrown: unknown) => thrown);
    while (fake?.script.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await client.close();
    const error = await put;
    expect(error).toBeInstanceOf(UnknownError);
    expect(error).toMatchObject({ outcome: "unknown", reason: "CLOSED", address: fake?.endpoints[0] });
  });

  test("nothing listens: it throws within the call's time, naming every endpoint and why", async () => {
    const endpoints = ["127.0.0.1:1", "127.0.0.1:9"];
    await using client = new OnarClient({ endpoints, timeoutMs: 3_000 });
    const facts = { reason: "UNREACHABLE", code: "UNAVAILABLE", address: endpoints.join(", ") };
    const message = "not done: nothing listens at 127.0.0.1:1; nothing listens at 127.0.0.1:9";
    await expect(client.put("k", "v")).rejects.toMatchObject({ ...facts, message });
    await expect(client.get("k")).rejects.toMatchObject({ ...facts, message });
  });

  test("a program that says nothing of errors ends with one when nothing listens", () => {
    const program = fileURLToPath(new URL("hello-program.ts", import.meta.url));
    const ran = spawnSync(process.execPath, ["--import", "tsx", program], { encoding: "utf8", timeout: 30_000 });
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain("NotDoneError: not done: nothing listens at 127.0.0.1:1");
    expect(ran.stdout).toBe("");
  }, 40_000);
});

describe("outcomes", () => {
  test("done hands out the answer, or throws what it is instead", () => {
    expect(done(new Stored(3n)).version).toBe(3n);
    const told = { reason: "NO_WRITER", code: "UNAVAILABLE", address: "a:1", message: "nobody" } as const;
    expect(() => done({ outcome: "notDone", ...told })).toThrow(NotDoneError);
    expect(() => done({ outcome: "unknown", ...told })).toThrow(UnknownError);
  });

  test("each is JSON: 64-bit numbers are strings, values text where they are", () => {
    const entry = new Entry(Buffer.from("鍵"), 2n ** 63n);
    const shown = { version: "9223372036854775808", value: "鍵", valueEncoding: "text" };
    const got = { outcome: "done", consistency: "local" };
    expect(JSON.parse(JSON.stringify(new Got(entry, "local")))).toEqual({ ...got, entry: shown });
    expect(JSON.parse(JSON.stringify(new Got(undefined, "local")))).toEqual(got);
    expect(JSON.parse(JSON.stringify(new Entry(Buffer.from([0xff]), 1n)))).toEqual({
      version: "1",
      value: "/w==",
      valueEncoding: "base64",
    });
    expect(JSON.parse(JSON.stringify([new Stored(3n), new Swapped(3n), new NotSwapped(3n, entry)]))).toEqual([
      { outcome: "done", version: "3" },
      { outcome: "done", swapped: true, version: "3" },
      { outcome: "done", swapped: false, version: "3", found: shown },
    ]);
    expect(JSON.parse(JSON.stringify([new Deleted(3n), new NotDeleted(0n, undefined), new Added(-1n, 3n)]))).toEqual([
      { outcome: "done", deleted: true, version: "3" },
      { outcome: "done", deleted: false, version: "0" },
      { outcome: "done", number: "-1", version: "3" },
    ]);
  });
});

describe("closing", () => {
  test("gives up what is under way: unknown if it was sent, not done if not", async () => {
    const client = await answering({ silence: true, forever: true });
    const put = client.outcome.put("k", "v");
    while (fake?.script.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const closing = client.close();
    expect(await put).toMatchObject({ outcome: "unknown", reason: "CLOSED" });
    await closing;
    expect(await client.outcome.put("k", "v")).toMatchObject({ outcome: "notDone", reason: "CLOSED" });
    expect(await client.pipeline().outcome.get("k")).toMatchObject({ outcome: "notDone", reason: "CLOSED" });
  });

  test("a pipeline finishes what is under way first", async () => {
    const client = await answering({ ok: {}, delay_ms: 100 });
    const pipeline = client.pipeline();
    const put = pipeline.outcome.put("k", "v");
    await pipeline.close();
    expect(await put).toMatchObject({ outcome: "done" });
    expect(await pipeline.outcome.put("k", "v")).toMatchObject({ outcome: "notDone", reason: "CLOSED" });
    await client.close();
  });

  test("leaves nothing behind that would keep a process alive", () => {
    const program = fileURLToPath(new URL("closing-program.ts", import.meta.url));
    const ran = spawnSync(process.execPath, ["--import", "tsx", program], { encoding: "utf8", timeout: 30_000 });
    expect(ran.stderr).toBe("");
    expect(ran.stdout.trim()).toBe("closed");
    expect(ran.status).toBe(0);
  }, 40_000);
});
