/**
 * One node of the simulated cluster over all its lives: the real loop and machine on a virtual clock that drifts. Its
 * disk outlives the process, and the process can be paused or die at any moment.
 */
import { type Duration, duration, type Instant, instant } from "../../src/base/time.js";
import { encodedView } from "../../src/codec/peer/encoded-view.js";
import type { GroupEpoch, Key, NodeId, Partition, Revision, ViewEpoch } from "../../src/core/model/ids.js";
import type { Forward, Forwarded, NodeMessage, Request } from "../../src/core/model/node-message.js";
import type { Ticket } from "../../src/core/model/outbox.js";
import type { CoreOptions } from "../../src/core/options.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { ViewOperation } from "../../src/core/view/operation.js";
import type { Member } from "../../src/core/view/view.js";
import type { Move } from "../../src/core/view/wished-moves.js";
import { lostWhenFull } from "../../src/node/disk-full.js";
import { Loop, type ReplyTo } from "../../src/node/loop.js";
import { NodeMachine } from "../../src/node/machine.js";
import type { Clock } from "../../src/ports/clock.js";
import type { CopyStorage } from "../../src/ports/storage.js";
import type { Disk } from "./disk.js";
import type { Network } from "./network.js";
import type { Schedule } from "./schedule.js";

/** Attempts of one life; the next begins above (R7). */
const ATTEMPTS_PER_LIFE = 1_000_000;

export interface SimNodeOptions {
  readonly id: NodeId;
  /** The view in its directory when it is first started; null: it is to ask for one. */
  readonly base: EncodedView | null;
  /** Views change: the node takes part in that. */
  readonly views: boolean;
  /** The moves that somebody wants. */
  readonly moves: () => readonly Move[];
  /** A member that is not heard for so long gives its replicas to others; 0: never. */
  readonly replaceAfter: Duration;
  readonly schedule: Schedule;
  readonly round: Duration;
  readonly purgeAfter: Duration;
  readonly turnMs: number;
  /** The speed of this node's clock: milliseconds of its own for one of the world's. */
  readonly rate: number;
  readonly makeDisk: (tell: (call: () => void) => void) => Disk;
  /**
   * The handshake with a peer's process, before anything is sent to it; false: there is none, or this node was refused.
   */
  readonly greet: (node: SimNode, to: NodeId) => boolean;
  /** Whether there is a stream to that node, or one opens. */
  readonly linked: (node: SimNode, to: NodeId) => boolean;
  /** Its loop runs. */
  readonly started: (node: SimNode) => void;
  /** A message was dropped, as the disk is full. */
  readonly droppedWhenFull: () => void;
  /** A request was to be passed on, and there was no stream. */
  readonly streamless: () => void;
  /** Before a message goes on its way. */
  readonly said: (node: SimNode, message: NodeMessage) => void;
  /** The node has taken a message in. */
  readonly took: (node: SimNode, from: NodeId, message: NodeMessage) => void;
  /** After everything that the node did. */
  readonly stepped: (node: SimNode) => void;
  readonly failed: (node: SimNode, error: unknown) => void;
}

/** The newest view that a node holds durably, as its frames tell. */
export interface Held {
  readonly epoch: ViewEpoch;
  readonly digest: string;
}

/** The client that made a request. */
export interface Caller {
  readonly ticket: (ticket: Ticket) => void;
  readonly verdict: ReplyTo;
}

/** A request that another node passed on. */
interface Taken {
  readonly epoch: GroupEpoch | null;
  readonly isAnswered: boolean;
}

