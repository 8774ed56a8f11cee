/** Makes the faults of a plan happen to a real cluster, ends them, and notes whether they were seen to happen. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { attempt } from "../e2e/clients.js";
import type { Cluster, Node, NodeProcess } from "../e2e/harness.js";
import type { Clocks } from "./clocks.js";
import { Guests, type GuestsOptions } from "./guests.js";
import type { Direction, Network, Rule } from "./network.js";
import type { Fault } from "./plan.js";
import type { FaultCounts } from "./tally.js";

/** A node that drains says so to others that may be cut off. */
const DRAIN_MS = 15_000;
const READY_MS = 10_000;
/** A response's date is whole seconds, made once a second. */
const DATE_SEEN_MS = 4_000;
const DATE_TOLERANCE_S = 5;

export interface FaultsOptions {
  readonly cluster: Cluster;
  readonly network: Network;
  /** null: all clocks are right. */
  readonly clocks: Clocks | null;
  readonly counts: FaultCounts;
  /** Nodes that were killed or drained are started again: they have their data on disk. */
  readonly restarts: boolean;
  /** Where guests keep their data; null: in memory. */
  readonly folder: string | null;
  readonly serves: GuestsOptions["serves"];
}

export class Faults {
  readonly problems: string[] = [];
  private readonly lasting = new Map<Fault, () => void>();
  private readonly pauses = new Map<Node, number>();
  /** Killed or drained by us, and not started again. */
  private readonly gone = new Set<Node>();
  /** Killed while they drained. */
  private readonly shot = new Set<NodeProcess>();
  private readonly following: Promise<void>[] = [];
  /** Nodes that are to be started again as soon as they have ended. */
  private readonly starting: Promise<void>[] = [];

  readonly guests: Guests;

  constructor(private readonly options: FaultsOptions) {
    this.guests = new Guests({ ...options, problems: this.problems });
  }

  begin(fault: Fault): void {
    const { network, counts } = this.options;
    switch (fault.kind) {
      case "cut":
      case "one-way cut":
        counts.try(fault.kind);
        return this.lay(fault, { kind: "cut", ending: fault.ending, touched: 0 }, fault.directions);
      case "delay":
        counts.try(fault.kind);
        return this.lay(fault, { kind: "delay", delayMs: fault.delayMs, touched: 0 }, fault.directions);
      case "reset":
        counts.try(fault.kind);
        if (network.reset(fault.directions) > 0) counts.see(fault.kind);
        return;
      case "clock jump":
        return this.jump(fault.node, fault.jumpS);
      case "pause":
        return this.pause(fault);
      case "kill":
      case "drain":
        return this.leave(fault);
      case "blackout":
        return this.blackout(fault);
      case "join": {
        const leaves = new Promise<void>((resolve) => this.lasting.set(fault, resolve));
        this.following.push(this.guests.visit(fault.guest, leaves));
        return;
      }
    }
  }

  end(fault: Fault): void {
    this.lasting.get(fault)?.();
    this.lasting.delete(fault);
  }

  /** Ends all that lasts; resolves when nothing is under way any more. */
  async heal(): Promise<void> {
    for (const fault of [...this.lasting.keys()]) this.end(fault);
    this.guests.heal();
    await Promise.all(this.following);
  }

  /** Resolves when every node that is to come back has been started; whether it serves is another matter. */
  async started(): Promise<void> {
    await Promise.all(this.starting);
  }

  /** The nodes that are left, and a problem for each that ended although nobody made it. */
  left(): readonly Node[] {
    const left: Node[] = [];
    for (const [index, node] of this.options.cluster.nodes.entries()) {
      if (this.gone.has(node)) continue;
      left.push(node);
      const { ended } = node.process;
      if (ended === null) continue;
      const problem = `node ${index} ended by itself (${ended}): ${node.process.tail()}`;
      if (!this.problems.includes(problem)) this.problems.push(problem);
    }
    return left;
  }

  private lay(fault: Fault & { readonly kind: "cut" | "one-way cut" | "delay" }, rule: Rule, on: readonly Direction[]) {
    const { network, counts } = this.options;
    network.lay(rule, on);
    this.lasting.set(fault, () => {
      network.lift(rule);
      if (rule.touched > 0) counts.see(fault.kind);
    });
  }

