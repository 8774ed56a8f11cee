/** A real node that may open few files: connections that do nothing are refused before its log has no descriptor. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { answerOf, NodeClients } from "./clients.js";
import { buildIfStale, eventually, freePorts, HOST, PROGRAM, startArgs } from "./harness.js";

const root = mkdtempSync(join(tmpdir(), "onar-descriptors-"));
const children: ChildProcess[] = [];
const sockets: Socket[] = [];
beforeAll(() => buildIfStale());
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

const FILES = 160;
const VALUE = Buffer.alloc(512 * 1024, 1);

test.for([
  { name: "as many as are derived from ulimit -n", args: [] },
  { name: "more than there can be, as the setting says so", args: ["--max-connections", "5000"] },
])("idle connections do not end a node that begins new segments: $name", async ({ args }) => {
  const [port, peerPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const own = startArgs(port, peerPort, "", 1, ["--data", join(root, String(port)), "--storage-memory", "16"]);
  const more = ["--metrics-listen", `${HOST}:${metricsPort}`, ...args];
  const command = [PROGRAM, "start", ...own, ...more].map((word) => `'${word}'`).join(" ");
  const child = spawn("bash", ["-c", `ulimit -n ${FILES}; exec '${process.execPath}' ${command}`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (said += chunk));
  const clients = new NodeClients(`${HOST}:${port}`);
  const put = (i: number): Promise<unknown> =>
    answerOf((o) => clients.kv.put({ key: Buffer.from(`key-${i}`), value: VALUE }, o));
  await eventually("the node serves", 20_000, () => put(0).then(() => true as const));

  for (let i = 0; i < 2 * FILES; i++) {
    const socket = connect(i % 8 === 7 ? peerPort : port, HOST);
    socket.on("error", () => {});
    sockets.push(socket);
  }
  // A segment has 2 MiB here.
  for (let i = 1; i <= 24; i++) {
    await eventually(`key ${i} is written: ${said}`, 20_000, () => put(i).then(() => true as const));
  }
  if (args.length === 0) expect(said).toContain("the most that this node takes");
  expect(child.exitCode, said).toBe(null);
  for (const socket of sockets.splice(0)) socket.destroy();
  const metrics = await eventually("metrics are served", 20_000, () => fetch(`http://${HOST}:${metricsPort}/metrics`));
  if (args.length === 0) expect(await metrics.text()).toMatch(/onar_connections_refused_total\{port="client"\} [1-9]/);
  clients.close();
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  expect(await ended, said).toBe(0);
});

const prlimit = (pid: number, limit: string): unknown =>
  execFileSync("prlimit", ["--pid", String(pid), `--nofile=${limit}`]);

const SOON_MS = 20_000;

test("a shortage of descriptors is named while it lasts, and what is served goes on", async () => {
  const [port, peerPort] = (await freePorts(2)) as [number, number];
  const child = spawn(process.execPath, [PROGRAM, "start", ...startArgs(port, peerPort, "", 1, ["--memory"])], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (said += chunk));
  const clients = new NodeClients(`${HOST}:${port}`);
  const put = (): Promise<true> =>
    answerOf((o) => clients.kv.put({ key: Buffer.from("key"), value: VALUE }, o)).then(() => true as const);
  const health = () => answerOf((o) => clients.health.check({}, o));
  const shortMs = async () => Number((await answerOf((o) => clients.cluster.status({}, o))).descriptorsShortMs);
  await eventually("the node serves", SOON_MS, put);
  expect(await shortMs()).toBe(0);
  const { status: serving } = await health();

  const pid = child.pid ?? 0;
  const [limit = "0"] = /Max open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, "latin1"))?.slice(1) ?? [];
  // Nothing new can be opened from here on; what is open stays so.
  prlimit(pid, "3:");
  await eventually("status names it", SOON_MS, async () => ((await shortMs()) > 0 ? true : undefined));
  await eventually("health falls", SOON_MS, async () =>
    (await health()).status === serving ? undefined : (true as const),
  );
  await put();
  expect(said).toContain("no file descriptor is left");

  prlimit(pid, `${limit}:`);
  await eventually("it is over", SOON_MS, async () => ((await shortMs()) === 0 ? true : undefined));
  await eventually("health is back", SOON_MS, async () =>
    (await health()).status === serving ? (true as const) : undefined,
  );
  clients.close();
});

/** Loaded before the program: takes all descriptors but a few, and gives them back at SIGUSR2. */
const HOG = `
const fs = require("node:fs");
const held = [];
try { for (;;) held.push(fs.openSync("/dev/null", "r")); } catch {}
for (let i = 0; i < 20; i++) fs.closeSync(held.pop());
process.once("SIGUSR2", () => { for (const fd of held) fs.closeSync(fd); });
`;

test.for(["starts once there are some", "ends on SIGTERM"])(
  "a node that finds too few descriptors %s",
  async (then) => {
    const [port, peerPort] = (await freePorts(2)) as [number, number];
    const own = startArgs(port, peerPort, "", 1, ["--data", join(root, then)]);
    const hog = join(root, "hog.cjs");
    writeFileSync(hog, HOG);
    const command = ["--require", hog, PROGRAM, "start", ...own].map((word) => `'${word}'`).join(" ");
    const child = spawn("bash", ["-c", `ulimit -n ${FILES}; exec '${process.execPath}' ${command}`], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (said += chunk));
    await eventually("it says what it waits for", SOON_MS, async () =>
      said.includes("the node starts once file descriptors are left") ? (true as const) : undefined,
    );
    expect(child.exitCode, said).toBe(null);
    if (then === "ends on SIGTERM") {
      const code = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGTERM");
      return expect(await code, said).toBe(0);
    }
    child.kill("SIGUSR2");
    const clients = new NodeClients(`${HOST}:${port}`);
    const key = Buffer.from("late");
    await eventually(`the node serves: ${said}`, SOON_MS, () =>
      answerOf((o) => clients.kv.put({ key, value: key }, o)).then(() => true as const),
    );
    clients.close();
  },
);
