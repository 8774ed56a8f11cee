/**
 * Clusters of real processes: `onar start` from dist, on free ports of this machine, killed and paused by their process
 * ids.
 *
 * Every node ends with the test process, however that ends: it watches its standard input (src/cli/start/start.ts).
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { makeSecretFile } from "../../src/config/secret-file.js";
import { NodeClients } from "./clients.js";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const PROGRAM = join(ROOT, "dist/bin/onar.cjs");
export const HOST = "127.0.0.1";

const READY_MS = 30_000;
const END_MS = 10_000;
const LINES_KEPT = 60;
/** Below the ports that the system gives to outgoing connections, so that none of those takes one in between. */
const LOWEST_PORT = 12_000;
const HIGHEST_PORT = 30_000;
/** Longer than any test lasts. */
const RESERVED_MS = 600_000;

export interface ClusterOptions {
  readonly nodes: number;
  /** δ. */
  readonly replicas: number;
  /** 256 when missing. */
  readonly partitions?: number;
  /** Further arguments of every node. */
  readonly args?: readonly string[];
  /** Stands between the other nodes and a node's peer port; resolves with the address that they are told. */
  readonly before?: (peerPort: number, node: number) => Promise<string>;
  /** Further variables of a node's environment. */
  readonly env?: (node: number) => Readonly<Record<string, string>>;
  /** A folder for the nodes' directories; in memory when missing. */
  readonly data?: string;
  /** A node's directory, where it is not in that folder; null: it is. Nodes are counted from 1. */
  readonly dataOf?: (node: number) => string | null;
  /** false: the cluster has no secret. */
  readonly secret?: false;
  /** A program in place of the one that is shipped. */
  readonly program?: string;
}

/** One process of `onar start`. */
export class NodeProcess {
  readonly address: string;
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  /** The exit code, or the signal; null while it runs. */
  ended: number | string | null = null;
  readonly end: Promise<number | string>;
  paused = false;

  constructor(
    readonly port: number,
    readonly peerPort: number,
    private readonly args: readonly string[],
    private readonly env: Readonly<Record<string, string>> = {},
    private readonly program = PROGRAM,
  ) {
    this.address = `${HOST}:${port}`;
    this.child = spawn(process.execPath, [program, "start", ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...env, ONAR_STOP_WITH_PARENT: "1" },
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        this.lines.push(line);
        if (this.lines.length > LINES_KEPT) this.lines.shift();
      });
    }
    this.end = new Promise((resolve) => {
      this.child.once("close", (code, signal) => {
        this.ended = signal ?? code ?? "unknown";
        resolve(this.ended);
      });
    });
  }

  get ready(): boolean {
    return this.lines.some((line) => line.startsWith("ready"));
  }

  /** Starts the same once more, when this one has ended, or another program. `env`: variables that change. */
  again(program = this.program, env: Readonly<Record<string, string>> = {}): NodeProcess {
    return new NodeProcess(this.port, this.peerPort, this.args, { ...this.env, ...env }, program);
  }

  /** SIGKILL: nothing is said to anybody. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.end;
  }

  pause(): void {
    this.paused = true;
    this.signal("SIGSTOP");
  }

  resume(): void {
    this.paused = false;
    this.signal("SIGCONT");
  }

  /** SIGTERM; SIGKILL when it does not end in time, which the answer shows. */
  async stop(withinMs = END_MS): Promise<number | string> {
    if (this.paused) this.resume();
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), withinMs);
    const ended = await this.end;
    clearTimeout(timer);
    return ended;
  }

  /** Resolves with the first line that has the text; fails after a while or when the process ends without it. */
  async said(text: string, withinMs = READY_MS): Promise<string> {
    return eventually(`a node says ${JSON.stringify(text)}`, withinMs, () => {
      const line = this.lines.find((one) => one.includes(text));
      if (line === undefined && this.ended !== null) throw new Fatal(`it ended (${this.ended}): ${this.tail()}`);
      return line;
    });
  }

  tail(): string {
    return this.lines.slice(-10).join(" | ");
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.ended === null) this.child.kill(signal);
  }
}

