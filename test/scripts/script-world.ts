/**
 * The cluster that scripts play with: real loops and machines, but nothing happens by itself. Messages arrive in the order they were sent,
 * at once, unless a rule holds or loses them; disks sync at once unless told to be slow; time stands still unless told to pass. What is
 * said between nodes and to clients is written down.
 */
import { type Duration, duration, instant } from "../../src/base/time.js";
import { ballot } from "../../src/core/ballot.js";
import type { Entry } from "../../src/core/entry.js";
import { groupEpoch, type Key, type NodeId, nodeId, partition as partitionOf, viewEpoch } from "../../src/core/ids.js";
import type { NodeMessage, Request } from "../../src/core/node-message.js";
import { firstPlacement } from "../../src/core/placement/first.js";
import type { Register } from "../../src/core/register/register.js";
import { MemoryTable } from "../../src/core/register/table.js";
import type { View } from "../../src/core/view/view.js";
import { Loop } from "../../src/node/loop.js";
import { NodeMachine } from "../../src/node/machine.js";
import { Outgoing } from "../../src/node/outgoing.js";
import type { Storage } from "../../src/ports/storage.js";
import { renderMessage, renderRequest, renderVerdict } from "./render.js";

export const ROUND: Duration = duration(200);
const PARTITION = partitionOf(0);
const ATTEMPTS_PER_LIFE = 1_000_000;
/** A script whose messages never end is broken. */
const MAX_STEPS = 100_000;

/** Which messages a rule is about; null: any. */
export interface Match {
  readonly kind: NodeMessage["kind"] | null;
  readonly from: NodeId | null;
  readonly to: NodeId | null;
}

interface Underway {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: NodeMessage;
}

class ScriptDisk {
  slow = false;
  readonly log: Entry[] = [];
  readonly registers = new Map<Key, Register>();
  private waiting: { readonly entries: readonly Entry[]; readonly durable: () => void }[] = [];

  open(): Storage {
    const table = new MemoryTable();
    for (const register of this.registers.values()) table.put(register);
    return {
      kind: "log",
      table: () => table,
      restored: () => this.log.slice(),
      append: (entries, durable) => {
        this.waiting.push({ entries, durable });
        if (!this.slow) this.sync();
      },
      close: () => {},
    };
  }

  sync(): void {
    const done = this.waiting;
    this.waiting = [];
    for (const { entries, durable } of done) {
      for (const entry of entries) {
        if (entry.kind === "register") this.registers.set(entry.register.key, entry.register);
        else this.log.push(entry);
      }
      durable();
    }
  }

  crash(): void {
    this.waiting = [];
  }
}

class ScriptNode {
  readonly disk = new ScriptDisk();
  loop: Loop | null = null;
  life = 0;
  due: { readonly when: number; readonly call: () => void } | null = null;

  constructor(readonly id: NodeId) {}
}

export class ScriptWorld {
  readonly nodes: readonly ScriptNode[];
  /** What was said, since it was last taken. */
  readonly lines: string[] = [];
  quiet = false;
  showHeartbeats = false;
  private readonly view: View;
  private now = 0;
  private queue: (() => void)[] = [];
  private held: Underway[] = [];
  private readonly holds: Match[] = [];
  private readonly cuts: Match[] = [];

  constructor(nodes: number, replicas: number) {
    const ids = Array.from({ length: nodes }, (_, index) => nodeId(index + 1));
    const members = ids.map((id) => ({ id, clientAddress: `n${id}:1`, peerAddress: `n${id}:2`, zone: "" }));
    this.view = {
      epoch: viewEpoch(1),
      clusterId: "0".repeat(32),
      previousDigest: "",
      operationId: "0".repeat(32),
      replicationFactor: replicas,
      members,
      partitions: firstPlacement(members, replicas, 1),
      voters: ids,
    };
    this.nodes = ids.map((id) => new ScriptNode(id));
  }

  /** Lets the cluster find its first writer, n1, unheard. */
  begin(): void {
    this.quiet = true;
    for (const node of this.nodes) this.start(node.id);
    this.wait(ROUND * 8);
    this.quiet = false;
  }

  node(id: NodeId): ScriptNode {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new Error(`there is no node n${id}`);
    return node;
  }

  start(id: NodeId): void {
    const node = this.node(id);
    const storage = node.disk.open();
    node.life++;
    const { life } = node;
    const mine = (call: () => void) => (): void => {
      if (node.life === life && node.loop !== null) call();
    };
    const sending: Underway[] = [];
    node.loop = new Loop({
      machine: new NodeMachine({
        self: id,
        view: this.view,
        table: (p) => storage.table(p),
        restored: storage.restored(),
        firstAttempt: life * ATTEMPTS_PER_LIFE,
        round: ROUND,
        now: instant(this.now),
      }),
      storage,
      clock: {
        now: () => instant(this.now),
        soon: (call) => this.queue.push(mine(call)),
        at: (when, call) => {
          node.due = { when, call: mine(call) };
        },
        stop: () => {
          node.due = null;
        },
      },
      peers: {
        send: (to, message) => sending.push({ from: id, to, message }),
        flush: () => {
          for (const underway of sending.splice(0)) this.send(underway);
        },
      },
      broken: (error) => {
        throw error;
      },
    });
    if (life > 1) {
      for (const other of this.nodes) if (other !== node) other.loop?.deliver({ kind: "peer-restarted", peer: id });
    }
    node.loop.start();
    this.settle();
  }

