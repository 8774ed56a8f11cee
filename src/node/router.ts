/**
 * The router: any node answers any client. It serves what it can and passes the rest to a node that can. Requests that
 * nobody can serve just now it holds, until there is a writer again.
 *
 * The intuition: the entry node owns the request until it has answered the client. It sends a write without an id to at
 * most one writer, as nobody could tell a second copy from a new request. A write with an id is sent again until its
 * outcome is known. A write that has been sent and not answered is unknown, and is never called anything else.
 *
 * Invariants:
 *   I1  A write without an id leaves this node at most once, counting its own writer.
 *   I2  A verdict "refused" or "unserved" is given only when no copy can have been executed.
 *   I3  Every request is answered by its deadline, whatever the disk does: an answer that waits for a sync is not an
 *       answer yet.
 *   I4  A write that is sent again runs at most once, also when the client told no `after` (R9).
 *   I5 A message that no live stream took was not sent: it is held like any other request.
 *   I6  One wrong word about a partition's revision does not keep its requests out for good.
 */
import { after, type Duration, duration, type Instant, never, since } from "../base/time.js";
import { TransientMap } from "../base/transient-map.js";
import type { Core } from "../core/core.js";
import { REQUEST_BYTES } from "../core/model/bounds.js";
import { NO_NODE, type NodeId, type Partition } from "../core/model/ids.js";
import type { Forward, Forwarded, Request } from "../core/model/node-message.js";
import type { Result } from "../core/model/operation.js";
import type { Outcome, Ticket } from "../core/model/outbox.js";
import { planted } from "../core/model/planted.js";
import { placementOf } from "../core/view/view.js";
import { Destinations } from "./destinations.js";
import { highest, KnownRevisions } from "./known-revisions.js";
import type { Outgoing, Verdict } from "./outgoing.js";
import { bytesOf, NO_COPIES, Pending } from "./pending.js";
import type { Syncs } from "./syncs.js";
import type { RequestWatcher } from "./watcher.js";

/** A request that nobody can serve this long after it came in is given up. */
export const MAX_HOLD: Duration = duration(3_000);
/** Requests held at a time; more are refused as overload. */
export const MAX_HELD = 10_000;
/** Requests of clients under way at a time; more are refused as overload. */
export const MAX_PENDING = 50_000;
/** Requests of other nodes under way here at a time; more are refused as overload. */
export const MAX_VISITORS = 50_000;
/** How long before its deadline a request is given up that nobody has taken. */
const DEADLINE_MARGIN: Duration = duration(20);
const MARGIN_BEFORE: Duration = duration(-DEADLINE_MARGIN);
/** A node that turned a request away is not asked again sooner than this after it was sent. */
const BOUNCE: Duration = duration(50);
/** How often what is held is tried again. */
const RETRY: Duration = duration(10);
/** A passed-on request that may be sent twice is sent again after this long without an answer. */
const REPEAT: Duration = duration(1_000);

type Refused = Extract<Result, { status: "refused" }>;

/** A request that another node passed on to this one. */
interface Visitor {
  readonly from: NodeId;
  readonly id: number;
  readonly bytes: number;
}

export class Router {
  private readonly core: Core;
  private readonly known: KnownRevisions;
  private readonly destinations: Destinations;
  private readonly watcher: RequestWatcher | null;
  private readonly pending = new TransientMap<Ticket, Pending>();
  private readonly visitors = new TransientMap<Ticket, Visitor>();
  private readonly held = new Set<Pending>();
  private readonly forwards = new TransientMap<number, Pending>();
  /** Bytes of all requests that are pending or visiting. */
  requestBytes = 0;
  private lastTicket = 0;
  private lastForward: number;
  private retryDue: Instant = never;

  constructor(options: {
    readonly core: Core;
    readonly firstForward: number;
    readonly syncs: Syncs;
    readonly watcher: RequestWatcher | null;
  }) {
    this.core = options.core;
    this.known = new KnownRevisions(options.core);
    this.destinations = new Destinations(options.core, options.syncs);
    this.watcher = options.watcher;
    this.lastForward = options.firstForward;
  }

  /** The partition of a request that was passed on under that id; null: nobody waits for it any more. */
  asked(forward: number): Partition | null {
    return this.forwards.get(forward)?.partition ?? null;
  }

