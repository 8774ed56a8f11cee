/** The nodes of the demo: real processes that can be killed, started again, paused and resumed by their number. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeSecretFile } from "../../config/secret-file.js";
import { withoutNodeSettings } from "../../config/sources.js";
import { formatAddress, MAX_NODES, wholeNumber } from "../../config/values.js";
import { CliError, EXIT } from "../ending/exit.js";
import { ChildNode, type NodePlan, stopAll } from "../local/child.js";
import { whatIsMissing } from "../local/readiness.js";
import type { Io } from "../terminal/io.js";
import { freePorts } from "./ports.js";

const HOST = "127.0.0.1";
/** Fewer than usual: a start and a failover are quicker to look at. */
const PARTITIONS = 64;
const READY_MS = 30_000;
const POLL_MS = 100;
const STOP_MS = 3_000;

export interface DemoNodesOptions {
  readonly count: number;
  /** Where the nodes keep their data. */
  readonly folder: string;
  readonly io: Io;
  readonly program: string;
  readonly say: (line: string) => void;
}

class DemoNode {
  child: ChildNode;
  paused = false;
  /** Somebody asked for its end: it is no news. */
  expected = false;

  constructor(
    readonly plan: NodePlan,
    private readonly begin: (node: DemoNode) => ChildNode,
  ) {
    this.child = begin(this);
  }

  restart(): void {
    this.expected = false;
    this.paused = false;
    this.child = this.begin(this);
  }

  get state(): "running" | "paused" | "dead" {
    if (this.child.ended) return "dead";
    return this.paused ? "paused" : "running";
  }
}

export class DemoNodes {
  private readonly nodes: DemoNode[];
  private stopping = false;

  private constructor(
    private readonly options: DemoNodesOptions,
    plans: readonly NodePlan[],
  ) {
    this.nodes = plans.map((plan) => new DemoNode(plan, (node) => this.begin(node)));
  }

  static async begin(options: DemoNodesOptions): Promise<DemoNodes> {
    return new DemoNodes(options, await plansOf(options));
  }

  /** Every node serves and every partition has a writer. */
  async becomeReady(gaveUp: () => boolean): Promise<void> {
    const giveUp = Date.now() + READY_MS;
    for (;;) {
      const gone = this.nodes.find(({ child }) => child.ended);
      if (gone !== undefined) throw new CliError(EXIT.notDone, describe(gone.child));
      const children = this.nodes.map(({ child }) => child);
      const { missing } = await whatIsMissing(children);
      if (missing === null || gaveUp()) return;
      if (Date.now() > giveUp) throw new CliError(EXIT.notDone, `the nodes are not ready after 30 s: ${missing}`);
      await sleep(POLL_MS);
    }
  }

  /** Nodes that can answer, for commands that name none. */
  get endpoints(): string {
    const usable = this.nodes.filter(({ state }) => state === "running");
    return (usable.length === 0 ? this.nodes : usable).map(({ plan }) => formatAddress(plan.client)).join(",");
  }

  /** All of them, whatever happens to them meanwhile. */
  get addresses(): string {
    return this.nodes.map(({ plan }) => formatAddress(plan.client)).join(",");
  }

  lines(): string[] {
    return this.nodes.map(
      (node) => `node ${node.plan.number}  ${formatAddress(node.plan.client)}  pid ${node.child.pid}  ${node.state}`,
    );
  }

  /** One more process, which joins the cluster that is there. */
  async add(): Promise<string> {
    if (this.nodes.length >= MAX_NODES) throw new CliError(EXIT.notDone, `there are ${MAX_NODES} nodes, and no more`);
    const number = this.nodes.length + 1;
    const [client = 0, peer = 0] = await freePorts(HOST, 2);
    const contacts = this.nodes.map(({ plan }) => formatAddress(plan.peer)).join(",");
    const { folder } = this.options;
    const plan = planOf({ number, client, peer, folder, more: ["--join", contacts, "--no-rebalance"] });
    const node = new DemoNode(plan, (one) => this.begin(one));
    this.nodes.push(node);
    await this.serves(node);
    return `node ${number} has joined, ${formatAddress(plan.client)}: it keeps no data and answers every client; leave ${formatAddress(plan.client)} ends that`;
  }

  async kill(text: string): Promise<string> {
    const node = this.find(text);
    if (node.state === "dead") throw new CliError(EXIT.notDone, `node ${text} is dead already`);
    node.expected = true;
    node.child.kill("SIGKILL");
    await node.child.end;
    return `node ${text} is dead (SIGKILL); ${this.left()}`;
  }

