/**
 * `onar cluster`: a local cluster of real processes, to try things on. Nodes may be killed from outside; the others go
 * on and this command tells about it. When this process ends, however it ends, the nodes end: they watch their standard
 * input (see start.ts).
 */
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TRANSPORTS } from "../../config/config.js";
import { makeSecretFile } from "../../config/secret-file.js";
import { DEFAULT_ENDPOINT } from "../../config/settings.js";
import { withoutNodeSettings } from "../../config/sources.js";
import {
  formatAddress,
  MAX_NODES,
  oneOf,
  partitionCount,
  replicationFactor,
  wholeNumber,
} from "../../config/values.js";
import { CliError, EXIT, type ExitCode, usage } from "../ending/exit.js";
import { onStopSignals } from "../ending/signals.js";
import { commandFolder } from "../ending/temporary.js";
import { type Io, nodeOutputOf } from "../terminal/io.js";
import { showProgress } from "../terminal/progress.js";
import { DEFAULT_DATA, removeAddresses, writeAddresses } from "./addresses.js";
import { ChildNode, type NodePlan, stopAll } from "./child.js";
import { readTyped, TYPED_HELP } from "./keys.js";
import { whatIsMissing } from "./readiness.js";

export interface ClusterOptions {
  readonly nodes: string;
  readonly basePort: string;
  readonly replicationFactor?: string;
  readonly partitions?: string;
  readonly memory?: true;
  readonly data?: string;
  readonly transport?: string;
  readonly verbose?: true;
}

const HOST = "127.0.0.1";
/** In the folder of the nodes' directories. */
const SECRET_FILE = "cluster-secret";
/** Peers' ports lie this much above clients'. More than MAX_NODES, so the ranges never overlap. */
const PEER_OFFSET = 100;
const READY_MS = 30_000;
const PROGRESS_MS = 2_000;
const POLL_MS = 100;
const STOP_MS = 5_000;
const LINES_SHOWN = 5;

export interface ClusterPlan {
  readonly nodes: readonly NodePlan[];
  /** The file of the cluster secret; "" for none. */
  readonly secret: string;
  /** Holds the nodes' directories; "" with storage in memory. */
  readonly data: string;
}

/** `folder`: for what a cluster in memory needs to lie in files; "" for nothing. */
export function planCluster(options: ClusterOptions, folder = ""): ClusterPlan {
  const count = wholeNumber("--nodes", options.nodes, 1, MAX_NODES);
  const base = wholeNumber("--base-port", options.basePort, 1, 65_535);
  const highest = base + PEER_OFFSET + count - 1;
  if (highest > 65_535) {
    throw usage(
      `--base-port must be at most ${65_535 - PEER_OFFSET - count + 1} with ${count} nodes: their peers listen at ${PEER_OFFSET} above it and up; it is ${base}`,
    );
  }
  // Left out, they are left to the nodes: a cluster that is there already has its own.
  const fixed: string[] = [];
  if (options.replicationFactor !== undefined) {
    const factor = replicationFactor("--replication-factor", options.replicationFactor, count);
    fixed.push("--replication-factor", String(factor));
  }
  if (options.partitions !== undefined) {
    fixed.push("--partitions", String(partitionCount("--partitions", options.partitions)));
  }
  if (options.transport !== undefined) {
    fixed.push("--transport", oneOf("--transport", options.transport, TRANSPORTS));
  }
  if (options.memory === true && options.data !== undefined)
    throw usage("--data and --memory exclude each other: give one of them");
  const data = resolve(options.data ?? DEFAULT_DATA);
  const storage = (number: number): string[] =>
    options.memory === true ? ["--memory"] : ["--data", join(data, `node${number}`)];

  const keeps = options.memory === true ? folder : data;
  const secret = keeps === "" ? "" : join(keeps, SECRET_FILE);

  const addresses = Array.from({ length: count }, (_, i) => ({
    client: { host: HOST, port: base + i },
    peer: { host: HOST, port: base + PEER_OFFSET + i },
  }));
  const founders = addresses.map(({ peer }) => formatAddress(peer)).join(",");
  const nodes = addresses.map(({ client, peer }, i) => ({
    number: i + 1,
    client,
    peer,
    args: [
      ...["start", "--listen", formatAddress(client), "--peer-listen", formatAddress(peer)],
      ...["--join", founders, "--expect", String(count)],
      ...(secret === "" ? [] : ["--cluster-secret-file", secret]),
      ...fixed,
      ...storage(i + 1),
    ],
  }));
  return { nodes, secret, data: options.memory === true ? "" : data };
}

