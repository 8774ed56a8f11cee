/**
 * Members that come and go while faults run. A guest is a node without partitions: it joins, serves clients by passing
 * calls on, is asked to leave, and ends by itself. A proxy stands before it as before the others, so that its streams
 * meet the same faults.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { attempt } from "../e2e/clients.js";
import { type Cluster, freePorts, HOST, Node, NodeProcess } from "../e2e/harness.js";
import type { Network } from "./network.js";
import type { FaultCounts } from "./tally.js";

/** After the last fault a guest that has not joined, or not left, has so long for either. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 200;
const CALL_MS = 2_000;

export interface GuestsOptions {
  readonly cluster: Cluster;
  readonly network: Network;
  readonly counts: FaultCounts;
  /** Where guests keep their data; null: in memory. */
  readonly folder: string | null;
  readonly problems: string[];
  /** Clients begin to use it. Resolves when the last of them is answered after `stop`. */
  readonly serves: (guest: Node) => { stop(): Promise<void> };
}

export class Guests {
  private readonly processes: Node[] = [];
  private healed = false;
  private giveUp = Number.POSITIVE_INFINITY;

  constructor(private readonly options: GuestsOptions) {}

  /** From now on faults excuse nothing. */
  heal(): void {
    this.healed = true;
    this.giveUp = performance.now() + PATIENCE_MS;
  }

  /** A guest joins; `leaves` resolves when it is to leave. Resolves when it has gone, or when it is given up. */
  async visit(guest: number, leaves: Promise<void>): Promise<void> {
    const { counts, problems, serves } = this.options;
    counts.try("join");
    const node = await this.start(guest);
    try {
      if (!(await this.until(() => node.process.ready || node.process.ended !== null)) || node.process.ended !== null)
        return void problems.push(`guest ${guest} did not join (${node.process.ended}): ${node.process.tail()}`);
      counts.see("join");
      const load = serves(node);
      await leaves;
      await load.stop();
      counts.try("leave");
      await this.leave(node);
      if (node.process.ended === 0) counts.see("leave");
      else problems.push(`guest ${guest} did not leave (${node.process.ended}): ${node.process.tail()}`);
    } finally {
      await node.process.kill();
      node.clients.close();
    }
  }

  /** Whatever becomes of the run, none of them is left. */
  killAll(): void {
    for (const { process } of this.processes) if (process.ended === null) process.child.kill("SIGKILL");
  }

  private async start(guest: number): Promise<Node> {
    const { cluster, network, folder } = this.options;
    const [port = 0, peerPort = 0] = await freePorts(2);
    const address = await network.before(peerPort, cluster.nodes.length + guest);
    const node = new Node(
      new NodeProcess(port, peerPort, [
        ...["--listen", `${HOST}:${port}`, "--peer-listen", `${HOST}:${peerPort}`, "--peer-advertise", address],
        ...["--join", cluster.peerAddresses.join(","), "--no-rebalance"],
        ...(folder === null ? ["--memory"] : ["--data", mkdtempSync(join(folder, "guest-"))]),
        ...(cluster.secretFile === "" ? [] : ["--cluster-secret-file", cluster.secretFile]),
      ]),
    );
    this.processes.push(node);
    return node;
  }

  /** Asks one node after the other, on the newest view that it knows, until the guest has ended. */
  private async leave(node: Node): Promise<void> {
    const { cluster } = this.options;
    const id = await this.idOf(node);
    let turn = 0;
    await this.until(async () => {
      if (node.process.ended !== null) return true;
      const { process, clients } = cluster.nodes[turn++ % cluster.nodes.length] as Node;
      if (process.ended !== null || process.paused) return false;
      const known = await attempt(CALL_MS, (options) => clients.cluster.getView({}, options));
      if (!("answer" in known) || known.answer.view === undefined) return false;
      const { epoch, members } = known.answer.view;
      if (!members.some((one) => one.id === id)) return false;
      const asked = { operationId: randomBytes(16), epoch, nodeId: id };
      await attempt(CALL_MS, (options) => clients.cluster.leave(asked, options));
      return false;
    });
  }

  private async idOf(node: Node): Promise<number> {
    let id = 0;
    await this.until(async () => {
      const status = await attempt(CALL_MS, (options) => node.clients.cluster.status({}, options));
      if ("answer" in status) id = status.answer.header?.nodeId ?? 0;
      return id !== 0 || node.process.ended !== null;
    });
    return id;
  }

  /** False: it did not come true in time. Before the faults are over there is time. */
  private async until(holds: () => boolean | Promise<boolean>): Promise<boolean> {
    while (!(await holds())) {
      if (this.healed && performance.now() > this.giveUp) return false;
      await sleep(LOOK_MS);
    }
    return true;
  }
}
