import { Readable } from "node:stream";
import type { Command } from "commander";
import { afterEach, describe, expect, test } from "vitest";
import { Consistency, Presence } from "../../../gen/ts/onar/kv/v1/common.js";
import type {
  AddRequest,
  CompareAndSetRequest,
  DeleteRequest,
  GetRequest,
  PutRequest,
} from "../../../gen/ts/onar/kv/v1/kv.js";
import type { Io } from "../../../src/cli/terminal/io.js";
import type { Ends } from "../../../src/cli/tree/root.js";
import { onarTree } from "../../../src/cli/tree.js";
import { fakeNode, onar, stopFakeNodes } from "./fake-node.js";

afterEach(stopFakeNodes);

const header = {
  clusterId: Buffer.alloc(16, 7),
  nodeId: 5,
  viewEpoch: 1n,
  revision: { partition: 9, revision: 2n ** 60n },
  groupEpoch: 1n,
  writerNodeId: 6,
};
const entry = (value: string | Buffer, version = 17n) => ({ value: Buffer.from(value as Buffer), version });

describe("get", () => {
  const holding = (value: string | Buffer, requests: GetRequest[] = []) =>
    fakeNode({
      get: async (request) => {
        requests.push(request);
        return { header, entry: entry(value), consistency: Consistency.LINEARIZABLE };
      },
    });

  test("get prints the exact bytes of the value and nothing else", async () => {
    const value = Buffer.from([0, 255, 10, 13, 10]);
    const node = await holding(value);
    const ran = await onar(["get", "k", "--endpoint", node.address]);
    expect(ran).toMatchObject({ code: 0, error: "" });
    expect(ran.bytes).toEqual(value);
  });

  test("get ends the line on a terminal only", async () => {
    const node = await holding("world");
    const args = ["get", "k", "--endpoint", node.address];
    expect((await onar(args, { terminal: true })).out).toBe("world\n");
    expect((await onar(args)).out).toBe("world");
  });

  test("a missing key is exit code 3 with nothing on standard output", async () => {
    const node = await fakeNode({ get: async () => ({ header, consistency: Consistency.LINEARIZABLE }) });
    expect(await onar(["get", "k", "--endpoint", node.address])).toMatchObject({
      code: 3,
      out: "",
      error: "no such key",
    });
  });

  test("JSON holds 64-bit numbers as strings and says which encoding the value is in", async () => {
    const node = await holding(Buffer.from([0xff]));
    const ran = await onar(["get", "k", "--endpoint", node.address, "-o", "json"]);
    expect(JSON.parse(ran.out)).toEqual({
      key: "k",
      keyEncoding: "text",
      found: true,
      consistency: "linearizable",
      version: "17",
      value: "/w==",
      valueEncoding: "base64",
      clusterId: "07".repeat(16),
      nodeId: 5,
      viewEpoch: "1",
      partition: 9,
      revision: "1152921504606846976",
      groupEpoch: "1",
      writerNodeId: 6,
    });
  });

  test("--local asks for a local read, and without it the read is linearizable", async () => {
    const requests: GetRequest[] = [];
    const node = await holding("v", requests);
    await onar(["get", "k", "--endpoint", node.address, "--local"]);
    await onar(["get", "k", "--endpoint", node.address]);
    expect(requests.map((r) => r.consistency)).toEqual([Consistency.LOCAL, Consistency.LINEARIZABLE]);
  });

  test("hostile keys are plain keys", async () => {
    const requests: GetRequest[] = [];
    const node = await holding("v", requests);
    for (const key of ["__proto__", "constructor", "toString"]) {
      const ran = await onar(["get", key, "--endpoint", node.address, "-o", "json"]);
      expect(JSON.parse(ran.out)).toMatchObject({ key, value: "v" });
    }
    expect(requests.map((r) => r.key.toString())).toEqual(["__proto__", "constructor", "toString"]);
  });

  test("keys with NUL and bytes that are not UTF-8 are given as hex or base64", async () => {
    const requests: GetRequest[] = [];
    const node = await holding("v", requests);
    await onar(["get", "00ff", "--key-encoding", "hex", "--endpoint", node.address]);
    await onar(["get", "AP8=", "--key-encoding", "base64", "--endpoint", node.address]);
    expect(requests.map((r) => r.key)).toEqual([Buffer.from([0, 255]), Buffer.from([0, 255])]);
  });
});

