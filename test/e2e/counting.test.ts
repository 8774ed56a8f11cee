/**
 * Programs in three languages count with their client libraries. Partitions move under them, and answers are lost again
 * and again. So additions that ran already are asked for once more, with their ids, and perhaps at a copy that came
 * since. Each one counts once.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OperationState } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { GrowingCluster, idOf, insist, viewOf, WITHIN_MS } from "./growing-cluster.js";
import { eventually, type Node, ROOT } from "./harness.js";
import { run } from "./programs.js";
import { TcpProxy } from "./proxy.js";

const SETUP_MS = 300_000;
const MOVED_WITHIN_MS = 90_000;
/** Answers are swallowed for so long, and then the connections go. */
const SILENT_MS = 40;
const HEARD_MS = 160;
/** Keys that one program alone writes, all at the same time. */
const LANES = 8;
const SHARED = "counting/shared";
const CLIENTS = join(ROOT, "test/clients");
const GO_PROGRAM = join(ROOT, ".cache/bin/counting-go");

interface Report {
  readonly own: readonly number[];
  readonly shared: number;
  readonly problems: readonly string[];
}

interface Language {
  readonly name: "go" | "python" | "typescript";
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

const LANGUAGES: readonly Language[] = [
  { name: "go", command: [GO_PROGRAM] },
  {
    name: "python",
    command: [join(ROOT, ".cache/python-clients/bin/python"), join(CLIENTS, "python/counting.py")],
    env: {
      PYTHONPATH: [join(ROOT, "gen/python"), join(ROOT, "clients/python")].join(":"),
      PYTHONDONTWRITEBYTECODE: "1",
    },
  },
  { name: "typescript", command: [process.execPath, "--import", "tsx", join(CLIENTS, "ts/counting.ts")] },
];

/** The reason why it cannot be run here; "": it can. */
async function setUp({ name }: Language): Promise<string> {
  if (name === "typescript") return "";
  const script = join(ROOT, "scripts/test-clients.sh");
  const { code, stdout, stderr } = await run(script, ["--setup", name], { timeoutMs: SETUP_MS });
  expect(code, stderr).toBe(0);
  if (stdout !== "" || name === "python") return stdout.trim();
  mkdirSync(join(ROOT, ".cache/bin"), { recursive: true });
  const built = await run("go", ["-C", join(CLIENTS, "go"), "build", "-o", GO_PROGRAM, "./counting"], {
    timeoutMs: SETUP_MS,
  });
  expect(built.code, built.stderr).toBe(0);
  return "";
}

const keysOf = (name: string): string[] => Array.from({ length: LANES }, (_, i) => `counting/${name}/${i}`);

/** It counts from the start on. */
class Counting {
  private said = "";
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;

  constructor(
    readonly name: string,
    { command: [program, ...args], env = {} }: Language,
    endpoints: readonly string[],
  ) {
    this.child = spawn(program, [...args, endpoints.join(","), keysOf(name).join(","), SHARED], {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.said += chunk.toString();
    });
    this.ended = new Promise((resolve) => this.child.once("close", (code) => resolve(code)));
  }

  async stop(): Promise<Report> {
    this.child.stdin?.end();
    expect(await this.ended).toBe(0);
    return JSON.parse(this.said);
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }
}

/** Answers are lost until it is stopped, at all nodes at a time. */
class Losses {
  count = 0;
  private over = false;
  private readonly done: Promise<void>;

  constructor(private readonly proxies: readonly TcpProxy[]) {
    this.done = this.go();
  }

  async stop(): Promise<void> {
    this.over = true;
    await this.done;
  }

  private async go(): Promise<void> {
    while (!this.over) {
      for (const proxy of this.proxies)
        proxy.swallowAnswersOnce = () => {
          this.count++;
          return true;
        };
      await sleep(SILENT_MS);
      for (const proxy of this.proxies) {
        proxy.swallowAnswersOnce = () => false;
        proxy.cut();
      }
      await sleep(HEARD_MS);
    }
  }
}

let growing: GrowingCluster;
const proxies: TcpProxy[] = [];
const programs: Counting[] = [];
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(async () => {
  for (const program of programs.splice(0)) program.kill();
  for (const proxy of proxies.splice(0)) await proxy.stop();
  await growing.end();
});

async function drained(at: Node, nodeId: number): Promise<void> {
  const { id, epoch } = await insist(at, (named) => at.clients.cluster.drain({ ...named, nodeId }));
  await eventually("the drain is done", MOVED_WITHIN_MS, async () => {
    const { operation } = await at.clients.cluster.getOperation({ operationId: id, epoch });
    return operation?.state === OperationState.DONE ? true : undefined;
  });
  const { partitions } = await viewOf(at);
  expect(partitions.filter(({ replicas }) => replicas.includes(nodeId))).toEqual([]);
}

async function numberAt(at: Node, key: string): Promise<number> {
  const { entry } = await eventually(`${key} is read`, WITHIN_MS, () =>
    at.clients.kv.get({ key: Buffer.from(key) }).catch(() => undefined),
  );
  return Number(entry?.value?.toString() ?? 0);
}

test("each addition counts once in every language, though its answers are lost and its partition moves", async ({
  skip,
}) => {
  for (const language of LANGUAGES) {
    const missing = await setUp(language);
    if (missing !== "" && process.env.CI === "true") throw new Error(missing);
    if (missing !== "") skip(missing);
  }
  const three = await growing.start();
  const nodes = [...three.nodes, await growing.joined("four", three)];
  for (const { process } of nodes) proxies.push(await TcpProxy.start(process.port));
  const endpoints = proxies.map(({ address }) => address);
  for (const language of LANGUAGES) programs.push(new Counting(language.name, language, endpoints));
  const at = nodes[0] as Node;
  // Each of them counts before the first move.
  for (const { name } of LANGUAGES)
    await eventually(
      `${name} counts`,
      WITHIN_MS,
      async () => (await numberAt(at, `${keysOf(name).at(-1)}`)) > 0 || undefined,
    );
  const losses = new Losses(proxies);
  // The one drained last is free, and gets the next one's replicas.
  for (const leaving of [2, 1, 0, 3]) await drained(at, await idOf(nodes[leaving] as Node));
  await losses.stop();
  expect(losses.count).toBeGreaterThan(0);
  let total = 0;
  for (const program of programs) {
    const { own, shared, problems } = await program.stop();
    expect(problems, program.name).toEqual([]);
    for (const [i, key] of keysOf(program.name).entries()) expect(await numberAt(at, key), key).toBe(own[i]);
    console.log(`${program.name}: ${own.join(", ")} in its own keys, ${shared} additions in the shared one`);
    expect(shared).toBeGreaterThan(0);
    total += shared;
  }
  expect(await numberAt(at, SHARED)).toBe(total);
}, 600_000);