export async function cluster(options: ClusterOptions, ownIo: Io, program: string): Promise<ExitCode> {
  let running: LocalCluster | null = null;
  const stopped = new Promise<"stopped">((resolve) => {
    ownIo.onReaderGone(() => resolve("stopped"));
    onStopSignals(() => resolve("stopped"), { interrupt: "stop", last: () => running?.killAll() });
  });
  const folder = options.memory === true ? commandFolder("onar-cluster-") : null;
  const plan = planCluster(options, folder?.path);
  if (plan.secret !== "") makeSecretFile(plan.secret);
  // Nodes that run do not wait for whoever reads what this says of them.
  const output = nodeOutputOf(ownIo, (lines, why) => `(${lines} lines were dropped here: ${why})\n`);
  const io: Io = { ...ownIo, out: (chunk) => output.out(String(chunk)), error: (line) => output.error(line) };
  const nodes = new LocalCluster(plan, program, io, options.verbose === true);
  running = nodes;
  try {
    const begun = await Promise.race([nodes.becomeReady(), stopped]);
    if (begun !== "stopped") {
      if (plan.data !== "")
        writeAddresses(
          plan.data,
          plan.nodes.map(({ client }) => client),
        );
      io.out(hints(plan));
      readTyped(
        io,
        (number) => nodes.restart(number),
        () => io.error(TYPED_HELP),
      );
      await Promise.race([nodes.allEnded(), stopped]);
    }
    if (nodes.alive().length === 0) throw new CliError(EXIT.notDone, "all nodes have ended");
    return EXIT.done;
  } finally {
    await showProgress(io, () => "stopping the nodes", nodes.stop());
    await output.finish();
    if (plan.data !== "") removeAddresses(plan.data);
    folder?.remove();
  }
}

class LocalCluster {
  private readonly nodes: ChildNode[];
  private stopping = false;
  private wasReady = false;
  private partitions = 0;

  constructor(
    private readonly plan: ClusterPlan,
    private readonly program: string,
    private readonly io: Io,
    private readonly verbose: boolean,
  ) {
    this.nodes = plan.nodes.map((nodePlan) => this.begin(nodePlan));
    for (const node of this.nodes) this.introduce(node);
  }

  private begin(plan: NodePlan): ChildNode {
    const { io } = this;
    const node: ChildNode = new ChildNode(plan, this.program, withoutNodeSettings(io.env), {
      line: (text, from) => {
        if (this.verbose) io.out(`[node ${plan.number}] ${text}\n`);
        else if (from === "stderr" && this.wasReady) io.error(`[node ${plan.number}] ${text}`);
      },
      ready: () => {
        if (this.wasReady) io.out(`node ${plan.number} is back\n`);
      },
      ended: () => this.nodeEnded(node),
    });
    return node;
  }

  private introduce({ plan, pid }: ChildNode): void {
    this.io.out(
      `node ${plan.number} pid ${pid} client ${formatAddress(plan.client)} peer ${formatAddress(plan.peer)}\n`,
    );
  }

  /** A node that has ended starts again on its directory. */
  restart(number: number): void {
    const old = this.nodes[number - 1];
    if (this.stopping) return;
    if (old === undefined) return this.io.error(`there is no node ${number}: they are 1 to ${this.nodes.length}`);
    if (!old.ended) return this.io.error(`node ${number} runs (pid ${old.pid})`);
    if (this.plan.data === "") return this.io.error(GONE);
    const node = this.begin(old.plan);
    this.nodes[number - 1] = node;
    this.introduce(node);
  }

  alive(): readonly ChildNode[] {
    return this.nodes.filter((node) => !node.ended);
  }

  /** Every node serves and every partition has a writer, or a CliError that says why not. */
  async becomeReady(): Promise<"ready"> {
    const giveUp = Date.now() + READY_MS;
    let progressAt = Date.now() + PROGRESS_MS;
    for (;;) {
      this.failIfOneEnded();
      const { missing, partitions } = await whatIsMissing(this.nodes);
      this.failIfOneEnded();
      if (missing === null) {
        this.partitions = partitions;
        break;
      }
      const now = Date.now();
      if (now >= giveUp) {
        this.showLines(this.nodes);
        throw new CliError(EXIT.notDone, `the cluster is not ready after ${READY_MS / 1_000} s: ${missing}`);
      }
      if (now >= progressAt) {
        this.io.error(`waiting: ${missing}`);
        progressAt = now + PROGRESS_MS;
      }
      await sleep(POLL_MS);
    }
    this.wasReady = true;
    const count = this.nodes.length;
    const { partitions } = this;
    this.io.out(
      `ready: ${count === 1 ? "1 node serves" : `${count} nodes serve`} ${partitions === 1 ? "1 partition" : `${partitions} partitions, each with a writer`}\n`,
    );
    return "ready";
  }

