/**
 * The loop drives a node: every input is a step. The steps of one turn produce entries, which are appended in one batch
 * and synced once. Messages that may leave before the sync leave; the sync releases the rest, in order (R8). Free of
 * promises, so that the simulator runs this very barrier.
 *
 * With every heartbeat it also tells the peers how many records of this node are durable by then, and has storage
 * remember what they tell. So a peer notices when this node's directory is put back to an earlier state (R10).
 */
import { after, type Duration, duration, type Instant, never } from "../base/time.js";
import { TransientMap } from "../base/transient-map.js";
import type { NodeId, Partition, Revision } from "../core/model/ids.js";
import type { NodeMessage, Request } from "../core/model/node-message.js";
import type { Raised, Ticket } from "../core/model/outbox.js";
import { planted } from "../core/model/planted.js";
import type { ViewConflict } from "../core/view/chain-outbox.js";
import type { Clock } from "../ports/clock.js";
import type { Peers } from "../ports/peers.js";
import type { Storage } from "../ports/storage.js";
import { bringsRegisters } from "./disk-full.js";
import type { NodeInput, NodeMachine } from "./machine.js";
import { Outgoing, type Reply, type Verdict } from "./outgoing.js";

export type ReplyTo = (verdict: Verdict) => void;

/**
 * A disk that has stood still for so long is given nothing more to write except promises and the like. Registers count
 * as lost on their way. Without it, the queue would grow for as long as the disk stands.
 */
const DROP_REGISTERS: Duration = duration(2_000);

/** The ticket of a request that a stopped loop did not take. */
const NO_TICKET: Ticket = 0;

export interface LoopOptions {
  readonly machine: NodeMachine;
  readonly storage: Storage;
  readonly peers: Peers;
  readonly clock: Clock;
  /** An invariant broke: the loop has stopped, and the node must. */
  readonly broken: (error: Error) => void;
}

/** All that services may do to a running node. */
export type Inputs = Pick<Loop, "request" | "raise" | "deliver">;

export class Loop {
  readonly machine: NodeMachine;
  private readonly storage: Storage;
  private readonly peers: Peers;
  private readonly clock: Clock;
  private readonly broken: LoopOptions["broken"];
  private readonly askers = new TransientMap<Ticket, ReplyTo>();
  /** Those that wait until revisions are raised. */
  private readonly raisers = new TransientMap<Ticket, (done: boolean) => void>();
  private lastRaise: Ticket = 0;
  private out = new Outgoing();
  private flushing = false;
  private scheduled = false;
  private armed: Instant = never;
  private stopped = false;

  constructor(options: LoopOptions) {
    this.machine = options.machine;
    this.storage = options.storage;
    this.peers = options.peers;
    this.clock = options.clock;
    this.broken = options.broken;
  }

  /** How long the disk has stood still although something waits for it. */
  get diskStanding(): Duration {
    return this.machine.syncs.standing(this.clock.now());
  }

  /** Peers that hold another view of an epoch than this node does, since the last call. */
  takeConflicts(): readonly ViewConflict[] {
    return this.machine.core.conflicts.splice(0);
  }

  start(): void {
    this.deliver({ kind: "wake" });
  }

  /** Nothing is taken in or sent any more; whoever still waits for a request is not answered. */
  stop(): void {
    this.stopped = true;
    this.askers.clear();
    for (const tell of this.raisers.values()) tell(false);
    this.raisers.clear();
    this.clock.stop();
  }

  deliver(input: NodeInput): void {
    if (this.stopped) return;
    if (input.kind === "message" && input.message.kind === "heartbeat" && !planted("R10.unheard")) {
      this.storage.sawPosition(input.from, input.message.logPosition, input.message.positionProof);
    }
    const now = this.clock.now();
    if (
      input.kind === "message" &&
      bringsRegisters(input.message) &&
      this.machine.syncs.standing(now) >= DROP_REGISTERS
    )
      return;
    try {
      // A Forward that still waits here was given to no stream: the router hears so before it gives up what was (I5).
      if (input.kind === "link-lost" && !this.flushing) this.drainAll();
      this.machine.step(now, input, this.out);
    } catch (error) {
      return this.fail(error);
    }
    this.schedule();
  }