  get heldCount(): number {
    return this.held.size;
  }

  /** Requests of one partition that are held. */
  heldOf(partition: Partition): number {
    let count = 0;
    for (const pending of this.held) if (pending.partition === partition) count++;
    return count;
  }

  get pendingCount(): number {
    return this.pending.size;
  }

  /** Requests that this node serves for others. */
  get visitorCount(): number {
    return this.visitors.size;
  }

  nextDeadline(): Instant {
    return this.retryDue;
  }

  /** A client's request; the reply names the ticket returned. */
  submit(now: Instant, partition: Partition, request: Request, deadline: Instant, out: Outgoing): Ticket {
    this.lastTicket++;
    const ticket = this.lastTicket;
    if (this.pending.size >= MAX_PENDING || this.requestBytes >= REQUEST_BYTES) {
      out.replies.push({ ticket, verdict: OVERLOADED });
      return ticket;
    }
    const pending = new Pending(ticket, partition, request, deadline, now, this.known.of(partition));
    this.pending.set(ticket, pending);
    this.requestBytes += pending.bytes;
    this.send(now, pending, out);
    if (this.retryDue === never) this.retryDue = after(now, RETRY);
    return ticket;
  }

  onOutcome(outcome: Outcome, out: Outgoing): void {
    this.watcher?.served(outcome.ticket, outcome.result);
    const visitor = this.visitors.get(outcome.ticket);
    if (visitor !== undefined) {
      this.visitors.delete(outcome.ticket);
      this.requestBytes -= visitor.bytes;
      const { sendNow, sendDurable } = out;
      const message: Forwarded = { kind: "forwarded", id: visitor.id, result: outcome.result };
      (outcome.afterSync ? sendDurable : sendNow).push(visitor.from, message);
      return;
    }
    const pending = this.pending.get(outcome.ticket);
    if (pending === undefined || pending.target !== this.core.self) return;
    this.judge(pending, outcome.result, out, outcome.afterSync);
  }

  onForward(now: Instant, from: NodeId, message: Forward, out: Outgoing): void {
    const { partition, request } = message;
    if (message.groupEpoch !== this.core.view.partitions[partition]?.groupEpoch) {
      return this.turnAway(from, message, { status: "refused", refusal: { reason: "not-replica" } }, out);
    }
    if (request.kind === "write" && !this.core.isWriter(partition)) {
      const hint = this.core.writerOf(partition) ?? NO_NODE;
      return this.turnAway(from, message, { status: "refused", refusal: { reason: "not-writer", hint } }, out);
    }
    if (this.visitors.size >= MAX_VISITORS || this.requestBytes >= REQUEST_BYTES) {
      return this.turnAway(from, message, { status: "refused", refusal: { reason: "overloaded" } }, out);
    }
    const ticket = ++this.lastTicket;
    const bytes = bytesOf(request);
    this.visitors.set(ticket, { from, id: message.id, bytes });
    this.requestBytes += bytes;
    this.watcher?.visiting(ticket, message, from);
    this.serve(now, ticket, partition, request, after(now, message.remaining), out);
  }

  onForwarded(message: Forwarded, out: Outgoing): void {
    const pending = this.forwards.get(message.id);
    if (pending === undefined) return;
    this.drop(pending, message.id, message.result.status);
    // From an earlier copy only an answer counts: one refused there may be under way elsewhere.
    if (message.id !== pending.forwardId && message.result.status !== "done") return;
    this.judge(pending, message.result, out);
  }

  /** The stream to a peer broke: what was passed on to it is not going to be answered. */
  onLinkLost(peer: NodeId, out: Outgoing): void {
    for (const pending of this.pending.values()) {
      for (const [id, target] of pending.copies) if (target === peer) this.drop(pending, id, "lost");
      if (pending.target === peer && peer !== this.core.self) this.lose(pending, out);
    }
  }

  /** No stream took that copy: it is nowhere, and the next writer may be asked (I5). */
  onUnsent(id: number, out: Outgoing): void {
    const pending = this.forwards.get(id);
    if (pending === undefined) return;
    this.drop(pending, id, "unsent");
    if (id !== pending.forwardId || pending.target === NO_NODE) return;
    pending.refusedBy = pending.target;
    this.hold(pending, out);
  }

