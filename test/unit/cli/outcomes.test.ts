import { createServer as createTcpServer } from "node:net";
import { ServerError, Status } from "nice-grpc";
import { afterEach, describe, expect, test } from "vitest";
import { Execution } from "../../../gen/ts/onar/kv/v1/error.js";
import { fail, fakeNode, onar, stopFakeNodes } from "./fake-node.js";

afterEach(stopFakeNodes);

const put = (endpoint: string, ...more: string[]) => onar(["put", "k", "v", "--endpoint", endpoint, ...more]);
/** For what is tried until the time is over. */
const shortPut = (endpoint: string) => put(endpoint, "--timeout", "0.5");
const get = (endpoint: string) => onar(["get", "k", "--endpoint", endpoint]);

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
    expect(await shortPut(node.address)).toMatchObject({ code: 4, error: expect.stringMatching(/^unknown: /) });
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
    expect((await shortPut(node.address)).code).toBe(4);
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
      const node = await fakeNode({ put: bare, get: bare });
      expect((await shortPut(node.address)).code).toBe(4);
      expect((await get(node.address)).code).toBe(1);
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
    expect((await shortPut(node.address)).code).toBe(4);
  });

  test("no answer is unknown for a write, after the timeout", async () => {
    const node = await fakeNode({ put: () => new Promise(() => {}) });
    expect((await shortPut(node.address)).code).toBe(4);
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
    const ran = await shortPut(`127.0.0.1:${port}`);
    server.close();
    expect(ran).toMatchObject({ code: 1, error: expect.stringContaining("does not speak gRPC") });
  });
});

describe("retries", () => {
  test("a write of unknown outcome is sent again at the next endpoint with the same request id", async () => {
    const ids: string[] = [];
    const first = await fakeNode({
      put: async (request) => {
        ids.push(request.requestId.toString("hex"));
        throw new ServerError(Status.UNAVAILABLE, "from a proxy");
      },
    });
    const second = await fakeNode({
      put: async (request) => {
        ids.push(request.requestId.toString("hex"));
        return { version: 4n };
      },
    });
    expect(await put(`${first.address},${second.address}`)).toMatchObject({ code: 0, out: "version 4\n" });
    expect(ids).toHaveLength(2);
    expect(ids[0]).toBe(ids[1]);
  });

  test("an endpoint that cannot be reached does not hold up the next one", async () => {
    const node = await fakeNode({ put: async () => ({ version: 4n }) });
    expect((await put(`${await freeAddress()},${node.address}`)).code).toBe(0);
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
    expect((await shortPut(`${first.address},${second.address}`)).code).toBe(4);
  });

  test("nothing listening after an unknown attempt leaves the outcome unknown", async () => {
    const first = await fakeNode({
      put: async () => {
        throw new ServerError(Status.INTERNAL, "from a proxy");
      },
    });
    expect((await shortPut(`${first.address},${await freeAddress()}`)).code).toBe(4);
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

  test("a refusal is passed to the other endpoints once each", async () => {
    let calls = 0;
    const draining = () =>
      fakeNode({
        put: async (_, context) => {
          calls++;
          return fail(context, { code: Status.UNAVAILABLE, reason: "DRAINING", execution: Execution.NOT_EXECUTED });
        },
      });
    const [a, b] = [await draining(), await draining()];
    expect((await put(`${a.address},${b.address}`)).code).toBe(1);
    expect(calls).toBe(2);
  });
});

describe("deadlines", () => {
  test("the deadline reaches the server on the wire", async () => {
    const node = await fakeNode({ put: async () => ({ version: 1n }), get: async () => ({}) });
    await onar(["put", "k", "v", "--endpoint", node.address, "--timeout", "7"]);
    await onar(["get", "k", "--endpoint", node.address]);
    const [ofPut = 0, ofGet = 0] = node.deadlines;
    expect(ofPut).toBeGreaterThan(5_000);
    expect(ofPut).toBeLessThanOrEqual(7_000);
    expect(ofGet).toBeGreaterThan(8_000);
    expect(ofGet).toBeLessThanOrEqual(10_000);
  });
});
