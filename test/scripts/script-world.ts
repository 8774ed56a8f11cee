/**
 * The cluster that scripts play with: real loops and machines, but nothing happens by itself. Messages arrive in the
 * order they were sent, at once, unless a rule holds or loses them. Disks sync at once unless told to be slow, and time
 * stands still unless told to pass. Messages between nodes and to clients are written down.
 */
import { unreachable } from "../../src/base/assert.js";
import { type Duration, duration, instant } from "../../src/base/time.js";
import { encodedView } from "../../src/codec/peer/encoded-view.js";
import type { KeyList } from "../../src/core/key-list.js";
import { ballot } from "../../src/core/model/ballot.js";
import {
  groupEpoch,
  type Key,
  type NodeId,
  nodeId,
  partition as partitionOf,
  type Revision,
  UNKNOWN_REVISION,
  type ViewEpoch,
  viewEpoch,
} from "../../src/core/model/ids.js";
import type { NodeMessage, Request } from "../../src/core/model/node-message.js";
import { BAD } from "../../src/core/model/table.js";
import { firstPlacement } from "../../src/core/placement/first-placement.js";
import { rolledBack } from "../../src/core/replica/rolled-back.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import { moved, replacementFault } from "../../src/core/view/move.js";
import { fateOf, type ViewOperation } from "../../src/core/view/operation.js";
import type { View } from "../../src/core/view/view.js";
import { Loop } from "../../src/node/loop.js";
import { NodeMachine } from "../../src/node/machine.js";
import { Outgoing } from "../../src/node/outgoing.js";
import { NodeStatus } from "../../src/node/status.js";
import { type Match, Post, type Underway } from "./post.js";
import { renderBallot, renderMessage, renderRegister, renderRequest, renderVerdict } from "./render.js";
import { renderFate, renderNewest } from "./render-view.js";
import { ScriptNode } from "./script-node.js";

export const ROUND: Duration = duration(200);
const PARTITION = partitionOf(0);
const ATTEMPTS_PER_LIFE = 1_000_000;
/** A script whose messages never end is broken. */
const MAX_STEPS = 100_000;
/** Above the ids of forwards that nodes of a script make themselves. */
const FOREIGN_FORWARD = 1_000_000_000;
const OPERATION_DIGITS = 32;

/** An operation on views, as a script writes it. */
export interface AskedOperation {
  readonly kind: "drain" | "remove" | "replace" | "prefer";
  readonly node: NodeId;
  /** The one that takes over, for "replace". */
  readonly by: NodeId;
  readonly name: string;
}

export class ScriptWorld {
  readonly nodes: readonly ScriptNode[];
  /** The words since they were last taken. */
  readonly lines: string[] = [];
  readonly post = new Post();
  quiet = false;
  showHeartbeats = false;
  private readonly view: View;
  /** The newest view. */
  private decided: EncodedView;
  private now = 0;
  private queue: (() => void)[] = [];
  private readonly lists = new Map<NodeId, KeyList>();
  /** By name: the id of an operation, and the epoch in which it was first asked for. */
  private readonly operations = new Map<string, { readonly id: string; readonly epoch: ViewEpoch }>();
  /** By "n1 n3": the first knows that there is no stream to the second. */
  private readonly streamless = new Set<string>();

  /** `purgeAfter`: how long tombstones rest; null: as the program has it, longer than any script. */
  constructor(
    nodes: number,
    replicas: number,
    private readonly purgeAfter: Duration | null = null,
    private readonly moving = false,
    /** So many of the nodes are no members, and do not run yet. */
    private readonly apart = 0,
    /** Requests are all of the first one. */
    partitions = 1,
  ) {
    const all = Array.from({ length: nodes }, (_, index) => nodeId(index + 1));
    const ids = all.slice(0, nodes - apart);
    this.nodes = all.map((id) => new ScriptNode(id));
    const members = ids.map((id) => ({ id, clientAddress: `n${id}:1`, peerAddress: `n${id}:2`, zone: "" }));
    this.view = {
      epoch: viewEpoch(1),
      clusterId: "0".repeat(32),
      previousDigest: "",
      operationId: "0".repeat(32),
      replicationFactor: replicas,
      members,
      partitions: firstPlacement(members, replicas, partitions),
      // As many as the planner wants: it has nothing to change.
      voters: moving && ids.length % 2 === 0 ? ids.slice(1) : ids,
    };
    this.decided = encodedView(this.view);
  }