  /** This node stops: a write that was sent is unknown; what was not is definitely not executed. */
  giveUp(out: Outgoing): void {
    for (const pending of [...this.pending.values()]) {
      const sent = pending.mayHaveRun || pending.target !== NO_NODE;
      if (pending.request.kind === "write" && sent) {
        this.reply(pending, { status: "unknown", unknown: { reason: "outcome-unknown" } }, out);
      } else {
        this.reply(pending, this.unserved(pending), out);
      }
    }
  }

  wake(now: Instant, out: Outgoing): void {
    if (now < this.retryDue) return;
    this.pending.each((pending) => this.look(now, pending, out));
    this.retryDue = this.pending.size === 0 ? never : after(now, RETRY);
  }

  /** The sync has released an answer of this request; false: it was answered otherwise meanwhile. */
  released(ticket: Ticket): boolean {
    const pending = this.pending.get(ticket);
    if (pending === undefined) return planted("I3.forgotten-at-the-sync");
    this.forget(pending);
    return true;
  }

  // ---- helpers

  private look(now: Instant, pending: Pending, out: Outgoing): void {
    if (now >= pending.deadline) {
      this.reply(pending, { status: "deadline", mayHaveRun: pending.mayHaveRun || pending.target !== NO_NODE }, out);
    } else if (pending.target === NO_NODE) {
      if (!pending.mayHaveRun && this.heldLongEnough(now, pending)) this.reply(pending, this.unserved(pending), out);
      else this.send(now, pending, out);
    } else if (pending.waitsForSync) {
      if (this.destinations.diskStands(now) && this.destinations.otherReplica(pending) !== NO_NODE)
        this.send(now, pending, out);
    } else if (pending.target !== this.core.self && pending.repeatable && this.worthRepeating(now, pending)) {
      this.lose(pending, out);
    }
  }

  private heldLongEnough(now: Instant, pending: Pending): boolean {
    return since(now, pending.submittedAt) >= MAX_HOLD || now >= after(pending.deadline, MARGIN_BEFORE);
  }

  private worthRepeating(now: Instant, pending: Pending): boolean {
    return since(now, pending.sentAt) >= REPEAT || !this.core.hears(pending.target);
  }

  private send(now: Instant, pending: Pending, out: Outgoing): void {
    const target = this.destinations.of(now, pending);
    // Until the heartbeats know better they still name who has just said that it is not the writer.
    const bounced = target === pending.refusedBy && since(now, pending.sentAt) < BOUNCE;
    if (target === NO_NODE || bounced) return this.hold(pending, out);
    this.held.delete(pending);
    pending.waitsForSync = false;
    pending.target = target;
    pending.sentAt = now;
    if (target === this.core.self) {
      this.watcher?.serving(pending.ticket, pending.partition, pending.request);
      return this.serve(now, pending.ticket, pending.partition, pending.copy, pending.deadline, out);
    }
    pending.forwardId = ++this.lastForward;
    if (pending.copies === NO_COPIES) pending.copies = new Map();
    pending.copies.set(pending.forwardId, target);
    this.forwards.set(pending.forwardId, pending);
    const message: Forward = {
      kind: "forward",
      id: pending.forwardId,
      partition: pending.partition,
      groupEpoch: placementOf(this.core.view, pending.partition).groupEpoch,
      request: pending.copy,
      remaining: since(pending.deadline, now),
    };
    this.watcher?.forwarded(pending.request, message, target);
    out.sendNow.push(target, message);
  }

  private serve(
    now: Instant,
    ticket: Ticket,
    partition: Partition,
    request: Request,
    deadline: Instant,
    out: Outgoing,
  ): void {
    // A node that finds no majority says so in time to be heard.
    const early = after(deadline, MARGIN_BEFORE);
    if (request.kind === "write") {
      const half = after(now, duration(since(deadline, now) / 2));
      const until = early < half ? half : early;
      this.core.step(now, { kind: "write", ticket, partition, request: request.write, deadline: until }, out);
      return;
    }
    const latest = after(now, MAX_HOLD);
    const until = early < latest ? early : latest;
    this.core.step(now, { kind: "read", ticket, partition, request: request.read, deadline: until }, out);
  }