export class SimNode {
  readonly id: NodeId;
  readonly disk: Disk;
  /** In the running process. */
  storage: CopyStorage | null = null;
  life = 0;
  /** null: not running. */
  loop: Loop | null = null;
  /** Stopped for good. */
  gone = false;
  /** Told to stop: it takes no office any more. */
  leaving = false;
  /** Its directory is not what it was: no peer must let it in any more. */
  doomed = false;
  /** How often it was paused: what was asked before may be answered late. */
  pauses = 0;
  /** Turns that are due: what the node wants to do and has not appended yet. */
  private turns = 0;
  private paused = false;
  private toldFull = false;
  private deaf = false;
  private backlog: (() => void)[] = [];
  /** Requests that were passed on to this node, by sender and id. */
  private readonly taken = new Map<string, Taken>();
  private network: Network | null = null;
  /** Copies of clients' requests that were given to somebody. */
  private readonly left = new WeakMap<Request, number>();
  /** Requests of clients by the ids under which they were passed on. */
  private readonly forwards = new Map<number, Request>();
  /** The life in which each peer was last heard of. */
  private readonly met = new Map<NodeId, number>();
  /** The view in its directory; what its log holds may be newer. */
  base: EncodedView | null;
  /** By peer: the epoch that it told last. */
  private readonly told = new Map<NodeId, ViewEpoch>();

  constructor(private readonly options: SimNodeOptions) {
    this.id = options.id;
    this.base = options.base;
    this.disk = options.makeDisk((call) => this.run(this.life, call));
  }

  /** Counts as lost: it will never take part again. */
  get lost(): boolean {
    return this.gone || this.doomed;
  }

  connect(network: Network): void {
    this.network = network;
  }

  get up(): boolean {
    return this.loop !== null;
  }

  get running(): boolean {
    return this.loop !== null && !this.paused;
  }

  /** Down, or all that it has done is durable and sent. */
  get idle(): boolean {
    return this.loop === null || (!this.paused && this.turns === 0 && this.disk.idle);
  }

  get machine(): NodeMachine | null {
    return this.loop?.machine ?? null;
  }

  start(): void {
    const { options, network } = this;
    const { base } = this;
    if (this.loop !== null || network === null || base === null) return;
    this.life++;
    const { life } = this;
    const storage = this.disk.open();
    this.storage = storage;
    if (storage === null) {
      this.gone = true;
      return;
    }
    const clock = this.clock(life);
    const queued: [NodeId, NodeMessage][] = [];
    const machine = this.watched({
      self: this.id,
      newest: base,
      ...(options.views ? { encode: encodedView, moves: options.moves, replaceAfter: options.replaceAfter } : {}),
      table: (partition: Partition) => storage.table(partition),
      copies: () => storage.copies(),
      restored: storage.restored(),
      firstAttempt: life * ATTEMPTS_PER_LIFE,
      round: options.round,
      purgeAfter: options.purgeAfter,
      now: clock.now(),
    });
    const peers = {
      send: (to: NodeId, message: NodeMessage): boolean => {
        options.said(this, message);
        if (message.kind === "forwarded") this.answers(to, message);
        if (!network.takes(this.id, to) || !options.linked(this, to)) {
          if (message.kind === "forward") {
            options.streamless();
            this.stays(message.id);
          }
          return false;
        }
        queued.push([to, message]);
        return true;
      },
      flush: (): void => {
        for (const [to, message] of queued.splice(0)) {
          if (life !== this.life || this.loop === null) return;
          if (network.takes(this.id, to) && options.linked(this, to) && options.greet(this, to)) {
            network.send(this.id, life, to, message, this.held);
          } else if (message.kind === "forward") {
            this.stays(message.id);
            this.loop.deliver({ kind: "unsent", id: message.id });
          }
        }
        this.disk.sent();
      },
    };
    this.met.clear();
    this.told.clear();
    this.loop = new Loop({ machine, storage, peers, clock, broken: (error) => options.failed(this, error) });
    this.run(life, () => this.loop?.start());
    this.toldFull = false;
    this.filled();
    options.started(this);
  }

  /** Its disk has become full, or has space again, or the process is a new one. */
  filled(): void {
    const full = this.storage?.writable === false;
    if (full === this.toldFull) return;
    this.toldFull = full;
    this.run(this.life, () => this.loop?.deliver({ kind: "disk-full", full }));
  }

  /** The process dies; its disk keeps what was synced. */
  crash(): { readonly lost: number; readonly torn: boolean } {
    this.loop?.stop();
    this.loop = null;
    this.storage = null;
    this.paused = false;
    this.leaving = false;
    this.turns = 0;
    this.backlog = [];
    return this.disk.crash();
  }

