/** In how many writes to its socket a node answers, as strace sees it. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { Cluster, eventually } from "./harness.js";
import { RawClient } from "./raw.js";

const folder = mkdtempSync(join(tmpdir(), "onar-writes-"));
const traced = spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0;

let cluster: Cluster | null = null;
afterEach(async () => {
  await cluster?.stop();
  cluster = null;
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes to the socket of a client that makes so many calls, one after the other. */
async function writesFor(transport: "lean" | "grpc-js", calls: number): Promise<number> {
  cluster = await Cluster.start({ nodes: 1, replicas: 1, partitions: 1, args: ["--transport", transport] });
  const node = cluster.node(0);
  const raw = await RawClient.open(node.address);
  const get = () => raw.unary("/onar.kv.v1.KeyValueService/Get", Buffer.from([0x0a, 1, 0x61]));
  await get();
  const file = join(folder, transport);
  const pid = node.process.child.pid ?? 0;
  const strace = spawn("strace", ["-e", "trace=write,writev", "-s", "16", "-o", file, "-p", String(pid)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise((resolve) => strace.once("close", resolve));
  let said = "";
  strace.stderr.on("data", (bytes) => (said += bytes));
  await eventually("strace is attached", 20_000, () => (said.includes("attached") ? true : undefined));
  for (let i = 0; i < calls; i++) expect((await get()).trailers?.["grpc-status"]).toBe("0");
  raw.close();
  strace.kill("SIGINT");
  await ended;
  const bySocket = new Map<string, number>();
  for (const [, fd = ""] of readFileSync(file, "utf8").matchAll(/^writev?\((\d+), (?!.*, (?:1|8)\)\s+= )/gm))
    bySocket.set(fd, (bySocket.get(fd) ?? 0) + 1);
  return Math.max(...bySocket.values());
}

const CALLS = 20;
/** For pings and for how much may be sent. */
const OTHERS = 4;

test.skipIf(!traced)("a unary answer leaves in one write: headers, message and status", async () => {
  const writes = await writesFor("lean", CALLS);
  expect(writes).toBeGreaterThanOrEqual(CALLS);
  expect(writes).toBeLessThanOrEqual(CALLS + OTHERS);
});

// node:http2 submits trailers a turn after the data that they end, so the status has a write of its own.
test.skipIf(!traced)("on --transport grpc-js it takes two: headers and message, then the status", async () => {
  const writes = await writesFor("grpc-js", CALLS);
  expect(writes).toBeGreaterThan(CALLS + OTHERS);
  expect(writes).toBeLessThanOrEqual(2 * CALLS + OTHERS);
});
