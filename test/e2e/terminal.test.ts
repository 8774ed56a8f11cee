/**
 * Programs on a terminal that hangs up: a window that is closed, a connection that is lost. A real pseudo-terminal
 * shows what no signal alone does, since writing to one that is gone fails.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerOf, NodeClients } from "./clients.js";
import { buildIfStale, eventually, freePorts, HOST, PROGRAM, ROOT, startArgs } from "./harness.js";

const SOON_MS = 30_000;
const ONAR = [process.execPath, PROGRAM];
const root = mkdtempSync(join(tmpdir(), "onar-terminal-"));
const terminals: Terminal[] = [];

beforeAll(() => buildIfStale());
afterAll(() => {
  for (const terminal of terminals) terminal.close();
  rmSync(root, { recursive: true, force: true });
});

/** A program on a terminal of its own. */
class Terminal {
  printed = "";
  private facts = "";
  private readonly child: ChildProcess;

  constructor(how: "tell" | "disown", command: readonly string[]) {
    this.child = spawn("python3", [join(ROOT, "test/e2e/terminal.py"), how, ...command], { cwd: root });
    this.child.stdout?.on("data", (chunk) => (this.printed += chunk));
    this.child.stderr?.on("data", (chunk) => (this.facts += chunk));
    terminals.push(this);
  }

  async shows(text: string): Promise<void> {
    await eventually(`the terminal shows ${text}`, SOON_MS, () => this.printed.includes(text) || undefined);
  }

  hangUp(): void {
    this.child.stdin?.write("hang up\n");
  }

  /** SIGTERM to the program. */
  async terminate(): Promise<void> {
    process.kill(await this.fact("pid"), "SIGTERM");
  }

  /** The exit code of the program, or the number of the signal, below 0. */
  ended(): Promise<number> {
    return this.fact("ended");
  }

  close(): void {
    this.child.stdin?.end();
  }

  private fact(name: string): Promise<number> {
    return eventually(`${name} of the program on the terminal`, SOON_MS, () => {
      const found = new RegExp(`^${name} (-?\\d+)$`, "m").exec(this.facts);
      return found === null ? undefined : Number(found[1]);
    });
  }
}

/** The arguments of a cluster of one node, and its address. */
async function aloneArgs(): Promise<{ readonly address: string; readonly args: readonly string[] }> {
  const [port, peerPort] = (await freePorts(2)) as [number, number];
  return { address: `${HOST}:${port}`, args: ["start", ...startArgs(port, peerPort, "", 1)] };
}

async function takesAWrite(address: string): Promise<void> {
  const clients = new NodeClients(address);
  try {
    await eventually("a write is answered", SOON_MS, async () => {
      await answerOf((o) => clients.kv.put({ key: Buffer.from("k"), value: Buffer.from("v") }, o));
      return true;
    });
  } finally {
    clients.close();
  }
}

const gone = (address: string): Promise<true> =>
  eventually(`nobody serves at ${address}`, SOON_MS, async () => {
    const [host, port] = address.split(":");
    const { code } = await fetch(`http://${host}:${port}`).then(
      () => ({ code: "" }),
      (error: Error & { cause?: { code?: string } }) => ({ code: error.cause?.code }),
    );
    return code === "ECONNREFUSED" || undefined;
  });

const python = spawnSync("python3", ["-c", "import pty, os; os.waitstatus_to_exitcode"]).status === 0;
if (!python && process.env.CI === "true") throw new Error("CI=true, but there is no python3 that has a pty");

describe.skipIf(!python)("when the terminal hangs up", () => {
  test("a node in the foreground stops, and ends with 0", async () => {
    const { address, args } = await aloneArgs();
    const terminal = new Terminal("tell", [...ONAR, ...args]);
    await terminal.shows("ready: ");
    await takesAWrite(address);
    terminal.hangUp();
    expect(await terminal.ended()).toBe(0);
  });

  test("a node whose log goes to a file stops in order, and says so there", async () => {
    const { address, args } = await aloneArgs();
    const log = join(root, "node.log");
    const terminal = new Terminal("tell", ["sh", "-c", `exec "$@" >${log} 2>&1`, "sh", ...ONAR, ...args]);
    await takesAWrite(address);
    terminal.hangUp();
    expect(await terminal.ended()).toBe(0);
    expect(readFileSync(log, "utf8")).toMatch(/stopping: no new calls[\s\S]*stopped/);
  });

  test("a node that the shell does not tell goes on without its terminal, and ends with 0 by SIGTERM", async () => {
    const { address, args } = await aloneArgs();
    const terminal = new Terminal("disown", [...ONAR, ...args]);
    await terminal.shows("ready: ");
    terminal.hangUp();
    await takesAWrite(address);
    await terminal.terminate();
    expect(await terminal.ended()).toBe(0);
  });

  test("a node under nohup goes on, and ends with 0 by SIGTERM", async () => {
    const { address, args } = await aloneArgs();
    const terminal = new Terminal("tell", ["nohup", ...ONAR, ...args]);
    await takesAWrite(address);
    terminal.hangUp();
    const log = join(root, "nohup.out");
    await eventually("it was told", SOON_MS, () => readFileSync(log, "utf8").includes("SIGHUP") || undefined);
    await takesAWrite(address);
    await terminal.terminate();
    expect(await terminal.ended()).toBe(0);
  });

  test.for([["cluster"], ["demo"]])("onar %s stops its nodes, and ends by itself", async ([command]) => {
    const [port] = (await freePorts(1)) as [number];
    const more = command === "cluster" ? ["--nodes", "1", "--memory", "--base-port", `${port}`] : ["--nodes", "1"];
    const terminal = new Terminal("tell", [...ONAR, command as string, ...more]);
    const address = await eventually(
      "it tells an address",
      SOON_MS,
      () => /127\.0\.0\.1:\d+/.exec(terminal.printed)?.[0],
    );
    await takesAWrite(address);
    terminal.hangUp();
    expect(await terminal.ended()).toBeGreaterThanOrEqual(0);
    await gone(address);
  });
});
