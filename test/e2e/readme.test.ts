/** README.md on killing a node, typed as it stands there, on a cluster of `onar cluster`. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, freePorts, PROGRAM } from "./harness.js";
import { type Block, blocksOf, commandsOf, isAsShown } from "./pages.js";
import { onar } from "./programs.js";

const LONG_MS = 120_000;
/** As in `onar cluster`: peers are so far above clients. */
const PEER_OFFSET = 100;

interface Program {
  said(): string;
  type(line: string): void;
  end(signal: NodeJS.Signals): Promise<unknown>;
}

function program(args: readonly string[], env: Record<string, string> = {}): Program {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, env: { ...process.env, ...env } });
  let said = "";
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  const ended = new Promise((resolve) => child.once("close", resolve));
  return {
    said: () => said,
    type: (line) => void child.stdin.write(`${line}\n`),
    end: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

let folder: string;
let cluster: Program;
let restarted: Program | null = null;
let base = 0;
let env: Record<string, string>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "onar readme-"));
  [base = 0] = await freePorts(1);
  // Room for the peers' ports above.
  base = Math.min(base, 65_000 - PEER_OFFSET);
  cluster = program(["cluster", "--base-port", String(base), "--partitions", "16"]);
  const addresses = [0, 1, 2].map((i) => `127.0.0.1:${base + i}`);
  // In place of the addresses that the commands take by themselves.
  env = { ONAR_ENDPOINT: addresses.join(","), ONAR_TIMEOUT: "50" };
  await said(cluster, "ready:");
}, LONG_MS);
afterAll(async () => {
  await restarted?.end("SIGTERM");
  await cluster?.end("SIGTERM");
  rmSync(folder, { recursive: true, force: true });
}, LONG_MS);

const said = (by: Program, what: string): Promise<true> =>
  eventually(`it says ${what}`, LONG_MS, () => (by.said().includes(what) ? true : undefined));

/** The words of a command that the cluster prints, as a shell takes them. */
function printed(line: RegExp): readonly string[] {
  const command = line.exec(cluster.said())?.[1] ?? "";
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

const blockWith = (text: string): Block => {
  const block = blocksOf("README.md").find((one) => one.language === "console" && one.text.includes(text));
  if (block === undefined) throw new Error(`README.md has no block with ${text}`);
  return block;
};

async function type(block: Block, pid: string): Promise<void> {
  for (const { command, shown } of commandsOf(block)) {
    if (command === "kill -9 PID") {
      process.kill(Number(pid), "SIGKILL");
      continue;
    }
    const words = command.replace(/127\.0\.0\.1:460(\d)/g, (_, i) => `127.0.0.1:${base + Number(i)}`).split(" ");
    expect(words.slice(0, 2)).toEqual(["npx", "onar"]);
    const { stdout, stderr } = await onar(words.slice(2), { env, timeoutMs: LONG_MS });
    expect(isAsShown(`${stdout}${stderr}`, shown ?? ""), `${command}\n${stdout}${stderr}`).toBe(true);
  }
}

test(
  "the node whose number is printed first is killed: commands and an open prompt go on, and it comes back",
  async () => {
    const pid = /^node 1 pid (\d+)/m.exec(cluster.said())?.[1] ?? "";
    await type(blockWith("onar put city"), pid);
    // The program that README.md shows counts once.
    await onar(["add", "counter", "1"], { env, timeoutMs: LONG_MS });
    const prompt = program(["prompt"], env);
    prompt.type("get city");
    await said(prompt, "Paris\n");
    await type(blockWith("kill -9 PID"), pid);
    prompt.type("add counter 1");
    await said(prompt, "number 8,");
    await prompt.end("SIGTERM");
    await said(cluster, "it comes back with its data");
    restarted = program(printed(/Enter here, or in another terminal:\n {2}npx onar (start .*)$/m));
    await eventually("all nodes are well", LONG_MS, async () => {
      const { stdout } = await onar(["status"], { env });
      return stdout.startsWith("well: all 3 nodes are there") ? true : undefined;
    });
  },
  2 * LONG_MS,
);

test(
  "the line that is printed for one more node makes a member, which leaves by the command; the secret is its owner's alone",
  async () => {
    const { mode } = statSync(join(folder, ".onar-data/cluster-secret"));
    expect(mode & 0o777).toBe(0o600);
    const line = printed(/One more node, in another terminal:\n {2}npx onar (start .*)$/m);
    // With its share of the data it would have to be drained first.
    const fourth = program([...line, "--no-rebalance"]);
    try {
      await said(fourth, "ready: node");
      const at = `127.0.0.1:${base + 3}`;
      expect((await onar(["nodes"], { env })).stdout).toContain(at);
      expect(await onar(["get", "city", "--endpoint", at])).toMatchObject({ code: 0, stdout: "Paris" });
      expect(await onar(["leave", at], { env, timeoutMs: LONG_MS })).toMatchObject({ code: 0, stderr: "" });
      await said(fourth, "has left cluster");
    } finally {
      await fourth.end("SIGTERM");
    }
  },
  LONG_MS,
);

test(
  "a node that was killed starts again by a line typed where the cluster runs, and commands find the cluster by what it wrote down",
  async () => {
    const { ONAR_ENDPOINT: _, ...without } = { ...process.env };
    const here = (args: readonly string[]): Promise<string> => {
      const command = spawn(process.execPath, [PROGRAM, ...args], {
        cwd: folder,
        env: { ...without, ONAR_TIMEOUT: "50" },
      });
      let said = "";
      for (const output of [command.stdout, command.stderr]) output.on("data", (text) => (said += text));
      return new Promise((resolve) => command.once("close", (code) => resolve(`${code}: ${said}`)));
    };
    expect(await here(["put", "town", "Lyon"])).toMatch(/^0: version /);
    const pid = Number(/^node 2 pid (\d+)/m.exec(cluster.said())?.[1]);
    cluster.type("r 2");
    await said(cluster, `node 2 runs (pid ${pid})`);
    cluster.type("hello");
    await said(cluster, "r N and Enter starts node N again");
    process.kill(pid, "SIGKILL");
    await said(cluster, "r 2 and Enter here");
    cluster.type("r 2");
    await said(cluster, "node 2 is back");
    expect(await here(["wait", "--ready"])).toMatch(/^0: ready: 3 of 3 nodes/);
    expect(await here(["get", "town"])).toBe("0: Lyon");
    await restarted?.end("SIGTERM");
    await cluster.end("SIGTERM");
    expect(await here(["get", "town"])).toContain("nothing listens at 127.0.0.1:4600");
  },
  2 * LONG_MS,
);