  /**
   * Stands still. `deaf`: what peers send meanwhile is lost, as when a frozen machine's buffers overflow; otherwise it
   * is read later.
   */
  pause(deaf: boolean): void {
    this.paused = true;
    this.deaf = deaf;
    this.pauses++;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    const { backlog, life } = this;
    this.backlog = [];
    for (const call of backlog) this.run(life, call);
  }

  /** `held`: the newest view that the sender held durably when it left. */
  receive(
    from: NodeId,
    fromLife: number,
    message: NodeMessage,
    held: Held | null,
  ): "new life" | "old life" | "same life" {
    const met = this.met.get(from) ?? 0;
    if (this.paused && this.deaf) return "same life";
    // A stream carries nothing any more once the next process has shaken hands: the versions in these belong to one
    // incarnation (H3).
    if (fromLife < met && (message.kind === "heartbeat" || message.kind === "heartbeat-answer")) return "old life";
    if (fromLife > met) {
      this.met.set(from, fromLife);
      this.run(this.life, () => this.loop?.deliver({ kind: "peer-restarted", peer: from }));
    }
    this.run(this.life, () => {
      const input = { kind: "message", from, message } as const;
      const { storage, loop } = this;
      // Streams do not double what they carry: what was refused for now does not come again by itself and run.
      if (message.kind === "forward" && this.isLateCopy(from, message)) return;
      if (held !== null) this.hearView(from, held);
      if (storage?.writable === false && lostWhenFull(message, storage.deletable))
        return this.options.droppedWhenFull();
      loop?.deliver(input);
      this.options.took(this, from, message);
    });
    return fromLife > met ? "new life" : fromLife < met ? "old life" : "same life";
  }

  /**
   * A second copy of a request. Streams do not double what they carry. So a copy is let through only when the first
   * one was answered, and not refused. Otherwise one copy may run, and another be refused as not run.
   */
  private isLateCopy(from: NodeId, { id, partition }: Forward): boolean {
    const name = `${from}/${id}`;
    const epoch = this.machine?.core.partitions.get(partition)?.group.epoch ?? null;
    const before = this.taken.get(name);
    if (before === undefined) this.taken.set(name, { epoch, isAnswered: false });
    return before !== undefined && (!before.isAnswered || before.epoch !== epoch);
  }

  private answers(to: NodeId, { id, result }: Forwarded): void {
    const taken = this.taken.get(`${to}/${id}`);
    if (taken !== undefined) this.taken.set(`${to}/${id}`, { ...taken, isAnswered: result.status !== "refused" });
  }

  /** News that a call brings, and no stream. */
  hear(from: NodeId, message: NodeMessage): void {
    this.run(this.life, () => this.loop?.deliver({ kind: "message", from, message }));
  }

  hearHeld(peer: NodeId, held: Held): void {
    this.run(this.life, () => this.loop?.deliver({ kind: "peer-view", peer, ...held }));
  }

  wish(member: Member, operation: string): void {
    this.run(this.life, () => this.loop?.deliver({ kind: "wish", member, operation }));
  }

  /** Somebody asks this node that it leaves, computed on the newest view that it knows. */
  farewell(id: string): void {
    const epoch = this.machine?.views.view.epoch;
    if (epoch !== undefined) this.ask({ kind: "leave", id, epoch, node: this.id });
  }

  /** Somebody asks at this node for an operation. */
  ask(operation: ViewOperation): void {
    this.run(this.life, () => this.loop?.deliver({ kind: "ask", operation }));
  }

  /** Somebody asks this node for another number of replicas. */
  resize(id: string, replicas: number): void {
    const epoch = this.machine?.views.view.epoch;
    if (epoch === undefined) return;
    const operation = { kind: "set-replication", id, epoch, node: this.id, replicas } as const;
    this.run(this.life, () => this.loop?.deliver({ kind: "ask", operation }));
  }