  /**
   * A view is decided in which one replica gives way to another node, comes besides, or goes. Nobody knows it yet.
   * null: no node. `forced`: though an inherited bad key waits.
   */
  move(leaves: NodeId | null, comes: NodeId | null, forced = false): void {
    const { view, digest } = this.newest();
    const epoch = viewEpoch(view.epoch + 1);
    const partitions = view.partitions.map((placement) => {
      const fault = replacementFault(placement, leaves);
      if (fault !== null && !forced) throw new Error(`the group cannot change: ${fault}`);
      return moved(placement, { leaves, comes }, epoch);
    });
    const replicationFactor = partitions[0]?.replicas.length ?? 0;
    this.decided = encodedView({
      ...view,
      epoch,
      previousDigest: digest,
      operationId: digest.slice(0, 32),
      replicationFactor,
      partitions,
    });
  }

  /** The newest view reaches that node, from one of its peers. */
  learn(id: NodeId): void {
    const from = id === 1 ? nodeId(2) : nodeId(1);
    this.say(`n${id} learns view ${this.decided.view.epoch}`);
    this.mustRun(id).deliver({ kind: "message", from, message: { kind: "view-news", decided: this.decided } });
    this.settle();
  }

  /** Somebody asks for the operation at that node. It is computed on the view that it was first asked for in. */
  ask(at: NodeId, { kind, node, by, name }: AskedOperation): void {
    const loop = this.mustRun(at);
    const known = this.operations.get(name);
    const id = known?.id ?? `${this.operations.size + 1}`.padStart(OPERATION_DIGITS, "0");
    const epoch = known?.epoch ?? loop.machine.views.view.epoch;
    this.operations.set(name, { id, epoch });
    loop.deliver({ kind: "ask", operation: operationOf(kind, { id, epoch, node }, by) });
    this.settle();
  }

  /** The fate of an operation, as the newest view there tells it. */
  tellFate(at: NodeId, name: string): void {
    const { id, epoch } = this.operations.get(name) ?? { id: "", epoch: viewEpoch(0) };
    this.say(`n${at}: ${name} ⇒ ${renderFate(fateOf(this.mustRun(at).machine.views.view, id, epoch))}`);
  }

  /** The newest view that each node knows. */
  tellViews(): void {
    for (const { id, loop } of this.nodes)
      if (loop !== null) this.say(`n${id}: view ⇒ ${renderNewest(loop.machine.views.view)}`);
  }

  /** A node that is no member asks by a call to be one, at the address of that member. */
  wish(node: NodeId, at: NodeId, called: NodeId): void {
    const loop = this.mustRun(called);
    const { view, digest } = loop.machine.views.newest;
    const member = { id: node, clientAddress: `n${at}:1`, peerAddress: `n${at}:2`, zone: "" };
    const operation = `${node}`.padStart(OPERATION_DIGITS, "f");
    const message = { kind: "join-wish", member, operation, epoch: view.epoch, digest } as const;
    this.say(`n${node} → n${called} ${renderMessage(message)}, at n${at}'s address`);
    loop.deliver({ kind: "message", from: node, message });
    this.settle();
  }

  /** The node that asked to be a member has heard that it is one, and runs. */
  join(id: NodeId): void {
    this.node(id).base = this.newest();
    this.start(id);
  }

  private newest(): EncodedView {
    for (const { loop } of this.nodes) {
      const known = loop?.machine.views.newest;
      if (known !== undefined && known.view.epoch > this.decided.view.epoch) this.decided = known;
    }
    return this.decided;
  }

