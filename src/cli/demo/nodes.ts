/** The nodes of the demo: real processes that can be killed, started again, paused and resumed by their number. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeSecretFile } from "../../config/secret-file.js";
import { withoutNodeSettings } from "../../config/sources.js";
import { formatAddress, wholeNumber } from "../../config/values.js";
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
  private readonly nodes: readonly DemoNode[];
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
    const giveUp = Date.now() + READY_MS;
    while (!node.child.ready) {
      if (node.child.ended) throw new CliError(EXIT.notDone, describe(node.child));
      if (Date.now() > giveUp) throw new CliError(EXIT.notDone, `node ${text} does not serve yet; status shows more`);
      await sleep(POLL_MS);
    }
    return `node ${text} is back, pid ${node.child.pid}`;
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
    const running = this.nodes.filter(({ state }) => state === "running").length;
    const majority = Math.floor(this.nodes.length / 2) + 1;
    const still = `${running} of ${this.nodes.length} run`;
    return running >= majority ? still : `${still}, too few for a majority: calls fail until one is back`;
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
  const secret = join(folder, "cluster-secret");
  makeSecretFile(secret);
  return peers.map((peer, i) => {
    const client = { host: HOST, port: ports[i] ?? 0 };
    return {
      number: i + 1,
      client,
      peer,
      args: [
        ...["start", "--listen", formatAddress(client), "--peer-listen", formatAddress(peer)],
        ...["--join", founders, "--expect", String(count), "--partitions", String(PARTITIONS)],
        ...["--cluster-secret-file", secret, "--data", join(folder, `node${i + 1}`)],
      ],
    };
  });
}