describe("put", () => {
  const storing = (requests: PutRequest[]) =>
    fakeNode({
      put: async (request) => {
        requests.push(request);
        return { header, version: 17n };
      },
    });

  test("put prints the version", async () => {
    const node = await storing([]);
    expect(await onar(["put", "k", "v", "--endpoint", node.address])).toMatchObject({ code: 0, out: "version 17\n" });
  });

  test("every put carries a fresh request id of 16 bytes", async () => {
    const requests: PutRequest[] = [];
    const node = await storing(requests);
    await onar(["put", "k", "v", "--endpoint", node.address]);
    await onar(["put", "k", "v", "--endpoint", node.address]);
    expect(requests.map((r) => r.requestId.length)).toEqual([16, 16]);
    expect(requests[0]?.requestId).not.toEqual(requests[1]?.requestId);
  });

  test("- stores standard input byte for byte, whatever it holds", async () => {
    const requests: PutRequest[] = [];
    const node = await storing(requests);
    const stdin = Buffer.from([0, 255, 10]);
    await onar(["put", "k", "-", "--endpoint", node.address], { stdin });
    expect(requests[0]?.value).toEqual(stdin);
  });

  test("white space around base64 on standard input is not part of the value", async () => {
    const requests: PutRequest[] = [];
    const node = await storing(requests);
    await onar(["put", "k", "-", "--value-encoding", "base64", "--endpoint", node.address], { stdin: "/w==\n" });
    expect(requests[0]?.value).toEqual(Buffer.from([255]));
  });

  test("standard input beyond the length of a message is refused, not cut", async () => {
    const node = await storing([]);
    const ran = await onar(["put", "k", "-", "--endpoint", node.address], { stdin: Buffer.alloc(16_777_217) });
    expect(ran).toMatchObject({ code: 1, error: expect.stringContaining("16777216 bytes") });
  });

  test("an empty value is a value", async () => {
    const requests: PutRequest[] = [];
    const node = await storing(requests);
    expect((await onar(["put", "k", "", "--endpoint", node.address])).code).toBe(0);
    expect(requests[0]?.value.length).toBe(0);
  });

  test("keys and values that begin with a dash go after --", async () => {
    const requests: PutRequest[] = [];
    const node = await storing(requests);
    await onar(["put", "--endpoint", node.address, "--", "-k", "-v"]);
    expect([requests[0]?.key.toString(), requests[0]?.value.toString()]).toEqual(["-k", "-v"]);
    const ran = await onar(["put", "-k", "-v", "--endpoint", node.address]);
    expect(ran).toMatchObject({ code: 2, error: expect.stringContaining("put -- KEY -VALUE") });
  });
});

describe("cas and delete", () => {
  test("each condition option becomes the condition it names", async () => {
    const requests: CompareAndSetRequest[] = [];
    const node = await fakeNode({
      compareAndSet: async (request) => {
        requests.push(request);
        return { header, swapped: true, version: 18n };
      },
    });
    for (const option of [["--if-version", "17"], ["--if-value", "old"], ["--if-absent"], ["--if-present"]]) {
      const ran = await onar(["cas", "k", "v", ...option, "--endpoint", node.address]);
      expect(ran).toMatchObject({ code: 0, out: "swapped, version 18\n" });
    }
    expect(requests.map((r) => r.condition?.expected)).toEqual([
      { $case: "version", value: 17n },
      { $case: "value", value: Buffer.from("old") },
      { $case: "presence", value: Presence.ABSENT },
      { $case: "presence", value: Presence.PRESENT },
    ]);
  });

  test("a condition that did not hold is exit code 3 and says what was found", async () => {
    let found: { value: Buffer; version: bigint } | undefined = entry("other");
    const node = await fakeNode({
      compareAndSet: async () => ({ header, swapped: false, version: found?.version ?? 0n, found }),
    });
    const args = ["cas", "k", "v", "--if-version", "3", "--endpoint", node.address];
    expect(await onar(args)).toMatchObject({ code: 3, out: "not swapped: version 17 found\n" });
    const json = JSON.parse((await onar([...args, "-o", "json"])).out) as object;
    expect(json).toMatchObject({ swapped: false, version: "17", found: { version: "17", value: "other" } });
    found = undefined;
    expect(await onar(args)).toMatchObject({ code: 3, out: "not swapped: no such key\n" });
  });

  test("cas needs exactly one condition", async () => {
    expect(await onar(["cas", "k", "v"])).toMatchObject({ code: 2, error: expect.stringContaining("--if-version") });
    const both = await onar(["cas", "k", "v", "--if-absent", "--if-version", "1"]);
    expect(both).toMatchObject({ code: 2, error: expect.stringContaining("only one condition") });
  });

  test("version 0 is refused before anything is sent", async () => {
    const ran = await onar(["cas", "k", "v", "--if-version", "0"]);
    expect(ran).toMatchObject({ code: 2, error: expect.stringContaining("--if-absent") });
  });

  test("delete of nothing is exit code 3, and a delete without condition sends none", async () => {
    const requests: DeleteRequest[] = [];
    let deleted = true;
    const node = await fakeNode({
      delete: async (request) => {
        requests.push(request);
        return { header, deleted, version: deleted ? 17n : 0n };
      },
    });
    const args = ["delete", "k", "--endpoint", node.address];
    expect(await onar(args)).toMatchObject({ code: 0, out: "deleted, version was 17\n" });
    deleted = false;
    expect(await onar(args)).toMatchObject({ code: 3, out: "not deleted: no such key\n" });
    expect(requests.map((r) => r.condition)).toEqual([undefined, undefined]);
  });
});