  /** `replyTo` is called exactly once, unless the loop is stopped. */
  request(partition: Partition, request: Request, timeout: Duration, replyTo: ReplyTo): Ticket {
    if (this.stopped) return NO_TICKET;
    const now = this.clock.now();
    let ticket: Ticket;
    try {
      ticket = this.machine.submit(now, partition, request, after(now, timeout), this.out);
    } catch (error) {
      this.fail(error);
      return NO_TICKET;
    }
    this.askers.set(ticket, replyTo);
    this.schedule();
    return ticket;
  }

  /**
   * The partition's revisions go on above this one. `tell` is called exactly once: true when a majority has it
   * (`Raised`).
   */
  raise(partition: Partition, above: Revision, timeout: Duration, tell: (done: boolean) => void): void {
    if (this.stopped) return tell(false);
    this.lastRaise++;
    const ticket = this.lastRaise;
    this.raisers.set(ticket, tell);
    const deadline = after(this.clock.now(), timeout);
    this.deliver({ kind: "raise-revisions", partition, raise: { ticket, above, deadline } });
  }

  private schedule(): void {
    if (this.scheduled || this.flushing) return;
    this.scheduled = true;
    this.clock.soon(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.stopped) return;
    this.flushing = true;
    try {
      this.drainAll();
    } catch (error) {
      return this.fail(error);
    } finally {
      this.flushing = false;
    }
    if (this.stopped) return;
    this.peers.flush();
    this.arm();
  }

  /** Nothing that depends on a broken state may leave. */
  private fail(error: unknown): void {
    this.stop();
    this.broken(error instanceof Error ? error : new Error(String(error)));
  }

  /** Messages that the sync releases at once may ask for more: all of it belongs to this turn. */
  private drainAll(): void {
    while (!this.out.empty && !this.stopped) this.drain();
  }

  private drain(): void {
    const batch = this.out;
    this.out = new Outgoing();
    batch.sendNow.each((to, message) => this.send(to, message));
    this.machine.syncs.appended(this.clock.now());
    this.storage.append(batch.entries, () => this.synced(batch));
    this.tell(batch.replies);
    this.tellRaised(batch.raised);
  }

  private synced(batch: Outgoing): void {
    if (this.stopped) return;
    this.machine.syncs.ended(this.clock.now());
    try {
      this.release(batch);
    } catch (error) {
      return this.fail(error);
    }
    // A sync that came later than its turn begins a turn of its own.
    if (!this.flushing) this.schedule();
  }

  private release(batch: Outgoing): void {
    const self = this.machine.core.self;
    batch.sendDurable.each((to, message) => {
      if (to === self) this.machine.step(this.clock.now(), { kind: "message", from: self, message }, this.out);
      else this.send(to, message);
    });
    // Some were answered otherwise while they waited.
    this.tell(batch.repliesAfterSync.filter(({ ticket }) => this.machine.router.released(ticket)));
  }

  private tell(replies: readonly Reply[]): void {
    for (const { ticket, verdict } of replies) {
      const replyTo = this.askers.get(ticket);
      this.askers.delete(ticket);
      replyTo?.(verdict);
    }
  }

  private tellRaised(raised: readonly Raised[]): void {
    for (const { ticket, done } of raised) {
      const tell = this.raisers.get(ticket);
      this.raisers.delete(ticket);
      tell?.(done);
    }
  }

  private send(to: NodeId, message: NodeMessage): void {
    const { peers, storage, machine } = this;
    const { position, positionProof = "" } = storage;
    const filled: NodeMessage =
      message.kind === "heartbeat"
        ? { ...message, logPosition: position, ...(positionProof === "" ? {} : { positionProof }) }
        : message;
    const sent = peers.send(to, filled);
    if (!sent && message.kind === "forward" && !planted("I5.unsent-is-sent")) {
      machine.step(this.clock.now(), { kind: "unsent", id: message.id }, this.out);
    }
  }

  private arm(): void {
    const due = this.machine.nextDeadline();
    if (due === this.armed) return;
    this.armed = due;
    if (due === never) return;
    this.clock.at(due, () => {
      this.armed = never;
      this.deliver({ kind: "wake" });
    });
  }
}
