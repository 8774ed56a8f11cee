import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from "node:net";
import { ServerError, Status } from "nice-grpc";
import { afterEach, describe, expect, test } from "vitest";
import { Consistency } from "../../../gen/ts/onar/kv/v1/common.js";
import { Execution } from "../../../gen/ts/onar/kv/v1/error.js";
import { Connections } from "../../../src/cli/calls/connections.js";
import { address as parseAddress } from "../../../src/config/values.js";
import { CLUSTER_ID, fail, fakeNode, type Handlers, onar, stopFakeNodes, viewOf } from "./fake-node.js";

afterEach(stopFakeNodes);

const put = (endpoint: string, ...more: string[]) =>
  onar(["put", "k", "v", "--endpoint", endpoint, "--timeout", "1", ...more]);
/** Longer than what is to be answered can take. */
const PATIENT = ["--timeout", "60"];
const get = (endpoint: string) => onar(["get", "k", "--endpoint", endpoint, "--timeout", "1"]);

/** An address where nothing listens. */
async function freeAddress(): Promise<string> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const found = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${found !== null && typeof found === "object" ? found.port : 0}`;
}

describe("an error that Onar made", () => {
  test("a refused write is exit code 1 with the reason", async () => {
    const node = await fakeNode({
      put: async (_, context) =>
        fail(context, { code: Status.INVALID_ARGUMENT, reason: "VALUE_TOO_LONG", execution: Execution.NOT_EXECUTED }),
    });
    const ran = await put(node.address);
    expect(ran).toMatchObject({ code: 1, out: "", error: "error: because of VALUE_TOO_LONG (VALUE_TOO_LONG)" });
  });

  test("UNAVAILABLE with our reason and outcome is definitely not done", async () => {
    const node = await fakeNode({
      put: async (_, context) =>
        fail(context, { code: Status.UNAVAILABLE, reason: "NO_WRITER", execution: Execution.NOT_EXECUTED }),
    });
    expect(await put(node.address)).toMatchObject({ code: 1, error: expect.stringContaining("NO_WRITER") });
  });

  test.each([Execution.UNKNOWN, Execution.UNSPECIFIED])("an outcome of %s is exit code 4", async (execution) => {
    const node = await fakeNode({
      put: async (_, context) => fail(context, { code: Status.UNKNOWN, reason: "OUTCOME_UNKNOWN", execution }),
    });
    expect(await put(node.address)).toMatchObject({ code: 4, error: expect.stringMatching(/^unknown: /) });
  });

  test("an expired request id is unknown and not sent again", async () => {
    let calls = 0;
    const node = await fakeNode({
      put: async (_, context) => {
        calls++;
        return fail(context, { code: Status.FAILED_PRECONDITION, reason: "REQUEST_EXPIRED" });
      },
    });
    expect((await put(node.address)).code).toBe(4);
    expect(calls).toBe(1);
  });

  test("the ErrorInfo of another domain is not ours", async () => {
    const node = await fakeNode({
      put: async (_, context) => fail(context, { code: Status.UNAVAILABLE, reason: "NO_WRITER", domain: "proxy" }),
    });
    expect((await put(node.address)).code).toBe(4);
  });

  test("with -o json the error is one object on standard error", async () => {
    const node = await fakeNode({
      put: async (_, context) =>
        fail(context, { code: Status.UNAVAILABLE, reason: "NO_QUORUM", execution: Execution.NOT_EXECUTED }),
    });
    const ran = await put(node.address, "-o", "json");
    expect(ran).toMatchObject({ code: 1, out: "" });
    expect(JSON.parse(ran.error)).toMatchObject({
      error: { outcome: "notDone", status: "UNAVAILABLE", reason: "NO_QUORUM" },
    });
  });
});

describe("a bare status after a write was sent", () => {
  test.each([Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.CANCELLED, Status.UNKNOWN, Status.INTERNAL])(
    "%i means unknown for a write and not done for a read",
    async (code) => {
      const bare = async (): Promise<never> => {
        throw new ServerError(code, "from a proxy");
      };
      expect((await put((await fakeNode({ put: bare })).address)).code).toBe(4);
      expect((await get((await fakeNode({ get: bare })).address)).code).toBe(1);
    },
  );

  test.each([Status.UNIMPLEMENTED, Status.PERMISSION_DENIED, Status.INVALID_ARGUMENT])(
    "%i can only be a refusal",
    async (code) => {
      const node = await fakeNode({
        put: async () => {
          throw new ServerError(code, "no");
        },
      });
      expect((await put(node.address)).code).toBe(1);
    },
  );

  test("a connection that breaks while the write is under way is unknown", async () => {
    const node = await fakeNode({
      put: () => {
        node.crash();
        return new Promise(() => {});
      },
    });
    expect((await put(node.address)).code).toBe(4);
  });

  test("no answer is unknown for a write, after the timeout", async () => {
    const node = await fakeNode({ put: () => new Promise(() => {}) });
    const begun = Date.now();
    expect((await put(node.address)).code).toBe(4);
    expect(Date.now() - begun).toBeLessThan(3_000);
  });
});

describe("a write that was never sent", () => {
  test("nothing listens there: not done, and said so", async () => {
    const address = await freeAddress();
    expect(await put(address)).toMatchObject({ code: 1, error: `error: nothing listens at ${address}` });
  });

  test("all endpoints are named when none can be reached", async () => {
    const [a, b] = [await freeAddress(), await freeAddress()];
    const ran = await put(`${a},${b}`);
    expect(ran.code).toBe(1);
    expect(ran.error).toContain(a);
    expect(ran.error).toContain(b);
  });

  test("what listens there and does not speak gRPC is not done", async () => {
    const server = createTcpServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const found = server.address();
    const port = found !== null && typeof found === "object" ? found.port : 0;
    const ran = await put(`127.0.0.1:${port}`);
    server.close();
    expect(ran).toMatchObject({ code: 1, error: expect.stringContaining("does not speak gRPC") });
  });
});

describe("retries", () => {
  test("a write of unknown outcome is sent again at the next endpoint with the same request id", async () => {
    const seen: [node: number, id: string][] = [];
    const node = (number: number) =>
      fakeNode({
        put: async ({ requestId }) => {
          seen.push([number, requestId.toString("hex")]);
          if (seen.length === 1) throw new ServerError(Status.UNAVAILABLE, "from a proxy");
          return { version: 4n };
        },
      });
    const both = `${(await node(1)).address},${(await node(2)).address}`;
    expect(await put(both, ...PATIENT)).toMatchObject({ code: 0, out: "version 4\n" });
    const [first, second] = seen;
    expect(seen).toHaveLength(2);
    expect(second?.[0]).not.toBe(first?.[0]);
    expect(second?.[1]).toBe(first?.[1]);
  });

  test("an endpoint that cannot be reached does not hold up the next one", async () => {
    const node = await fakeNode({ put: async () => ({ version: 4n }) });
    expect((await put(`${await freeAddress()},${node.address}`, ...PATIENT)).code).toBe(0);
  });

  test("a refusal after an unknown attempt leaves the outcome unknown", async () => {
    const first = await fakeNode({
      put: async () => {
        throw new ServerError(Status.UNAVAILABLE, "from a proxy");
      },
    });
    const second = await fakeNode({
      put: async (_, context) =>
        fail(context, { code: Status.UNAVAILABLE, reason: "NO_WRITER", execution: Execution.NOT_EXECUTED }),
    });
    expect((await put(`${first.address},${second.address}`)).code).toBe(4);
  });

  test("nothing listening after an unknown attempt leaves the outcome unknown", async () => {
    const first = await fakeNode({
      put: async () => {
        throw new ServerError(Status.INTERNAL, "from a proxy");
      },
    });
    expect((await put(`${first.address},${await freeAddress()}`)).code).toBe(4);
  });

  test("a failed Add that the cluster decided is not done, also after an unknown attempt", async () => {
    let calls = 0;
    const node = await fakeNode({
      add: async (_, context) => {
        if (calls++ === 0) throw new ServerError(Status.UNAVAILABLE, "from a proxy");
        return fail(context, {
          code: Status.FAILED_PRECONDITION,
          reason: "NOT_A_NUMBER",
          execution: Execution.NOT_EXECUTED,
        });
      },
    });
    const ran = await onar(["add", "k", "1", "--endpoint", node.address, "--timeout", "3"]);
    expect(ran).toMatchObject({ code: 1, error: expect.stringContaining("NOT_A_NUMBER") });
  });

  test("a refusal that another node may not repeat is passed to the other endpoints, until the time is over", async () => {
    const refusedBy = new Set<number>();
    const draining = (who: number) =>
      fakeNode({
        put: async (_, context) => {
          refusedBy.add(who);
          return fail(context, { code: Status.UNAVAILABLE, reason: "DRAINING", execution: Execution.NOT_EXECUTED });
        },
      });
    const [a, b] = [await draining(1), await draining(2)];
    expect(await put(`${a.address},${b.address}`)).toMatchObject({
      code: 1,
      error: expect.stringContaining("DRAINING"),
    });
    expect(refusedBy).toEqual(new Set([1, 2]));
  });
});

describe("endpoints that are of no use", () => {
  const refusing = (code: Status, reason?: string) =>
    fakeNode({
      getView: async (_, context) => {
        if (reason !== undefined) return fail(context, { code, reason });
        throw new ServerError(code, "no such method");
      },
    });

  test("do no harm beside one that answers", async () => {
    const stranger = await refusing(Status.UNIMPLEMENTED);
    const node = await fakeNode({ put: async () => ({ version: 4n }) });
    const all = [await freeAddress(), stranger.address, node.address].join(",");
    expect(await put(all, ...PATIENT)).toMatchObject({ code: 0, out: "version 4\n", error: "" });
  });

  test("end a command without waiting for its time, when all are: it says of each what is wrong", async () => {
    const [free, stranger, starting] = [
      await freeAddress(),
      await refusing(Status.UNIMPLEMENTED),
      await refusing(Status.UNAVAILABLE, "NO_WRITER"),
    ];
    const all = [free, stranger.address, starting.address];
    const ran = await put(all.join(","), ...PATIENT);
    expect(ran.code).toBe(1);
    for (const address of all) expect(ran.error).toContain(address);
    expect(ran.error).toMatch(/nothing listens at .*no Onar node.*NO_WRITER/);
  });

  test("are UNREACHABLE with -o json, or what the node said", async () => {
    const json = async (address: string) => JSON.parse((await put(address, ...PATIENT, "-o", "json")).error) as object;
    expect(await json(await freeAddress())).toMatchObject({
      error: { outcome: "notDone", status: "", reason: "UNREACHABLE" },
    });
    expect(await json((await refusing(Status.UNAVAILABLE, "NO_WRITER")).address)).toMatchObject({
      error: { outcome: "notDone", status: "UNAVAILABLE", reason: "NO_WRITER" },
    });
  });

  test("are not those that are far away or busy: connecting may take its time", async () => {
    const node = await fakeNode({ get: async () => ({ consistency: Consistency.LINEARIZABLE }) });
    const far = createTcpServer((near) => {
      const there = connectTcp(Number(node.address.split(":")[1]), "127.0.0.1");
      for (const socket of [near, there]) socket.on("error", () => {});
      near.pipe(there);
      // A quarter of a second to here.
      there.on("data", (chunk) => setTimeout(() => near.write(chunk), 250));
      there.on("close", () => near.destroy());
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => far.once("listening", resolve));
    const { port } = far.address() as AddressInfo;
    const ran = await onar(["get", "k", "--endpoint", `127.0.0.1:${port}`, ...PATIENT]);
    far.close();
    expect(ran).toMatchObject({ code: 3, error: "no such key" });
  });

  test("are asked anew by the next command of a prompt", async () => {
    const address = await freeAddress();
    const keys = new Connections();
    const client = keys.keys([parseAddress("endpoint", address, 1)]);
    const read = () => client.call((on, within) => on.get("k", within), { timeoutMs: 60_000 });
    await expect(read()).rejects.toThrow(`nothing listens at ${address}`);
    const get: Handlers["get"] = async () => ({ consistency: Consistency.LINEARIZABLE });
    await fakeNode({ get }, Number(address.split(":")[1]));
    expect((await read()).answer.entry).toBeUndefined();
    await keys.close();
  });

  test("of another cluster than the prompt began with are refused", async () => {
    const get: Handlers["get"] = async () => ({ consistency: Consistency.LINEARIZABLE });
    const first = await fakeNode({ get });
    const address = parseAddress("endpoint", first.address, 1);
    const keys = new Connections();
    const client = keys.keys([address]);
    const read = () => client.call((on, within) => on.get("k", within), { timeoutMs: 60_000 });
    await read();
    first.crash();
    await expect(read()).rejects.toThrow();
    await fakeNode({ get, getView: async () => viewOf(Buffer.alloc(16, 8)) }, address.port);
    const refused = { exitCode: 1, facts: { reason: "WRONG_CLUSTER" } };
    await expect(read()).rejects.toMatchObject(refused);
    await expect(read()).rejects.toThrow(`is of cluster ${"08".repeat(16)}, not ${CLUSTER_ID.toString("hex")}`);
    await keys.close();
  });
});

describe("deadlines", () => {
  test("the deadline reaches the server on the wire", async () => {
    const node = await fakeNode({
      put: async () => ({ version: 1n }),
      get: async () => ({ header: viewOf(CLUSTER_ID).header }),
    });
    await onar(["put", "k", "v", "--endpoint", node.address, "--timeout", "7"]);
    await onar(["get", "k", "--endpoint", node.address]);
    const of = (name: string) => node.deadlines.findLast(([method]) => method === name)?.[1] ?? 0;
    // An attempt gets half of what is left at most. A write gets no more than four seconds, a read no more than one and
    // a half.
    expect(of("Put")).toBeGreaterThan(2_000);
    expect(of("Put")).toBeLessThanOrEqual(3_500);
    expect(of("Get")).toBeGreaterThan(500);
    expect(of("Get")).toBeLessThanOrEqual(1_500);
  });
});
