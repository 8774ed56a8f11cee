/**
 * The core of a node: all its partitions, the failure detector and the merged heartbeats, as one pure state machine. No
 * clock, no chance, no promise, no callback out: time and attempts' start are arguments, and everything it wants done
 * is in the outbox.
 */
import { unreachable } from "../base/assert.js";
import { after, type Duration, type Instant } from "../base/time.js";
import { Detector } from "./election/detector.js";
import { Heartbeats } from "./election/heartbeats.js";
import { RoundTrips } from "./election/round-trips.js";
import type { CoreInput, RaiseInput } from "./input.js";
import { type NodeId, type Partition, VOTERS } from "./model/ids.js";
import { type CoreMessage, groupEpochOf } from "./model/message.js";
import { isCopyEntry, isViewEntry } from "./model/node-entry.js";
import type { Result } from "./model/operation.js";
import type { Outbox, Ticket } from "./model/outbox.js";
import { planted } from "./model/planted.js";
import { type CoreOptions, DEFAULT_PURGE_AFTER, DEFAULT_ROUND } from "./options.js";
import type { ServedPartition } from "./partition.js";
import { Partitions } from "./partitions.js";
import { Attempts } from "./quorum/attempts.js";
import { CatchUpLoad } from "./replica/catch-up-load.js";
import { MendingLoad } from "./replica/mending-load.js";
import { Resending } from "./resending.js";
import { endRounds } from "./round-end.js";
import { tellCopies } from "./telling.js";
import { Transfers } from "./transfers.js";
import type { ChainOutbox, ViewConflict } from "./view/chain-outbox.js";
import type { EncodedView } from "./view/encoded-view.js";
import type { ViewMessage } from "./view/message.js";
import { writerToBe } from "./view/move.js";
import { placementOf, type View } from "./view/view.js";
import { Views } from "./view/views.js";
import { NodeLoad } from "./writer/node-load.js";

/** Kept until the driver takes them out. */
const MAX_CONFLICTS = 16;
export class Core {
  readonly self: NodeId;
  /** The newest that counts here. */
  newest: EncodedView;
  /** null: the view never changes. */
  readonly views: Views | null;
  /** Peers that hold another view of an epoch than this node does; the driver takes them out. */
  readonly conflicts: ViewConflict[] = [];
  readonly detector: Detector;
  readonly heartbeats: Heartbeats;
  readonly roundTrips = new RoundTrips();
  /** The load of all writers of this node together. */
  readonly load = new NodeLoad();
  readonly catchUpLoad = new CatchUpLoad();
  readonly mendingLoad = new MendingLoad();
  /** The copies of partitions on this node, those included that do not answer. */
  readonly copies: Partitions;
  readonly transfers: Transfers;
  private readonly round: Duration;
  private readonly resending = new Resending();
  private roundDue: Instant;
  private started = false;
  /** The copies are as the newest view wants them. */
  private followed = false;
  private leaving = false;
  /** The disk is. */
  private full = false;

  constructor(options: CoreOptions) {
    const { self, newest, encode } = options;
    this.self = self;
    this.round = options.round ?? DEFAULT_ROUND;
    this.roundDue = options.now;
    const entries = [...(options.restored ?? [])];
    const peers = newest.view.members.map((member) => member.id).filter((id) => id !== self);
    this.detector = new Detector({ self, peers });
    this.heartbeats = new Heartbeats({ self, detector: this.detector, peers });
    const { detector, heartbeats } = this;
    const restored = entries.filter(isViewEntry);
    const { moves, moveCaps, replaceAfter } = options;
    this.views =
      encode === undefined
        ? null
        : new Views({
            self,
            newest,
            restored,
            detector,
            heartbeats,
            encode,
            ...(moves === undefined ? {} : { moves }),
            ...(moveCaps === undefined ? {} : { moveCaps }),
            ...(replaceAfter === undefined ? {} : { replaceAfter }),
          });
    this.newest = this.views?.newest ?? newest;
    const { view } = this;
    const attempts = new Attempts(options.firstAttempt);
    this.copies = new Partitions({
      self,
      view,
      table: options.table,
      copies: options.copies?.() ?? [],
      restored: entries.filter((entry) => !isViewEntry(entry) && !isCopyEntry(entry)),
      parts: {
        attempts,
        detector,
        heartbeats,
        roundTrips: this.roundTrips,
        load: this.load,
        catchUpLoad: this.catchUpLoad,
        mendingLoad: this.mendingLoad,
        purgeAfter: options.purgeAfter ?? DEFAULT_PURGE_AFTER,
      },
      now: options.now,
    });
    const { copies, roundTrips } = this;
    const pace = options.pace === undefined ? {} : { pace: options.pace };
    this.transfers = new Transfers({ self, copies, attempts, detector, roundTrips, ...pace });
    this.prefer();
  }

  get view(): View {
    return this.newest.view;
  }

