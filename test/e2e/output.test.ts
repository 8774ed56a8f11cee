/**
 * Output that cannot be written: a node's log costs lines and never the node. A command says by its exit code that
 * something is missing.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerOf, NodeClients } from "./clients.js";
import { buildIfStale, Cluster, eventually, freePorts, HOST, PROGRAM, startArgs } from "./harness.js";
import { run } from "./programs.js";

const root = mkdtempSync(join(tmpdir(), "onar-output-"));
const children: ChildProcess[] = [];
beforeAll(() => buildIfStale());
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

/** A node of its own whose standard output and error are these; resolves once it serves. */
async function nodeWith(out: number | "pipe", error: number | "pipe"): Promise<Alone> {
  const [port, peerPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const args = [...startArgs(port, peerPort, "", 1), "--metrics-listen", `${HOST}:${metricsPort}`];
  const child = spawn(process.execPath, [PROGRAM, "start", ...args], { stdio: ["ignore", out, error] });
  children.push(child);
  const node = new Alone(child, `${HOST}:${port}`, `http://${HOST}:${metricsPort}/metrics`);
  await eventually("the node serves", 20_000, () => node.serves());
  return node;
}

class Alone {
  private readonly end: Promise<number | NodeJS.Signals | null>;
  constructor(
    readonly child: ChildProcess,
    readonly address: string,
    private readonly metrics: string,
  ) {
    this.end = new Promise((resolve) => child.once("close", (code, signal) => resolve(signal ?? code)));
  }

  async serves(): Promise<true> {
    const clients = new NodeClients(this.address);
    try {
      await answerOf((o) => clients.kv.put({ key: Buffer.from("k"), value: Buffer.from("v") }, o));
      return true;
    } finally {
      clients.close();
    }
  }

  async dropped(): Promise<number> {
    const text = await (await fetch(this.metrics)).text();
    return Number(/^onar_log_lines_dropped_total (\d+)$/m.exec(text)?.[1]);
  }

  stop(): Promise<number | NodeJS.Signals | null> {
    this.child.kill("SIGTERM");
    return this.end;
  }
}

/** A pipe that is full, as if its reader had stopped: the end to write to. */
function fullPipe(): { readonly fd: number; close(): void } {
  const path = join(root, `pipe-${Math.random()}`);
  expect(spawnSync("mkfifo", [path]).status).toBe(0);
  const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const fill = Buffer.alloc(4_096, ".");
  try {
    for (;;) writeSync(both, fill);
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("EAGAIN");
  }
  const fd = openSync(path, "w");
  return {
    fd,
    close: () => {
      closeSync(fd);
      closeSync(both);
    },
  };
}

describe("a node whose log", () => {
  test("is on a full disk serves, and stops as any other", async () => {
    const full = openSync("/dev/full", "w");
    const node = await nodeWith(full, full);
    closeSync(full);
    expect(await node.dropped()).toBe(0);
    expect(await node.serves()).toBe(true);
    expect(await node.stop()).toBe(0);
  });

  test("goes to a pipe that nobody reads serves, and stops as any other", async () => {
    const pipe = fullPipe();
    const node = await nodeWith(pipe.fd, pipe.fd);
    expect(await node.serves()).toBe(true);
    expect(await node.stop()).toBe(0);
    pipe.close();
  });

  test("goes to a reader that has gone away serves, and stops as any other", async () => {
    const node = await nodeWith("pipe", "pipe");
    node.child.stdout?.destroy();
    node.child.stderr?.destroy();
    expect(await node.serves()).toBe(true);
    expect(await node.stop()).toBe(0);
  });
});

describe("a command", () => {
  let cluster: Cluster;
  const big = 300_000;
  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: 1, replicas: 1, partitions: 16 });
    const value = Buffer.alloc(big, "x");
    await answerOf((o) => cluster.node(0).clients.kv.put({ key: Buffer.from("big"), value }, o));
  });
  afterAll(() => cluster?.stop());

  /** Runs it in a shell, where `onar` stands for the program. */
  const shell = (command: string): ReturnType<typeof run> =>
    run("bash", ["-c", command.replaceAll("onar ", `"${process.execPath}" "${PROGRAM}" `)], {
      env: { ONAR_ENDPOINT: cluster.node(0).address, FOLDER: root },
    });

  test.for([
    ["get big"],
    ["get big -o json"],
    ["put new value"],
    ["status"],
    ["status -o json"],
    ["completion bash"],
    ["--help"],
    ["--version"],
  ])("that prints to a full disk says so and ends with 5: %s", async ([command]) => {
    const { code, stderr } = await shell(`onar ${command} >/dev/full`);
    expect([code, stderr]).toEqual([5, expect.stringContaining("there is no space left on the disk")]);
  });

  test("whose output is cut off by a limit says so and ends with 5", async () => {
    const { code, stderr } = await shell('ulimit -f 100; onar get big >"$FOLDER/cut"');
    expect([code, stderr]).toEqual([5, expect.stringContaining("the file would be longer than is allowed here")]);
    expect(statSync(join(root, "cut")).size).toBeLessThan(big);
  });

  test("whose output is a file writes it whole", async () => {
    expect((await shell('onar get big >"$FOLDER/whole"')).code).toBe(0);
    expect(statSync(join(root, "whole")).size).toBe(big);
  });

  test("whose reader has seen enough is quiet", async () => {
    const { code, stdout, stderr } = await shell("set -o pipefail; onar get big | head -c 3");
    expect([code, stdout, stderr]).toEqual([0, "xxx", ""]);
  });

  test("that fails keeps its exit code when it cannot print either", async () => {
    expect((await shell("onar get --timeout 0 big >/dev/full")).code).toBe(2);
  });
});