  crash(id: NodeId): void {
    const node = this.node(id);
    node.loop?.stop();
    node.loop = null;
    node.disk.crash();
  }

  /** Whatever the election thinks: takes the next ballot. */
  campaign(id: NodeId): void {
    const { core } = this.mustRun(id).machine;
    const served = core.partitions.get(PARTITION);
    if (served === undefined) throw new Error(`n${id} is no replica`);
    let round = 0;
    for (const { loop } of this.nodes) {
      round = Math.max(round, loop?.machine.core.partitions.get(PARTITION)?.replica.promise.round ?? 0);
    }
    const out = new Outgoing();
    served.writer.campaign(ballot(groupEpoch(1), round + 1, id), out);
    this.inject(id, out);
    this.settle();
  }

  request(id: NodeId, request: Request, timeout: Duration): void {
    const text = renderRequest(request);
    this.mustRun(id).request(PARTITION, request, timeout, (verdict) =>
      this.say(`n${id}: ${text} ⇒ ${renderVerdict(verdict)}`),
    );
    this.settle();
  }

  hold(match: Match): void {
    this.holds.push(match);
  }

  cut(match: Match): void {
    this.cuts.push(match);
  }

  heal(): void {
    this.cuts.length = 0;
  }

  /** What was held and matches goes on its way; what matches is held no more. */
  release(match: Match): void {
    const due = this.held.filter((underway) => matches(match, underway));
    this.held = this.held.filter((underway) => !matches(match, underway));
    const kept = this.holds.filter((hold) => !covers(match, hold));
    this.holds.length = 0;
    this.holds.push(...kept);
    for (const { from, to, message } of due) {
      this.say(`n${from} ⇢ n${to} ${renderMessage(message)}`);
      this.arrive(from, to, message);
    }
    this.settle();
  }

  drop(match: Match): void {
    this.held = this.held.filter((underway) => !matches(match, underway));
  }

  /** The copies of what is held arrive; the messages themselves stay held. */
  double(match: Match): void {
    for (const { from, to, message } of this.held.filter((underway) => matches(match, underway))) {
      this.say(`n${from} ⇢ n${to} ${renderMessage(message)} (a copy)`);
      this.arrive(from, to, message);
    }
    this.settle();
  }

  linkLost(a: NodeId, b: NodeId): void {
    this.node(a).loop?.deliver({ kind: "link-lost", peer: b });
    this.node(b).loop?.deliver({ kind: "link-lost", peer: a });
    this.settle();
  }

  slowDisk(id: NodeId): void {
    this.node(id).disk.slow = true;
  }

  sync(id: NodeId): void {
    const { disk } = this.node(id);
    disk.slow = false;
    disk.sync();
    this.settle();
  }

  wait(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      let next: ScriptNode | null = null;
      for (const node of this.nodes) {
        if (node.due !== null && node.due.when <= end && (next?.due == null || node.due.when < next.due.when))
          next = node;
      }
      const due = next?.due;
      if (next === null || due === null || due === undefined) break;
      next.due = null;
      this.now = Math.max(this.now, due.when);
      due.call();
      this.settle();
    }
    this.now = end;
  }

  private say(line: string): void {
    if (!this.quiet) this.lines.push(line);
  }

  private settle(): void {
    for (let steps = 0; this.queue.length > 0; steps++) {
      if (steps > MAX_STEPS) throw new Error("the messages of this script never end");
      this.queue.shift()?.();
    }
  }

  private send(underway: Underway): void {
    const { from, to, message } = underway;
    const heartbeat = message.kind === "heartbeat" || message.kind === "heartbeat-answer";
    const lost = this.node(to).loop === null || this.cuts.some((cut) => matches(cut, underway));
    const held = !lost && this.holds.some((hold) => matches(hold, underway));
    if (!heartbeat || this.showHeartbeats) {
      this.say(`n${from} → n${to} ${renderMessage(message)}${lost ? " (lost)" : held ? " (held)" : ""}`);
    }
    if (held) this.held.push(underway);
    else if (!lost) this.arrive(from, to, message);
  }

  private arrive(from: NodeId, to: NodeId, message: NodeMessage): void {
    this.queue.push(() => this.node(to).loop?.deliver({ kind: "message", from, message }));
  }

  /** What a step made outside the loop takes the loop's way. */
  private inject(id: NodeId, out: Outgoing): void {
    const { disk } = this.node(id);
    const storage = disk.open();
    const route = (to: NodeId, message: NodeMessage): void => {
      if (to === id) this.arrive(id, id, message);
      else this.send({ from: id, to, message });
    };
    out.sendNow.each(route);
    storage.append(out.entries, () => out.sendDurable.each(route));
  }

  private mustRun(id: NodeId): Loop {
    const { loop } = this.node(id);
    if (loop === null) throw new Error(`n${id} is down`);
    return loop;
  }
}

function matches(match: Match, { from, to, message }: Underway): boolean {
  return (
    (match.kind === null || match.kind === message.kind) &&
    (match.from === null || match.from === from) &&
    (match.to === null || match.to === to)
  );
}

const covers = (wide: Match, narrow: Match): boolean =>
  (wide.kind === null || wide.kind === narrow.kind) &&
  (wide.from === null || wide.from === narrow.from) &&
  (wide.to === null || wide.to === narrow.to);