  /** The partitions that this node serves. */
  get partitions(): ReadonlyMap<Partition, ServedPartition> {
    return this.copies.served;
  }

  step(now: Instant, input: CoreInput, out: Outbox): void {
    if (!this.followed) this.follow(now, out);
    switch (input.kind) {
      case "message":
        return this.receive(now, input.from, input.message, out);
      case "write": {
        const served = this.serve(now, input.partition);
        if (served === undefined) return this.turnAway(input.ticket, out);
        // A deletion makes room, and the replicas take it.
        if (served.lacksSpace && input.request.operation.kind !== "delete") {
          const result: Result = { status: "refused", refusal: { reason: "disk-full" } };
          return void out.outcomes.push({ ticket: input.ticket, result, afterSync: false });
        }
        return served.write(now, input.ticket, input.request, input.deadline, out);
      }
      case "read": {
        const served = this.serve(now, input.partition);
        if (served === undefined) return this.turnAway(input.ticket, out);
        return served.read(now, input.ticket, input.request, input.deadline, out);
      }
      case "peer-restarted":
        return this.heartbeats.reset(input.peer);
      case "peer-view":
        return this.ofViews(now, out, (views, sink) => views.heard(now, input.peer, input.epoch, input.digest, sink));
      case "wish":
        return this.ofViews(now, out, ({ chain }) => chain.wish(input.member, input.operation));
      case "ask":
        return this.ofViews(now, out, ({ chain }) => chain.askFor(input.operation));
      case "bad-register": {
        const served = this.serve(now, input.partition);
        served?.copy.replica.look(input.key);
        return;
      }
      case "raise-revisions":
        return this.raise(now, input, out);
      case "leave":
        return this.leave(now, out);
      case "disk-full":
        return this.fill(now, input.full, out);
      case "wake":
        return this.wake(now, out);
      default:
        return unreachable(input);
    }
  }

  /** The driver sends a "wake" no later than this. */
  nextDeadline(): Instant {
    const { due } = this.resending;
    return this.roundDue < due ? this.roundDue : due;
  }

  /** The working writer of a partition, as far as this node knows; null: unknown. */
  writerOf(partition: Partition): NodeId | null {
    return this.heartbeats.workingWriter(partition);
  }

  /** This node would decide a write of the partition now. */
  isWriter(partition: Partition): boolean {
    return this.partitions.get(partition)?.isWriter === true;
  }

  /** How many partitions this node is the working writer of. */
  get offices(): number {
    return [...this.partitions.values()].filter(({ isWriter }) => isWriter).length;
  }

  hears(node: NodeId): boolean {
    return this.detector.hears(node);
  }

  private receive(now: Instant, from: NodeId, message: CoreMessage, out: Outbox): void {
    switch (message.kind) {
      case "heartbeat":
        // All that the answer reports was said to be durable by earlier steps: it leaves after their sync (R8).
        return out.sendDurable.push(from, this.heartbeats.onHeartbeat(from, message));
      case "heartbeat-answer":
        if (!this.heartbeats.isNews(from, message)) this.roundTrips.answered(from, message.round, now);
        for (const partition of this.heartbeats.onAnswer(from, message)) {
          if (partition === VOTERS) this.views?.reported();
          else this.partitions.get(partition)?.reported(now, from);
        }
        return;
      case "view-prepare":
      case "view-promised":
      case "view-accept":
      case "view-accepted":
      case "view-refused":
      case "view-wanted":
      case "view-news":
      case "view-held":
      case "join-wish":
      case "operation-wish":
      case "copies-ready":
        return this.receiveView(now, from, message, out);
      case "ask-states":
      case "states":
      case "ask-keys":
      case "keys-held":
        this.transfers.receive(now, from, message, this.view, out);
        return this.afterTransfers(now, out);
      default: {
        const served = this.partitions.get(message.partition);
        if (served === undefined) return;
        if (planted("V2.serves-on") && groupEpochOf(message) < served.group.epoch)
          this.copies.unsealed.get(message.partition)?.receive(now, from, message, out);
        served.receive(now, from, message, out);
        if (!served.kept && served.busy) this.resending.keep(now, served);
        this.tellSoon(now);
      }
    }
  }

  private receiveView(now: Instant, from: NodeId, message: ViewMessage, out: Outbox): void {
    this.ofViews(now, out, (views, sink) => views.receive(now, from, message, sink));
    // Entries that were appended with that view are durable.
    if (message.kind !== "view-held" || from !== this.self) return;
    this.copies.durable(now, this.view, out);
    this.followByTransfers(now);
  }

  /**
   * The newest view counts for all copies. Also the first thing that a node does: a crash may have come between the
   * two.
   */
  private follow(now: Instant, out: Outbox): void {
    const first = !this.followed;
    this.followed = true;
    const turned = this.copies.follow(now, this.view, this.leaving || this.full, out);
    this.prefer();
    this.followByTransfers(now);
    if (turned.length === 0) return;
    if (first) this.views?.chain.confirm(out);
    this.resending.follow(this.partitions);
    for (const partition of turned) {
      const served = this.partitions.get(partition);
      if (served !== undefined) this.beginServing(now, served, out);
    }
  }