  pause(text: string): string {
    const node = this.find(text);
    if (node.state !== "running") throw new CliError(EXIT.notDone, `node ${text} is ${node.state}`);
    node.child.kill("SIGSTOP");
    node.paused = true;
    return `node ${text} is frozen (SIGSTOP); ${this.left()}`;
  }

  resume(text: string): string {
    const node = this.find(text);
    if (node.state !== "paused") throw new CliError(EXIT.notDone, `node ${text} is ${node.state}, not paused`);
    node.child.kill("SIGCONT");
    node.paused = false;
    return `node ${text} goes on`;
  }

  /** A dead node starts again on its directory; one that runs is ended first, in order. */
  async restart(text: string): Promise<string> {
    const node = this.find(text);
    if (!node.child.ended) {
      node.expected = true;
      if (node.paused) node.child.kill("SIGCONT");
      node.child.kill("SIGTERM");
      await node.child.end;
    }
    node.restart();
    await this.serves(node);
    return `node ${text} is back, pid ${node.child.pid}`;
  }

  private async serves({ plan, child }: DemoNode): Promise<void> {
    const giveUp = Date.now() + READY_MS;
    while (!child.ready) {
      if (child.ended) throw new CliError(EXIT.notDone, describe(child));
      if (Date.now() > giveUp) {
        throw new CliError(EXIT.notDone, `node ${plan.number} does not serve yet; status shows more`);
      }
      await sleep(POLL_MS);
    }
  }

  /** Ends all of them; none is left. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const node of this.nodes) if (node.state === "paused") node.child.kill("SIGCONT");
    await stopAll(
      this.nodes.map(({ child }) => child),
      STOP_MS,
    );
  }

  killAll(): void {
    for (const { child } of this.nodes) child.kill("SIGKILL");
  }

  private begin(node: DemoNode): ChildNode {
    const { program, io, say } = this.options;
    return new ChildNode(node.plan, program, withoutNodeSettings(io.env), {
      line: () => {},
      ready: () => {},
      ended: () => {
        if (!this.stopping && !node.expected && node.child.ready) say(describe(node.child));
      },
    });
  }

  private find(text: string): DemoNode {
    const number = wholeNumber("N", text, 1, this.nodes.length);
    const node = this.nodes[number - 1];
    if (node === undefined) throw new CliError(EXIT.usage, `there is no node ${text}`);
    return node;
  }

  private left(): string {
    const isRunning = ({ state }: DemoNode): boolean => state === "running";
    const still = `${this.nodes.filter(isRunning).length} of ${this.nodes.length} run`;
    // Those that joined keep no data.
    const { count } = this.options;
    const majority = Math.floor(count / 2) + 1;
    return this.nodes.slice(0, count).filter(isRunning).length >= majority
      ? still
      : `${still}, too few for a majority: calls fail until one is back`;
  }
}

function describe(child: ChildNode): string {
  const why = child.lastLines(5).findLast((line) => line.startsWith("error: "));
  return `${child.describeEnd()}${why === undefined ? "" : `: ${why.slice("error: ".length)}`}`;
}

async function plansOf({ count, folder }: DemoNodesOptions): Promise<NodePlan[]> {
  // Tables are in the order of addresses: that of the numbers, too.
  const ports = (await freePorts(HOST, 2 * count)).toSorted((a, b) => a - b);
  const peers = ports.slice(count).map((port) => ({ host: HOST, port }));
  const founders = peers.map(formatAddress).join(",");
  makeSecretFile(secretIn(folder));
  const more = ["--join", founders, "--expect", String(count), "--partitions", String(PARTITIONS)];
  return peers.map((peer, i) => planOf({ number: i + 1, client: ports[i] ?? 0, peer: peer.port, folder, more }));
}

const secretIn = (folder: string): string => join(folder, "cluster-secret");

interface DemoPlan {
  readonly number: number;
  /** Ports. */
  readonly client: number;
  readonly peer: number;
  readonly folder: string;
  readonly more: readonly string[];
}

function planOf({ number, client: clientPort, peer: peerPort, folder, more }: DemoPlan): NodePlan {
  const client = { host: HOST, port: clientPort };
  const peer = { host: HOST, port: peerPort };
  return {
    number,
    client,
    peer,
    args: [
      ...["start", "--listen", formatAddress(client), "--peer-listen", formatAddress(peer), ...more],
      ...["--cluster-secret-file", secretIn(folder), "--data", join(folder, `node${number}`)],
    ],
  };
}