  async allEnded(): Promise<"ended"> {
    // One that is started again counts anew.
    for (let alive = this.alive(); alive.length > 0; alive = this.alive()) {
      await Promise.all(alive.map((node) => node.end));
    }
    return "ended";
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await stopAll(this.nodes, STOP_MS);
  }

  killAll(): void {
    for (const node of this.nodes) node.kill("SIGKILL");
  }

  private failIfOneEnded(): void {
    const gone = this.nodes.find((node) => node.ended);
    if (gone === undefined) return;
    const lines = gone.lastLines(LINES_SHOWN);
    const why = lines.findLast((line) => line.startsWith("error: "))?.slice("error: ".length);
    if (why === undefined) this.showLines([gone]);
    throw new CliError(
      EXIT.notDone,
      `${gone.describeEnd()} before the cluster was ready${why === undefined ? "" : `: ${why}`}`,
    );
  }

  private nodeEnded(node: ChildNode): void {
    if (this.stopping || !this.wasReady) return;
    const left = this.alive().length;
    this.io.error(`${node.describeEnd()}; ${left === 1 ? "1 other node goes on" : `${left} other nodes go on`}`);
    this.showLines([node]);
    this.io.error(
      this.plan.data === ""
        ? `  ${GONE}`
        : `  it comes back with its data by: r ${node.plan.number} and Enter here, or in another terminal:`,
    );
    if (this.plan.data !== "") this.io.error(`  ${startLine(node.plan.args)}`);
  }

  private showLines(nodes: readonly ChildNode[]): void {
    for (const node of nodes) {
      for (const line of node.lastLines(LINES_SHOWN)) this.io.error(`  [node ${node.plan.number}] ${line}`);
    }
  }
}

const GONE = "it kept its data in memory, which is gone: it cannot come back";

/** The command that starts a node, wherever it is pasted. */
const startLine = (args: readonly string[]): string => `npx onar ${inWords(args)}`;

/** As a shell takes them. */
const inWords = (args: readonly string[]): string =>
  args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`)).join(" ");

/** How a node joins the cluster, at the ports behind the last ones; nothing when there are none. */
function oneMore(plan: ClusterPlan): readonly string[] {
  const args = argsOfOneMore(plan);
  return args.length === 0 ? [] : ["One more node, in another terminal:", `  ${startLine(args)}`, ""];
}

export function argsOfOneMore({ nodes, secret, data }: ClusterPlan): readonly string[] {
  const last = nodes.at(-1);
  if (last === undefined || last.peer.port === 65_535) return [];
  const after = ({ host, port }: NodePlan["client"]): string => formatAddress({ host, port: port + 1 });
  return [
    "start",
    ...["--listen", after(last.client), "--peer-listen", after(last.peer)],
    // All of them: any may have been killed by then.
    ...["--join", nodes.map(({ peer }) => formatAddress(peer)).join(",")],
    ...(data === "" ? ["--memory"] : ["--data", join(data, `node${nodes.length + 1}`)]),
    ...(secret === "" ? [] : ["--cluster-secret-file", secret]),
  ];
}

/** The lines to paste next. */
function hints(plan: ClusterPlan): string {
  const ports = plan.nodes.map((node) => formatAddress(node.client));
  const first = ports[0] ?? "";
  const second = ports[1] ?? first;
  // The commands find the nodes at the standard ports by themselves, and others by what is written down here.
  const standard =
    plan.data === resolve(DEFAULT_DATA) || ports.every((port) => DEFAULT_ENDPOINT.split(",").includes(port));
  const where = standard ? "" : ` --endpoint ${ports.join(",")}`;
  return [
    "",
    "Any node takes any request. Try:",
    `  grpcurl -plaintext -d '{"key":"hello","value":"world"}' ${first} onar.text.v1.TextService/Put`,
    `  grpcurl -plaintext -d '{"key":"hello"}' ${second} onar.text.v1.TextService/Get`,
    "or:",
    `  npx onar put hello world${where}`,
    `  npx onar get hello --endpoint ${second}`,
    `  npx onar status${where}`,
    "",
    ...oneMore(plan),
    `Kill a node (kill -9 PID) and the others go on. ${TYPED_HELP}.`,
    plan.data === ""
      ? "The data is in memory: what a node holds is forgotten when it stops. Without --memory it is kept on disk."
      : `The data is in ${plan.data}: the same command finds it again; remove the directory to begin anew.`,
    "",
  ].join("\n");
}