  private pause(fault: Fault & { readonly node: number }): void {
    const { cluster, counts } = this.options;
    const node = cluster.node(fault.node);
    if (this.gone.has(node) || node.process.ended !== null) return;
    counts.try("pause");
    node.process.pause();
    this.pauses.set(node, (this.pauses.get(node) ?? 0) + 1);
    this.lasting.set(fault, () => {
      if (isStopped(node.process.child.pid)) counts.see("pause");
      const others = (this.pauses.get(node) ?? 1) - 1;
      this.pauses.set(node, others);
      if (others === 0) node.process.resume();
    });
  }

  private leave(fault: Fault & { readonly kind: "kill" | "drain"; readonly node: number }): void {
    const { cluster, counts, restarts } = this.options;
    const { kind } = fault;
    const node = cluster.node(fault.node);
    const { process } = node;
    if (process.ended !== null || this.gone.has(node)) return;
    // One that is just starting ends by the signal itself.
    if (kind === "drain" && !process.ready) return;
    counts.try(kind);
    this.gone.add(node);
    const left = (async () => {
      const ended = kind === "drain" ? await process.stop(DRAIN_MS) : await this.kill(process);
      if (ended === (kind === "kill" ? "SIGKILL" : 0)) counts.see(kind);
      else if (!this.shot.has(process))
        this.problems.push(`node ${fault.node}: ${kind} ended with ${ended}: ${process.tail()}`);
    })();
    this.following.push(left);
    if (restarts) this.lasting.set(fault, () => this.comeBack(node, left));
  }

  /** Also of nodes that are just draining. A node that is down already comes back as it was to. */
  private blackout(fault: Fault & { readonly kind: "blackout" }): void {
    const { cluster, counts } = this.options;
    counts.try("blackout");
    const alive = cluster.nodes.filter(({ process }) => process.ended === null);
    const victims = alive.filter((node) => !this.gone.has(node));
    for (const node of victims) this.gone.add(node);
    const dark = (async () => {
      const ended = await Promise.all(
        alive.map(({ process }) => {
          this.shot.add(process);
          return this.kill(process);
        }),
      );
      if (ended.every((how) => how === "SIGKILL")) counts.see("blackout");
    })();
    this.following.push(dark);
    this.lasting.set(fault, () => {
      for (const node of victims) this.comeBack(node, dark);
    });
  }

  /** Starts it again once it has ended. */
  private comeBack(node: Node, left: Promise<void>): void {
    const { counts } = this.options;
    counts.try("restart");
    const started = left.then(() => {
      node.restart();
      this.gone.delete(node);
    });
    this.starting.push(started);
    const served = started.then(async () => {
      // Whether it must serve is asked at the end; it may be killed before.
      const ready = await node.process.said("ready", READY_MS).catch(() => null);
      if (ready !== null) counts.see("restart");
    });
    this.following.push(served);
  }

  private async kill(process: NodeProcess): Promise<number | string | null> {
    await process.kill();
    return process.ended;
  }

  private jump(index: number, jumpS: number): void {
    const { clocks, cluster, counts } = this.options;
    const node = cluster.node(index);
    if (clocks === null || node.process.ended !== null) return;
    counts.try("clock jump");
    clocks.set(index, jumpS);
    const giveUp = performance.now() + DATE_SEEN_MS;
    this.following.push(
      (async () => {
        while (performance.now() < giveUp && node.process.ended === null) {
          const aheadS = await secondsAhead(node);
          if (aheadS !== null && Math.abs(aheadS - jumpS) <= DATE_TOLERANCE_S) return counts.see("clock jump");
          await sleep(100);
        }
      })(),
    );
  }
}

/** How far the time of day in a node's responses is ahead of ours; null when it does not answer. */
async function secondsAhead(node: Node): Promise<number | null> {
  let date: string | undefined;
  await attempt(500, (options) =>
    node.clients.health.check(
      { service: "live" },
      {
        ...options,
        onHeader: (header) => {
          date = header.get("date");
        },
      },
    ),
  );
  return date === undefined ? null : (Date.parse(date) - Date.now()) / 1000;
}

/** Times of a node's own clock and ours: how fast the former runs. */
export interface ClockReading {
  readonly theirMs: number;
  readonly ourMs: number;
}

export async function readUptime(node: Node): Promise<ClockReading | null> {
  const tried = await attempt(2_000, (options) => node.clients.cluster.status({}, options));
  const own = "answer" in tried ? tried.answer.nodes.find(({ id }) => id === node.id) : undefined;
  return own?.uptimeMs === undefined ? null : { theirMs: Number(own.uptimeMs), ourMs: performance.now() };
}

/** As the system says, where it does (Linux). */
function isStopped(pid: number | undefined): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
  } catch {
    return process.platform !== "linux";
  }
}