/** A node that serves, with its id and clients for it, which may reach it by another address than its own. */
export class Node {
  id = 0;
  readonly clients: NodeClients;
  /** Output of all processes that it has had. */
  readonly pids: number[] = [];

  constructor(
    public process: NodeProcess,
    readonly address = process.address,
  ) {
    this.clients = new NodeClients(address);
    this.notePid();
  }

  /** Starts it again with the same arguments: with a directory, it comes back with its data. */
  restart(program?: string, env?: Readonly<Record<string, string>>): void {
    this.process = this.process.again(program, env);
    this.notePid();
  }

  private notePid(): void {
    const { pid } = this.process.child;
    if (pid !== undefined) this.pids.push(pid);
  }
}

export class Cluster {
  /** The parts that are missing until the cluster is ready, for people. */
  private waitingFor = "";

  private constructor(
    readonly nodes: readonly Node[],
    readonly partitions: number,
    private readonly folder: string,
    /** The file of the cluster secret; "" for none. */
    readonly secretFile: string,
    /** Where the nodes reach each other. */
    readonly peerAddresses: readonly string[],
  ) {}

  /** Resolves when every node serves and every partition has a writer that says so itself. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    buildIfStale();
    const { nodes: count, partitions = 256 } = options;
    const ports = await freePorts(count * 2);
    const peers = ports.slice(count);
    const told = await Promise.all(peers.map((port, i) => options.before?.(port, i) ?? `${HOST}:${port}`));
    const folder = mkdtempSync(join(tmpdir(), "onar-e2e-"));
    const secretFile = options.secret === false ? "" : join(folder, "cluster-secret");
    if (secretFile !== "") makeSecretFile(secretFile);
    const nodes = peers.map((peerPort, i) => {
      const port = ports[i] as number;
      return new Node(
        new NodeProcess(
          port,
          peerPort,
          [
            ...startArgs(port, peerPort, told.join(","), count, storageArgs(options, i)),
            ...["--peer-advertise", told[i] as string],
            ...["--replication-factor", String(options.replicas), "--partitions", String(partitions)],
            ...(secretFile === "" ? [] : ["--cluster-secret-file", secretFile]),
            ...(options.args ?? []),
          ],
          options.env?.(i),
          options.program,
        ),
      );
    });
    const cluster = new Cluster(nodes, partitions, folder, secretFile, told);
    try {
      await eventually("the cluster serves", READY_MS, () => cluster.isReady());
    } catch (error) {
      const lines = nodes.map((node) => `\n  node at ${node.address}: ${node.process.tail()}`);
      await cluster.stop();
      throw new Error(`${String(error)}${cluster.waitingFor}${lines.join("")}`);
    }
    return cluster;
  }

  get addresses(): readonly string[] {
    return this.nodes.map((node) => node.address);
  }

  node(index: number): Node {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }

  byId(id: number): Node {
    const node = this.nodes.find((one) => one.id === id);
    if (node === undefined) throw new Error(`no node has the id ${id}`);
    return node;
  }

  alive(): readonly Node[] {
    return this.nodes.filter(({ process }) => process.ended === null && !process.paused);
  }

  /** Partition, replicas and writer of a key, as the node asked believes. */
  async locate(key: string, at = this.alive()[0]): Promise<Location> {
    if (at === undefined) throw new Error("no node is left to ask");
    const answer = await at.clients.cluster.locate({ target: { $case: "key", value: Buffer.from(key) } });
    return {
      partition: answer.partition,
      replicas: answer.replicas.map((replica) => this.byId(replica.id)),
      writer: answer.writerNodeId,
    };
  }

  /** The writer of the key's partition, once the nodes that live know one that lives. */
  async writerOf(key: string): Promise<Node> {
    return eventually(`a node knows the writer of ${key}`, READY_MS, async () => {
      const alive = this.alive();
      for (const node of alive) {
        const { writer } = await this.locate(key, node);
        const found = alive.find((one) => one.id === writer);
        if (found !== undefined) return found;
      }
      return undefined;
    });
  }

  /** A key with the prefix that the predicate accepts by where it lies. */
  async findKey(prefix: string, accepts: (location: Location) => boolean): Promise<string> {
    for (let i = 0; i < 2_000; i++) {
      const key = `${prefix}${i}`;
      if (accepts(await this.locate(key))) return key;
    }
    throw new Error(`no key ${prefix}… lies where it should`);
  }