  /** It learns what this node is about. */
  private beginServing(now: Instant, served: ServedPartition, out: Outbox): void {
    if (this.leaving) served.leave(now, out);
    if (this.full) served.filled(now, true, out);
    if (served.busy) this.resending.keep(now, served);
  }

  private followByTransfers(now: Instant): void {
    this.transfers.follow(this.view);
    if (this.transfers.busy) this.resending.begin(now);
  }

  /** Copies whose merge is through serve from here on. */
  private afterTransfers(now: Instant, out: Outbox): void {
    const { through } = this.transfers;
    if (through.length === 0) return;
    for (const { partition, cursors } of through.splice(0)) {
      const served = this.copies.becomeReady(now, partition, placementOf(this.view, partition), cursors, out);
      if (served !== null) this.beginServing(now, served, out);
    }
    this.prefer();
    this.followByTransfers(now);
  }

  /** The newest view counts before any further input. */
  private ofViews(now: Instant, out: Outbox, act: (views: Views, out: ChainOutbox) => void): void {
    const { views } = this;
    if (views === null) return;
    const { entries, sendNow, sendDurable } = out;
    act(views, { entries, sendNow, sendDurable, learned: [], conflicts: this.conflicts });
    if (this.conflicts.length > MAX_CONFLICTS) this.conflicts.length = MAX_CONFLICTS;
    if (views.newest !== this.newest) {
      this.newest = views.newest;
      this.follow(now, out);
    }
    if (views.busy) this.resending.begin(now);
  }

  /** Writers follow the view's preference by handing their offices back. */
  private prefer(): void {
    for (const [partition, { election, group }] of this.partitions) {
      const preferred = writerToBe(placementOf(this.view, partition), partition);
      election.prefer(preferred === undefined ? 0 : Math.max(0, group.replicas.indexOf(preferred)));
    }
  }

  private serve(now: Instant, partition: Partition): ServedPartition | undefined {
    const served = this.partitions.get(partition);
    if (served !== undefined) this.resending.keep(now, served);
    return served;
  }

  private raise(now: Instant, { partition, raise }: RaiseInput, out: Outbox): void {
    const served = this.serve(now, partition);
    if (served === undefined) out.raised.push({ ticket: raise.ticket, done: false });
    else served.raise(now, raise, out);
  }

  private turnAway(ticket: Ticket, out: Outbox): void {
    const result: Result = { status: "refused", refusal: { reason: "not-replica" } };
    out.outcomes.push({ ticket, result, afterSync: false });
  }

  private leave(now: Instant, out: Outbox): void {
    this.leaving = true;
    for (const served of this.partitions.values()) {
      served.leave(now, out);
      if (served.busy) this.resending.keep(now, served);
    }
  }

  private fill(now: Instant, full: boolean, out: Outbox): void {
    if (planted("E6.full-keeps-office")) return;
    this.heartbeats.setFull(full);
    this.full = full;
    for (const served of this.partitions.values()) {
      served.filled(now, full, out);
      if (served.busy) this.resending.keep(now, served);
    }
  }

  private wake(now: Instant, out: Outbox): void {
    if (now >= this.resending.due) this.resend(now, out);
    if (now >= this.roundDue) this.endRound(now, out);
  }

  private resend(now: Instant, out: Outbox): void {
    this.load.look();
    if (this.views?.busy === true) this.ofViews(now, out, (views, sink) => views.resend(now, sink));
    this.resending.resend(now, out);
    if (this.transfers.busy) {
      this.transfers.tick(now, this.view, out);
      this.afterTransfers(now, out);
    }
    for (const { to, message } of this.heartbeats.news()) out.sendDurable.push(to, message);
    this.resending.looked(now, this.views?.busy !== true && !this.transfers.busy);
  }

  /** Others hear of an office that began without waiting for the next round, and of several at once. */
  private tellSoon(now: Instant): void {
    if (this.heartbeats.hasNews) this.resending.begin(now);
  }

  private endRound(now: Instant, out: Outbox): void {
    if (this.started) {
      const stalled = now - this.roundDue > this.round;
      this.detector.roundEnded(stalled);
      // A node that leaves, or has no space any more, hands all its offices over at once.
      endRounds(now, this.partitions.values(), this.leaving || this.full, out);
      for (const served of this.partitions.values()) if (served.busy) this.resending.keep(now, served);
      this.ofViews(now, out, (views, sink) => views.roundEnded(now, sink));
      if (this.views !== null) tellCopies(this.copies, this.view, out);
    }
    this.started = true;
    this.roundTrips.sent(this.detector.round, now);
    for (const { to, message } of this.heartbeats.nextRound()) out.sendNow.push(to, message);
    this.tellSoon(now);
    this.roundDue = after(now, this.round);
  }
}
