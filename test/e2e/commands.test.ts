/** The onar command against a real cluster: what it prints and the exit codes that scripts rely on. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, freePorts, HOST, startArgs } from "./harness.js";
import { onar, type Ran, type RunOptions } from "./programs.js";
import { TcpProxy } from "./proxy.js";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64 });
});
afterAll(() => cluster?.stop());

const at = (node: number, args: readonly string[], options?: RunOptions): Promise<Ran> =>
  onar([...args, "--endpoint", cluster.node(node).address], options);

describe("the onar command", () => {
  test("exits with 0 when done: put at one node, get at another prints the value and nothing else", async () => {
    expect(await at(0, ["put", "hello", "world"])).toMatchObject({ code: 0, stderr: "" });
    expect(await at(1, ["get", "hello"])).toEqual({ code: 0, stdout: "world", stderr: "" });
    const json = await at(2, ["get", "hello", "-o", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ found: true, value: "world", consistency: "linearizable" });
    expect(await at(1, ["add", "visits", "-3"])).toMatchObject({ code: 0, stdout: expect.stringContaining("-3") });
  });

  test("takes keys and values as hex and base64, and values from standard input, byte for byte", async () => {
    const put = await at(0, ["put", "00ff", "gAE=", "--key-encoding", "hex", "--value-encoding", "base64"]);
    expect(put.code).toBe(0);
    const got = await at(1, ["get", "AP8=", "--key-encoding", "base64", "--value-encoding", "hex"]);
    expect(got).toEqual({ code: 0, stdout: "8001", stderr: "" });
    expect(await at(0, ["put", "file", "-"], { input: "two\nlines\n" })).toMatchObject({ code: 0 });
    expect((await at(2, ["get", "file"])).stdout).toBe("two\nlines\n");
  });

  test("exits with 3 when the key is missing or a condition does not hold", async () => {
    expect(await at(0, ["get", "missing"])).toMatchObject({ code: 3, stdout: "" });
    expect(await at(1, ["delete", "missing"])).toMatchObject({ code: 3 });
    expect(await at(0, ["cas", "lock", "mine", "--if-absent"])).toMatchObject({ code: 0 });
    expect(await at(1, ["cas", "lock", "mine too", "--if-absent"])).toMatchObject({ code: 3 });
    expect(await at(2, ["delete", "lock", "--if-value", "another"])).toMatchObject({ code: 3 });
    expect(await at(2, ["get", "lock"])).toMatchObject({ code: 0, stdout: "mine" });
    expect(await at(2, ["delete", "lock"])).toMatchObject({ code: 0 });
  });

  test("exits with 2 on wrong usage, naming the option, and sends nothing", async () => {
    const wrong: [string[], string][] = [
      [["get"], "KEY"],
      [["get", "k", "--no-such-flag"], "--no-such-flag"],
      [["start", ...startArgs(1, 2, "", 1), "--no-such-flag"], "--no-such-flag"],
      [["start", ...startArgs(1, 2, "", 1).slice(0, -1)], "--memory"],
      [["no-such-command"], "no-such-command"],
      [["cas", "k", "v"], "condition"],
      [["cas", "k", "v", "--if-version", "0"], "--if-version"],
      [["put", "k", "zz", "--value-encoding", "hex"], "hex"],
      [["get", "k", "--timeout", "0"], "--timeout"],
      [["get", "k", "-o", "yaml"], "yaml"],
    ];
    const ran = await Promise.all(wrong.map(([args]) => onar(args)));
    for (const [i, [args, word]] of wrong.entries()) {
      expect(ran[i], args.join(" ")).toMatchObject({ code: 2, stdout: "" });
      expect(ran[i]?.stderr).toContain(word);
    }
  });

  test("exits with 1 when it is definitely not done", async () => {
    const [port] = await freePorts(1);
    const nobody = await onar(["put", "k", "v", "--endpoint", `${HOST}:${port}`, "--timeout", "2"]);
    expect(nobody).toMatchObject({ code: 1, stderr: expect.stringContaining("nothing listens") });
    await at(0, ["put", "word", "ten"]);
    expect(await at(0, ["add", "word", "1"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("NOT_A_NUMBER"),
    });
    const long = await at(0, ["put", "k".repeat(4_097), "v"]);
    expect(long).toMatchObject({ code: 1, stderr: expect.stringContaining("KEY_TOO_LONG") });
  });

  test("goes to the next endpoint when one is dead", async () => {
    const [port] = await freePorts(1);
    const both = `${HOST}:${port},${cluster.node(0).address}`;
    expect(await onar(["put", "next", "1", "--endpoint", both])).toMatchObject({ code: 0 });
  });

  test("exits with 4 when a write was sent and its answer never came; the write happened once all the same", async () => {
    const proxy = await TcpProxy.start(cluster.node(0).process.port);
    try {
      // The write passes, and nothing of what the node says to it; what is asked before it, of the same key, is
      // answered.
      let asked = 0;
      proxy.swallowAnswersOnce = (sent) => sent.includes("swallowed") && ++asked === 2;
      const ran = await onar(["add", "swallowed", "1", "--endpoint", proxy.address, "--timeout", "4"]);
      expect(ran).toMatchObject({ code: 4, stderr: expect.stringContaining("not known") });
    } finally {
      await proxy.stop();
    }
    expect((await at(1, ["get", "swallowed"])).stdout).toBe("1");
  });

  test("status shows every node and a writer for every partition", async () => {
    const text = await at(0, ["status"]);
    expect(text.code).toBe(0);
    for (const address of cluster.addresses) expect(text.stdout).toContain(address);
    expect(text.stdout).toContain("64 partitions: 64 with a writer");
    const json = JSON.parse((await at(1, ["status", "-o", "json"])).stdout) as { nodes: unknown[]; partitions: object };
    expect(json.nodes).toHaveLength(3);
    expect(json.partitions).toMatchObject({ count: 64, withWriter: 64 });
  });
});