  /** Ends every process; none is left. */
  async stop(): Promise<void> {
    for (const node of this.nodes) node.clients.close();
    await Promise.all(
      this.nodes.map(async ({ process: node }) => {
        if (node.paused) node.resume();
        await node.kill();
      }),
    );
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Resolves when every node that runs serves, and every partition has a writer that says so itself. */
  async ready(withinMs = READY_MS): Promise<void> {
    await eventually("the cluster serves again", withinMs, () => this.isReady());
  }

  private async isReady(): Promise<true | undefined> {
    for (const { process: node } of this.nodes) {
      if (node.ended !== null) throw new Fatal(`a node ended (${node.ended}): ${node.tail()}`);
      if (node.ready) continue;
      this.waitingFor = `; the node at ${node.address} is not ready`;
      return undefined;
    }
    const written = new Set<number>();
    for (const node of this.nodes) {
      const status = await node.clients.cluster.status({});
      node.id = status.header?.nodeId ?? 0;
      for (const one of status.partitions) if (one.writerNodeId === node.id) written.add(one.partition);
    }
    this.waitingFor = `; ${written.size} of ${this.partitions} partitions have a writer`;
    return written.size === this.partitions ? true : undefined;
  }
}

export interface Location {
  readonly partition: number;
  readonly replicas: readonly Node[];
  /** A node id; 0 when unknown. */
  readonly writer: number;
}

export const startArgs = (
  port: number,
  peerPort: number,
  peers: string,
  expect: number,
  storage: readonly string[] = ["--memory"],
): string[] => [
  ...["--listen", `${HOST}:${port}`, "--peer-listen", `${HOST}:${peerPort}`],
  ...["--join", peers, "--expect", String(expect), ...storage],
];

const storageArgs = ({ data, dataOf }: ClusterOptions, index: number): string[] =>
  data === undefined ? ["--memory"] : ["--data", dataOf?.(index + 1) ?? join(data, `node${index + 1}`)];

/** Trying again does not help. */
export class Fatal extends Error {}

/** The first answer that is not undefined; errors on the way count as none. Fails with the last of them. */
export async function eventually<T>(
  what: string,
  withinMs: number,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const giveUp = performance.now() + withinMs;
  let last: unknown = "no error";
  while (performance.now() < giveUp) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      if (error instanceof Fatal) throw error;
      last = error;
    }
    await sleep(40);
  }
  throw new Error(`not within ${withinMs} ms: ${what} (${String(last)})`);
}

/** Ports that nobody listens at just now, and that no other test of this machine was given lately. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT));
    if (reserve(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

/**
 * Between the look at a port and the start of the node that takes it seconds may pass. So a file tells the others that
 * it is taken.
 */
function reserve(port: number): boolean {
  const folder = join(tmpdir(), "onar-test-ports");
  const path = join(folder, `${port}`);
  mkdirSync(folder, { recursive: true });
  const since = modifiedAt(path);
  if (since > 0 && Date.now() - since < RESERVED_MS) return false;
  try {
    // Two that find the same old file at one moment may both have it: the odds are small.
    rmSync(path, { force: true });
    closeSync(openSync(path, "wx"));
    return true;
  } catch {
    return false;
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, HOST, () => probe.close(() => resolve(true)));
  });

let built = false;

/** Compiles src to dist when a source is newer than what was compiled. */
export function buildIfStale(): void {
  if (built) return;
  built = true;
  const builtAt = modifiedAt(PROGRAM);
  const stale = ["src", "gen/ts", "tsconfig.json", "tsconfig.build.json"].some(
    (part) => newest(join(ROOT, part)) > builtAt,
  );
  if (!stale) return;
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the sources do not compile:\n${stdout}`);
  const bundled = spawnSync(process.execPath, ["scripts/bundle.mjs"], { cwd: ROOT, encoding: "utf8" });
  if (bundled.status !== 0) throw new Error(`the program cannot be bundled:\n${bundled.stderr}`);
}

function newest(path: string): number {
  if (!statSync(path).isDirectory()) return modifiedAt(path);
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
