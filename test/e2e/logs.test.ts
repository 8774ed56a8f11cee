/** Logs of real nodes: JSON for programs, lines for people, and nothing of what users store. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { answerOf, errorOf, NodeClients } from "./clients.js";
import { buildIfStale, Cluster, eventually, freePorts, HOST, PROGRAM, startArgs } from "./harness.js";
import { onar } from "./programs.js";

beforeAll(() => buildIfStale());

/** Runs a node, lets `use` work with it, ends it with SIGTERM, and gives back all that it said. */
async function saidBy(
  args: readonly string[],
  use: (clients: NodeClients) => Promise<void> = async () => {},
): Promise<{ readonly out: string; readonly error: string; readonly code: number | null }> {
  const [port, peerPort] = (await freePorts(2)) as [number, number];
  const child = spawn(process.execPath, [PROGRAM, "start", ...startArgs(port, peerPort, "", 1), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const clients = new NodeClients(`${HOST}:${port}`);
  let [out, error] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    error += chunk;
  });
  const end = new Promise<number | null>((resolve) => child.once("close", resolve));
  try {
    await eventually(`the node is ready: ${error}`, 20_000, () => (/ready: node/.test(out) ? true : undefined));
    await use(clients);
  } finally {
    clients.close();
    child.kill("SIGTERM");
  }
  return { code: await end, out, error };
}

describe("logs", () => {
  test("are one JSON object a line where standard output is no terminal", async () => {
    const { out, error, code } = await saidBy([]);
    expect([code, error]).toEqual([0, ""]);
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => line.event)).toEqual(["started", "storage", "ready", "stopping", "stopped"]);
    for (const line of lines) {
      expect(line).toMatchObject({ level: "info", msg: expect.any(String) });
      expect(new Date(line.time).getTime()).toBeGreaterThan(0);
    }
    expect(lines[0]).toMatchObject({ node: expect.any(Number), clientAddress: expect.stringContaining(HOST) });
  });

  test("are lines for people when that is asked for", async () => {
    const { out, code } = await saidBy(["--log-format", "text"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^Onar node \d+: clients at .*\nstorage: memory.*\nready: node/);
    expect(out).not.toContain("{");
  });

  test("of level error say nothing when nothing is wrong", async () => {
    const [port, peerPort] = (await freePorts(2)) as [number, number];
    const child = spawn(
      process.execPath,
      [PROGRAM, "start", ...startArgs(port, peerPort, "", 1), "--log-level", "error", "--log-format", "json"],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        said += chunk;
      });
    }
    const end = new Promise((resolve) => child.once("close", resolve));
    const clients = new NodeClients(`${HOST}:${port}`);
    await eventually("it serves", 20_000, async () =>
      (await clients.health.check({ service: "" })).status === 1 ? true : undefined,
    );
    clients.close();
    child.kill("SIGTERM");
    await end;
    expect(said).toBe("");
  });

  test("hold nothing of what users store, at any level, errors included", async () => {
    const secret = `secret${randomBytes(8).toString("hex")}`;
    const key = Buffer.from(secret);
    const { out, error } = await saidBy(["--log-level", "debug"], async ({ kv, text }) => {
      await answerOf((o) => kv.put({ key, value: key }, o));
      await answerOf((o) => kv.get({ key }, o));
      await errorOf((o) => kv.add({ key, delta: 1n }, o));
      await errorOf((o) => kv.put({ key: Buffer.from(secret.repeat(1_000)), value: key }, o));
      await errorOf((o) => kv.put({ key, value: key, keySpace: secret }, o));
      await errorOf((o) => text.put({ key: `${secret}\uFFFD`, value: secret }, o));
    });
    expect(out + error).not.toContain(secret);
    expect(out + error).not.toContain(key.toString("base64").replace(/=+$/, ""));
  });

  test("tell a variable that looks mistyped", async () => {
    const ran = await onar(["start"], { env: { ONAR_LISTN: "127.0.0.1:1", ONAR_LOG_FORMAT: "loud" } });
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toMatch(
      /^error: ONAR_LOG_FORMAT \(environment\) must be one of auto, text, json; it is "loud"\n$/,
    );
  });

  test("show an error that ends a node on standard error, too, without a stack trace", async () => {
    const [port] = (await freePorts(1)) as [number];
    const address = `${HOST}:${port}`;
    const first = await saidBy([], async () => {
      const args = [
        "start",
        "--listen",
        address,
        "--peer-listen",
        "192.0.2.1:1",
        "--insecure",
        "--expect",
        "1",
        "--memory",
      ];
      const ran = await onar([...args, "--log-level", "debug"]);
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(/^error: --peer-listen: cannot listen at 192\.0\.2\.1:1: .*address/);
      expect(JSON.parse(ran.stdout.trim())).toMatchObject({ level: "error", event: "fatal" });
    });
    expect(first.code).toBe(0);
  });

  test("tell at the survivors of a node that was killed, once, and who took its offices", async () => {
    const cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 16 });
    try {
      const [victim, ...survivors] = cluster.nodes;
      if (victim === undefined) throw new Error("no node");
      const lost = `node ${victim.id} at ${HOST}:${victim.process.peerPort} is not heard any more`;
      const before = new Map(survivors.map(({ process }) => [process, process.lines.length]));
      await victim.process.kill();
      for (const { process } of survivors) await process.said(lost);
      // Whichever takes an office last says so. A survivor that had not found all first writers before the kill says
      // it in its line on these.
      await eventually("all offices are taken", 20_000, () =>
        survivors.some(({ process }) =>
          process.lines.slice(before.get(process)).some((line) => /each (of 16 partitions )?has a writer/.test(line)),
        )
          ? true
          : undefined,
      );
      for (const { process } of survivors) expect(process.lines.filter((line) => line.includes(lost))).toHaveLength(1);
    } finally {
      await cluster.stop();
    }
  });
});