describe("add", () => {
  const adding = (requests: AddRequest[], number?: bigint) =>
    fakeNode({
      add: async (request) => {
        requests.push(request);
        return number === undefined ? { header, version: 17n } : { header, version: 17n, number };
      },
    });

  test("a negative number is added with and without --", async () => {
    const requests: AddRequest[] = [];
    const node = await adding(requests, -5n);
    expect(await onar(["add", "k", "-5", "--endpoint", node.address])).toMatchObject({
      code: 0,
      out: "number -5, version 17\n",
    });
    await onar(["add", "--endpoint", node.address, "k", "--", "-5"]);
    await onar(["add", "k", "-9223372036854775808", "--endpoint", node.address]);
    await onar(["add", "k", "-", "--endpoint", node.address], { stdin: "9223372036854775807\n" });
    expect(requests.map((r) => r.delta)).toEqual([-5n, -5n, -(2n ** 63n), 2n ** 63n - 1n]);
  });

  test("what is no signed 64-bit number is refused before anything is sent", async () => {
    for (const delta of ["9223372036854775808", "-9223372036854775809", "1.5", "0x10", "", "one"]) {
      const ran = await onar(["add", "k", delta]);
      expect(ran).toMatchObject({ code: 2, error: expect.stringContaining("9223372036854775807") });
    }
  });

  test("a number that is not known any more is said to be so", async () => {
    const node = await adding([]);
    const ran = await onar(["add", "k", "1", "--endpoint", node.address, "-o", "json"]);
    expect(JSON.parse(ran.out)).toMatchObject({ version: "17", number: null });
    expect((await onar(["add", "k", "1", "--endpoint", node.address])).out).toContain("not known");
  });
});