  /** Lets the cluster find its first writer, n1, unheard. */
  begin(): void {
    this.quiet = true;
    for (const node of this.nodes.slice(0, this.nodes.length - this.apart)) this.start(node.id);
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
    if (!this.greets(node)) return;
    const storage = node.disk.open();
    node.life++;
    for (const other of this.nodes) this.streamless.delete(`${other.id} ${id}`);
    const { life } = node;
    const mine = (call: () => void) => (): void => {
      node.run(() => {
        if (node.life === life && node.loop !== null) call();
      });
    };
    const sending: Underway[] = [];
    node.loop = new Loop({
      machine: new NodeMachine(
        {
          self: id,
          newest: node.base ?? encodedView(this.view),
          ...(this.moving ? { encode: encodedView } : {}),
          table: (p) => storage.table(p),
          copies: () => node.disk.held(),
          restored: storage.restored(),
          firstAttempt: life * ATTEMPTS_PER_LIFE,
          round: ROUND,
          pace: () => ({
            bytesPerSecond: Number.POSITIVE_INFINITY,
            partitions: Number.POSITIVE_INFINITY,
            room: !node.disk.crowded,
            shortOfTime: false,
          }),
          ...(this.purgeAfter === null ? {} : { purgeAfter: this.purgeAfter }),
          now: instant(this.now + node.ahead),
        },
        null,
        (from, message, why) => {
          throw new Error(`n${id} refuses a ${message.kind} of n${from}: ${why}`);
        },
      ),
      storage,
      clock: {
        now: () => instant(this.now + node.ahead),
        soon: (call) => this.queue.push(mine(call)),
        at: (when, call) => {
          node.due = { when: when - node.ahead, call: mine(call) };
        },
        stop: () => {
          node.due = null;
        },
      },
      peers: {
        send: (to, message) => {
          if (this.streamless.has(`${id} ${to}`)) return false;
          sending.push({ from: id, to, message });
          return true;
        },
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
    if (this.moving) this.tellHeld(node);
    this.settle();
  }

  /** The handshakes of a node that was started: each side tells the newest view that it holds. */
  private tellHeld(node: ScriptNode): void {
    const tell = (from: ScriptNode, to: ScriptNode): void => {
      const held = from.loop?.machine.core.views?.chain.heldView;
      if (held === undefined) return;
      to.loop?.deliver({ kind: "peer-view", peer: from.id, epoch: held.view.epoch, digest: held.digest });
    };
    for (const other of this.nodes) {
      if (other === node) continue;
      tell(other, node);
      tell(node, other);
    }
  }

  crash(id: NodeId): void {
    const node = this.node(id);
    node.loop?.stop();
    node.loop = null;
    node.backlog = null;
    node.disk.crash();
  }

  leave(id: NodeId): void {
    this.mustRun(id).deliver({ kind: "leave" });
    this.settle();
  }

  copyDisk(id: NodeId): void {
    this.node(id).disk.copy();
  }

  putBack(id: NodeId): void {
    const { loop, disk } = this.node(id);
    if (loop !== null) throw new Error(`n${id} runs`);
    disk.putBack();
  }

  /** How many durable records the node has, and has told each other one that is up. */
  tellPositions(id: NodeId): void {
    const heard = this.nodes.filter(({ id: other, loop }) => other !== id && loop !== null);
    const told = heard.map(({ id: other, disk }) => `n${other} heard of ${disk.seen.get(id) ?? 0}`);
    this.say(`records: n${id} has ${this.node(id).disk.position}, ${told.join(", ")}`);
  }

  /** Whatever the election thinks: takes the next ballot. */
  campaign(id: NodeId): void {
    const { core } = this.mustRun(id).machine;
    const served = core.partitions.get(PARTITION);
    if (served === undefined) throw new Error(`n${id} is no replica`);
    let round = 0;
    for (const { loop } of this.nodes) {
      round = Math.max(round, loop?.machine.core.partitions.get(PARTITION)?.copy.replica.promise.round ?? 0);
    }
    const out = new Outgoing();
    served.copy.writer.campaign(ballot(served.group.epoch, round + 1, id), out);
    this.inject(id, out);
    this.settle();
  }

  request(id: NodeId, request: Request, timeout: Duration): void {
    const text = renderRequest(request);
    const loop = this.mustRun(id);
    this.node(id).run(() => {
      loop.request(PARTITION, request, timeout, (verdict) => this.say(`n${id}: ${text} ⇒ ${renderVerdict(verdict)}`));
    });
    this.settle();
  }

  /** The header's revision of an answer that comes at once, without the messages that it takes. */
  tellRevision(id: NodeId, key: Key): void {
    const loop = this.mustRun(id);
    const { quiet } = this;
    this.quiet = true;
    let told = "no answer";
    this.node(id).run(() => {
      loop.request(PARTITION, { kind: "read", read: { key, consistency: "local" } }, duration(5_000), (verdict) => {
        const revision = verdict.status === "done" ? verdict.standing.revision : null;
        told = revision === null ? verdict.status : revision === UNKNOWN_REVISION ? "none" : `${revision}`;
      });
    });
    this.settle();
    this.quiet = quiet;
    this.say(`n${id}: revision ⇒ ${told}`);
  }

  /** Messages that were held and match go on their way; later ones that match are held no more. */
  release(match: Match): void {
    const due = this.post.heldBy(match);
    this.post.drop(match);
    this.post.pass(match);
    for (const { from, to, message } of due) {
      this.say(`n${from} ⇢ n${to} ${renderMessage(message)}`);
      this.arrive(from, to, message);
    }
    this.settle();
  }

  /** The copies of what is held arrive; the messages themselves stay held. */
  double(match: Match): void {
    for (const { from, to, message } of this.post.heldBy(match)) {
      this.say(`n${from} ⇢ n${to} ${renderMessage(message)} (a copy)`);
      this.arrive(from, to, message);
    }
    this.settle();
  }

  /** The process stands still; what is sent to it waits, its timers too. */
  freeze(id: NodeId): void {
    this.node(id).backlog ??= [];
  }

  resume(id: NodeId): void {
    const node = this.node(id);
    const waiting = node.backlog ?? [];
    node.backlog = null;
    for (const call of waiting) call();
    this.settle();
    this.wait(0);
  }

  /** The node's clock goes ahead by so much at once. */
  jump(id: NodeId, ms: number): void {
    const node = this.node(id);
    node.ahead += ms;
    if (node.due !== null) node.due = { when: node.due.when - ms, call: node.due.call };
    this.wait(0);
  }

  /** The messages of a node that knows a later view than the receiver. */
  forwardOfEpoch(from: NodeId, to: NodeId, request: Request, epoch: number): void {
    const message: NodeMessage = {
      kind: "forward",
      id: FOREIGN_FORWARD,
      partition: PARTITION,
      groupEpoch: groupEpoch(epoch),
      request,
      remaining: duration(1_000),
    };
    this.send({ from, to, message });
    this.settle();
  }

  /** The node that works as the writer, and whom each node takes for it. */
  tellWriters(): void {
    const up = this.nodes.filter(({ loop, backlog }) => loop !== null && backlog === null);
    const core = ({ loop }: ScriptNode) => (loop as Loop).machine.core;
    const working = up.filter((node) => core(node).isWriter(PARTITION));
    const names = working.map((node) => {
      const ballot = core(node).partitions.get(PARTITION)?.copy.writer.ballot ?? null;
      return ballot === null ? `n${node.id}` : `n${node.id} b=${renderBallot(ballot)}`;
    });
    this.say(`working: ${names.length === 0 ? "nobody" : names.join(", ")}`);
    const known = up.map((node) => `n${node.id} says ${nameOf(core(node).writerOf(PARTITION))}`);
    this.say(`the writer: ${known.join(", ")}`);
  }

  /** The node's copy of the key fails its checksum from now on; it notices when it looks. */
  spoil(id: NodeId, key: Key): void {
    this.node(id).disk.spoil(PARTITION, key);
  }

  /** Storage finds the bad copy by itself. */
  scrub(id: NodeId, key: Key): void {
    const { loop, disk } = this.node(id);
    if (disk.table(PARTITION).get(key) !== BAD) throw new Error(`n${id}'s copy of ${key} is not bad`);
    loop?.deliver({ kind: "bad-register", partition: PARTITION, key });
    this.settle();
  }

  /** The key as each disk holds it. */
  tellCopies(key: Key): void {
    const copies = this.nodes.map(({ id, disk }) => {
      const held = disk.table(PARTITION).get(key);
      return `n${id} ${held === BAD ? "bad" : renderRegister(held)}`;
    });
    this.say(`copies: ${copies.join(", ")}`);
  }

  beginList(id: NodeId): void {
    this.lists.set(
      id,
      new NodeStatus({ machine: this.mustRun(id).machine, diskStanding: duration(0) }).keysOf(PARTITION),
    );
  }

  /** The next keys of the list that began at that node; `limit` null: all there are. */
  tellKeys(id: NodeId, limit: number | null): void {
    const page = this.lists.get(id)?.next(limit ?? 1_000, 1_000_000) ?? null;
    const keys = page?.keys.map(String).join(" ") ?? "";
    const told =
      page === null
        ? "refused: no copy of that group"
        : `${keys === "" ? "nothing" : keys}, of epoch ${page.epoch}${page.last ? "" : ", and more"}`;
    this.say(`n${id}: keys ⇒ ${told}`);
  }

  raise(id: NodeId, above: Revision): void {
    const tell = (done: boolean): void => this.say(`n${id}: raise above ${above} ⇒ ${done ? "done" : "not done"}`);
    this.node(id).run(() => this.mustRun(id).raise(PARTITION, above, duration(10_000), tell));
    this.settle();
  }

  linkLost(a: NodeId, b: NodeId): void {
    // A node that runs makes another stream at once. One that is down does not, and the other knows.
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const)
      if (this.node(other).loop === null) this.streamless.add(`${one} ${other}`);
    this.node(a).loop?.deliver({ kind: "link-lost", peer: b });
    this.node(b).loop?.deliver({ kind: "link-lost", peer: a });
    this.settle();
  }

  crowdLog(id: NodeId): void {
    this.node(id).disk.crowded = true;
  }

  foldLog(id: NodeId): void {
    this.node(id).disk.crowded = false;
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
        if (
          node.backlog === null &&
          node.due !== null &&
          node.due.when <= end &&
          (next?.due == null || node.due.when < next.due.when)
        )
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

  /**
   * The handshakes with all who are up; false: one of them has heard of more than is there, and the node ends (R10).
   */
  private greets({ id, disk }: ScriptNode): boolean {
    const others = this.nodes.filter((other) => other.id !== id && other.loop !== null);
    const refusing = others.filter((other) => rolledBack(disk.position, other.disk.seen.get(id) ?? 0));
    for (const other of refusing) {
      const seen = other.disk.seen.get(id) ?? 0;
      this.say(`n${other.id} refuses n${id}: it comes back with ${disk.position} records, and ${seen} were durable`);
    }
    if (refusing.length > 0) return false;
    for (const other of others) {
      other.disk.sawPosition(id, disk.position);
      disk.sawPosition(other.id, other.disk.position);
    }
    return true;
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
    const fate = this.node(to).loop === null ? "lost" : this.post.send(underway);
    if (!heartbeat || this.showHeartbeats) {
      this.say(`n${from} → n${to} ${renderMessage(message)}${fate === "arrives" ? "" : ` (${fate})`}`);
    }
    if (fate === "arrives") this.arrive(from, to, message);
  }

  private arrive(from: NodeId, to: NodeId, message: NodeMessage): void {
    const node = this.node(to);
    this.queue.push(() => node.run(() => node.loop?.deliver({ kind: "message", from, message })));
  }

  /** The effects of a step made outside the loop take the loop's way. */
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

function operationOf(
  kind: AskedOperation["kind"],
  common: Pick<ViewOperation, "id" | "epoch" | "node">,
  by: NodeId,
): ViewOperation {
  switch (kind) {
    case "drain":
    case "remove":
      return { kind, ...common };
    case "replace":
      return { kind, ...common, by };
    case "prefer":
      return { kind: "transfer-writer", ...common, partitions: null };
    default:
      return unreachable(kind);
  }
}

const nameOf = (node: NodeId | null): string => (node === null ? "?" : `n${node}`);