  /** Told again with every frame as long as the two differ, as src/rpc/peers does. */
  private hearView(peer: NodeId, { epoch, digest }: Held): void {
    const news = epoch > (this.told.get(peer) ?? 0);
    if (news) this.told.set(peer, epoch);
    if (news || epoch !== this.machine?.views.view.epoch)
      this.loop?.deliver({ kind: "peer-view", peer, epoch, digest });
  }

  /** null: views do not change. */
  private get held(): Held | null {
    const chain = this.machine?.core.views?.chain;
    return chain === undefined ? null : { epoch: chain.heldEpoch, digest: chain.heldView.digest };
  }

  linkLost(peer: NodeId): void {
    this.run(this.life, () => this.loop?.deliver({ kind: "link-lost", peer }));
  }

  raise(partition: Partition, above: Revision): void {
    this.run(this.life, () => this.loop?.raise(partition, above, duration(10_000), () => {}));
  }

  /** SIGTERM: it passes its offices on. */
  leave(): void {
    this.leaving = true;
    this.run(this.life, () => this.loop?.deliver({ kind: "leave" }));
  }

  /** Then it answers who still waits, and the process ends. */
  giveUp(): void {
    this.run(this.life, () => this.loop?.deliver({ kind: "give-up" }));
  }

  /** Storage looks through its registers and tells which are bad. */
  scrub(partition: Partition, key: Key): void {
    this.run(this.life, () => this.loop?.deliver({ kind: "bad-register", partition, key }));
  }

  /** A client's request at this node, taken in later while the node stands still; false: the node is down. */
  request(partition: Partition, request: Request, timeout: Duration, caller: Caller): boolean {
    if (this.loop === null) return false;
    this.run(this.life, () => {
      if (this.loop !== null) caller.ticket(this.loop.request(partition, request, timeout, caller.verdict));
    });
    return true;
  }

  /** Keeps book of the requests of clients that left the router: for its own core, or on a stream. */
  private watched(options: CoreOptions): NodeMachine {
    this.forwards.clear();
    return new NodeMachine(
      options,
      {
        forwarded: (request, { id }) => {
          this.forwards.set(id, request);
          this.count(request, 1);
        },
        forwardEnded: () => {},
        serving: (_ticket, _partition, request) => this.count(request, 1),
        visiting: () => {},
        turnedAway: () => {},
        served: () => {},
      },
      (from, message, why) => {
        this.options.failed(
          this,
          new Error(`n${this.id} refuses a ${message.kind} of n${from}, which is honest: ${why}`),
        );
      },
    );
  }

  /** No stream took that copy. */
  private stays(forward: number): void {
    const request = this.forwards.get(forward);
    if (request !== undefined) this.count(request, -1);
  }

  private count(request: Request, copies: number): void {
    this.left.set(request, (this.left.get(request) ?? 0) + copies);
  }

  /** Some copy of the request was given to somebody who may run it, or is just about to. */
  hasLeft(request: Request): boolean {
    return (this.left.get(request) ?? 0) > 0;
  }

  private run(life: number, call: () => void): void {
    if (life !== this.life || this.loop === null) return;
    if (this.paused) {
      this.backlog.push(call);
      return;
    }
    try {
      call();
      this.options.stepped(this);
    } catch (error) {
      this.options.failed(this, error);
    }
  }

  private clock(life: number): Clock {
    const { schedule, rate, turnMs } = this.options;
    // A node's clock starts anywhere.
    const offset = 1_000 * this.id;
    let token = 0;
    let least = 0;
    return {
      now: (): Instant => {
        const now = schedule.now * rate + offset;
        if (now > least) least = now;
        return instant(least);
      },
      soon: (call) => {
        this.turns++;
        schedule.after(turnMs, () =>
          this.run(life, () => {
            this.turns--;
            call();
          }),
        );
      },
      at: (when, call) => {
        token++;
        const asked = token;
        schedule.at((when - offset) / rate, () =>
          this.run(life, () => {
            if (asked !== token) return;
            // Rounding took something from the clock, which must not make it stop short of the deadline.
            if (when > least) least = when;
            call();
          }),
        );
      },
      stop: () => {
        token++;
      },
    };
  }
}