  private hold(pending: Pending, out: Outgoing): void {
    pending.target = NO_NODE;
    if (this.held.has(pending)) return;
    if (this.held.size >= MAX_HELD && !pending.mayHaveRun) return this.reply(pending, OVERLOADED, out);
    this.held.add(pending);
  }

  private judge(pending: Pending, result: Result, out: Outgoing, afterSync = false): void {
    if (result.status === "unknown" && result.unknown.reason === "outcome-unknown" && pending.repeatable) {
      return this.lose(pending, out);
    }
    if (result.status === "refused") {
      const { reason } = result.refusal;
      // Not executed there; held until the next try finds who serves it.
      if (reason === "not-writer" || reason === "not-replica") {
        pending.refusedBy = pending.target;
        return this.hold(pending, out);
      }
      // An earlier copy may have run: only its record can tell.
      const here = reason === "overloaded" || reason === "disk-full" || reason === "no-quorum";
      if (here && pending.mayHaveRun) return this.hold(pending, out);
      // The client said nothing of what it knew, and this node was told too much: that writer was in office when it
      // said so.
      if (reason === "after-in-future" && pending.bound) {
        const { revision } = result.refusal;
        if (!pending.mayHaveRun && this.known.unlearn(pending.partition, revision)) pending.known = revision;
        return this.hold(pending, out);
      }
    }
    // This copy came too late, but one before it may have been in time and be about to say so.
    const expired = result.status === "unknown" && result.unknown.reason === "request-expired";
    if (expired && pending.mayHaveRun && pending.copies.size > 0) return;
    // This node knew too little when it sent the only copy that there was, and that one did not run.
    if (expired && pending.bound && !pending.mayHaveRun) {
      this.known.hear(pending.partition, result.unknown.revision);
      pending.known = highest(pending.known, result.unknown.revision);
      return this.hold(pending, out);
    }
    if (result.status === "done") this.known.hear(pending.partition, result.standing.revision);
    this.reply(pending, result, out, afterSync);
  }

  /** A copy that was sent may have been executed or not: it is sent again if that is harmless, and is unknown otherwise
   * (I1, I2). */
  private lose(pending: Pending, out: Outgoing): void {
    if (!pending.repeatable) {
      return this.reply(pending, { status: "unknown", unknown: { reason: "outcome-unknown" } }, out);
    }
    if (pending.request.kind === "write") pending.mayHaveRun = true;
    this.hold(pending, out);
  }

  private turnAway(to: NodeId, message: Forward, result: Refused, out: Outgoing): void {
    this.watcher?.turnedAway(message, to, result.refusal.reason);
    out.sendNow.push(to, { kind: "forwarded", id: message.id, result });
  }

  private unserved(pending: Pending): Verdict {
    const { replicas } = placementOf(this.core.view, pending.partition);
    const missing = replicas.filter((node) => !this.core.hears(node));
    const lost = replicas.length - missing.length <= replicas.length / 2;
    return { status: "unserved", reason: lost ? "no-quorum" : "no-writer", missing };
  }

  private reply(pending: Pending, verdict: Verdict, out: Outgoing, afterSync = false): void {
    if (afterSync && !planted("I3.forgotten-at-the-sync")) {
      pending.waitsForSync = true;
      out.repliesAfterSync.push({ ticket: pending.ticket, verdict });
      return;
    }
    this.forget(pending);
    (afterSync ? out.repliesAfterSync : out.replies).push({ ticket: pending.ticket, verdict });
  }

  /** That copy is not going to be answered any more. */
  private drop(pending: Pending, id: number, how: Result["status"] | "lost" | "unsent"): void {
    this.watcher?.forwardEnded(id, how);
    pending.copies.delete(id);
    this.forwards.delete(id);
  }

  private forget(pending: Pending): void {
    if (this.pending.delete(pending.ticket)) this.requestBytes -= pending.bytes;
    this.held.delete(pending);
    for (const id of pending.copies.keys()) {
      this.watcher?.forwardEnded(id, "given-up");
      this.forwards.delete(id);
    }
  }
}

const OVERLOADED: Verdict = { status: "refused", refusal: { reason: "overloaded" } };