describe("settings", () => {
  test("ONAR_ENDPOINT names the nodes, --endpoint goes before it", async () => {
    const node = await fakeNode({ put: async () => ({ header, version: 1n }) });
    const env = { ONAR_ENDPOINT: node.address };
    expect((await onar(["put", "k", "v"], { env })).code).toBe(0);
    const wrong = await onar(["put", "k", "v", "--endpoint", "nonsense"], { env });
    expect(wrong).toMatchObject({ code: 2, error: expect.stringContaining("--endpoint must be HOST:PORT") });
    const fromEnvironment = await onar(["put", "k", "v"], { env: { ONAR_ENDPOINT: "nonsense" } });
    expect(fromEnvironment).toMatchObject({ code: 2, error: expect.stringContaining("ONAR_ENDPOINT") });
  });

  test.each([
    [["get", ""], "KEY must have at least one byte"],
    [["get", "\ufffd"], "not valid UTF-8"],
    [["get", "abc", "--key-encoding", "hex"], "--key-encoding hex"],
    [["get", "a", "--key-encoding", "utf8"], "text, base64, hex"],
    [["get", "a", "-o", "yaml"], "text, json"],
    [["get", "a", "--timeout", "0"], "from 0.001 to 3600"],
    [["get", "a", "--endpoint", "http://127.0.0.1:1"], "no scheme"],
    [["get", "a", "--endpoint", "127.0.0.1:1,127.0.0.1:1"], "twice"],
    [["get", "a", "b"], "too many arguments"],
    [["get"], "missing required argument"],
    [["get", "a", "--lokal"], "Did you mean --local"],
    [["git"], "unknown command"],
    [["keys"], "Onar cannot list keys yet"],
    [["ls", "--all"], "Onar cannot list keys yet"],
    [["scan", "a", "b"], "Onar cannot list keys yet"],
    [["watch", "a"], "Onar cannot watch keys yet"],
    [["ttl", "a"], "Onar has no expiry yet"],
    [["exists", "a"], "its exit code is 3"],
    [["mget", "a", "b"], "one key a call"],
    [["info"], "onar status shows"],
    [["join", "127.0.0.1:4700"], "onar start --join"],
    [["stop"], "SIGTERM"],
    [["statsu"], "Did you mean status?"],
    [["lock", "nightly"], "missing required argument"],
    [["lock", "nightly", "--lease", "0", "--", "true"], "--lease must be a whole number from 1 to 3600"],
  ])("%j is wrong usage and says why", async (args, why) => {
    const ran = await onar(args);
    expect(ran).toMatchObject({ code: 2, out: "" });
    expect(ran.error).toContain(why);
    expect(ran.error).not.toMatch(/\n\s+at /);
  });

  test.each([
    ...[
      "start",
      "cluster",
      "demo",
      "prompt",
      "get",
      "put",
      "cas",
      "delete",
      "add",
      "status",
      "doctor",
      "completion",
      "lock",
    ],
    ...["config", "config check", "config show"],
  ])("help of %s shows an example", async (name) => {
    const ran = await onar([...name.split(" "), "--help"]);
    expect(ran.code).toBe(0);
    expect(ran.out).toContain(`Example:\n  onar ${name}`);
  });

  const pathsOf = (command: Command): string[][] => [
    [],
    ...command.commands.flatMap((inner) => pathsOf(inner).map((path) => [inner.name(), ...path])),
  ];

  test("help of every command fits 60 columns, except for examples, which are to be pasted", async () => {
    const ends: Ends = () => async () => {};
    const [out, error, onReaderGone] = [() => {}, () => {}, () => {}];
    const io: Io = { out, error, onReaderGone, terminal: false, stdin: Readable.from([]), env: {} };
    const paths = pathsOf(onarTree({ io, program: "", ends }));
    expect(paths.length).toBeGreaterThan(20);
    for (const path of paths) {
      const ran = await onar([...path, "--help"], { columns: 60 });
      expect(ran.code, path.join(" ")).toBe(0);
      const [help = ""] = ran.out.split("\nExample:");
      expect(help.split("\n").filter((line) => line.length > 60)).toEqual([]);
    }
  });

  test("the list of commands has one sentence for each, by what they are for; the help of a command has all", async () => {
    const { out } = await onar(["--help"]);
    expect(out).toMatch(
      /^Read and write keys:\n {2}prompt +Type .*\n {2}get <KEY> +Print the value of a key and nothing else$/m,
    );
    for (const heading of ["Run nodes", "Look at the cluster", "Change the cluster", "Keep data safe", "More"])
      expect(out).toContain(`\n${heading}:\n`);
    expect(out).not.toMatch(/Commands:|\[options\] <|^ +(scan|watch|exists) /m);
    expect((await onar(["get", "--help"])).out.replaceAll(/\s+/g, " ")).toContain("Exit code 3: no such key.");
  });

  test.each(["--version", "-V", "version"])("%s prints the version of the package", async (word) => {
    expect(await onar([word])).toMatchObject({ code: 0, out: expect.stringMatching(/^onar \d+\.\d+\.\d+/) });
  });

  test.each([
    ["set", "put"],
    ["del", "delete"],
    ["rm", "delete"],
    ["incr", "add"],
    ["members", "nodes"],
  ])("%s is another word for %s", async (word, command) => {
    expect((await onar([word, "--help"])).out).toContain(`onar ${command}`);
  });
});
