/**
 * One partition served here: this node's copy of it and its office, with the election among its group. This class only
 * joins them. It carries out the election's decisions, and tells the heartbeats what changed.
 */
import { unreachable } from "../base/assert.js";
import { type Duration, duration, type Instant, since } from "../base/time.js";
import { countVotes, voteOf } from "../base/votes.js";
import { Copy, type Outlook, type Upkeep } from "./copy.js";
import type { Detector } from "./election/detector.js";
import { Election, type ElectionAction } from "./election/election.js";
import { HeardGroup } from "./election/heard-group.js";
import type { Heartbeats } from "./election/heartbeats.js";
import type { Office } from "./election/office.js";
import type { RoundTrips } from "./election/round-trips.js";
import { type Ballot, sameBallot } from "./model/ballot.js";
import type { PartitionReport } from "./model/heartbeat.js";
import type { ChangeNumber, NodeId } from "./model/ids.js";
import { type GroupMessage, groupEpochOf, type Nack, type YourTurn } from "./model/message.js";
import type { ReadRequest, WriteRequest } from "./model/operation.js";
import type { Outbox, Ticket } from "./model/outbox.js";
import { planted } from "./model/planted.js";
import { mayBegin } from "./office/first-office.js";
import { OfficeOffer } from "./office/office-offer.js";
import { OwnReport } from "./office/own-report.js";
import { PurgePass } from "./office/purge-pass.js";
import type { Attempts } from "./quorum/attempts.js";
import type { Group } from "./quorum/group.js";
import { type Patience, RESEND_MS } from "./quorum/patience.js";
import type { CatchUpLoad } from "./replica/catch-up-load.js";
import type { MendingLoad } from "./replica/mending-load.js";
import type { Replica } from "./replica/replica.js";
import type { NodeLoad } from "./writer/node-load.js";
import type { Raise } from "./writer/revisions.js";
import type { Unclear } from "./writer/unclear.js";

/** Changes that a copy lacks and may have an office all the same: about what is on its way. */
const FAR_BEHIND = 256;
/** Settled states reported here are durable by then. Until they are, a crash of the node costs one more impose for a
 * key. */
const SAVE_SETTLED_EVERY: Duration = duration(1_000);

export interface ServedPartitionOptions {
  readonly group: Group;
  readonly replica: Replica;
  readonly attempts: Attempts;
  readonly detector: Detector;
  readonly heartbeats: Heartbeats;
  readonly roundTrips: RoundTrips;
  readonly load: NodeLoad;
  readonly catchUpLoad: CatchUpLoad;
  readonly mendingLoad: MendingLoad;
  readonly now: Instant;
  /** How long a tombstone rests at least before it is purged, and passes are apart (R12). */
  readonly purgeAfter: Duration;
}

export class ServedPartition implements Outlook {
  readonly group: Group;
  readonly copy: Copy;
  readonly upkeep: Upkeep;
  readonly election: Election;
  private readonly offer: OfficeOffer;
  private readonly purgePass: PurgePass;
  private readonly heard: HeardGroup;
  private readonly heartbeats: Heartbeats;
  private readonly roundTrips: RoundTrips;
  /** Replicas heard at the last look for what was not answered, one bit each. */
  private heardBefore = 0;
  /** This node is about to stop: it hands its office over and takes none. */
  private leaving = false;
  /** The disk is full: it hands its office over and takes none, as long as another replica can have it (E6). */
  private full = false;
  /** This copy lacks so much that it should have no office. */
  private lagging = false;
  /** A candidate since the group's epoch began. */
  private opening = false;
  private savedSettled: Instant;
  /** Among those of the core that need `resend`; kept by the core. */
  kept = false;
  private readonly ownReport: OwnReport;

  constructor(options: ServedPartitionOptions) {
    const { group, detector, heartbeats } = options;
    this.group = group;
    this.savedSettled = options.now;
    this.heartbeats = heartbeats;
    this.roundTrips = options.roundTrips;
    const { replica, attempts, load, mendingLoad } = options;
    const { table } = replica;
    this.copy = new Copy({ group, replica, table, attempts, outlook: this, load, mendingLoad });
    this.upkeep = this.copy.keepUp({ attempts, load: options.catchUpLoad, now: options.now, full: () => this.full });
    this.election = new Election({ self: group.self, replicas: group.replicas, groupEpoch: group.epoch });
    this.ownReport = new OwnReport({ group, heartbeats, copy: this.copy, election: this.election });
    this.offer = new OfficeOffer({ group, writer: this.copy.writer, election: this.election });
    this.purgePass = new PurgePass({
      table,
      writer: this.copy.writer,
      election: this.election,
      every: options.purgeAfter,
      complete: () => this.heardPlaces() === group.everyone,
      overdue: (key) => this.upkeep.mending.want(key),
      act: (now, action, out) => this.act(now, action, out),
    });
    this.heard = new HeardGroup({
      self: group.self,
      partition: group.partition,
      groupEpoch: group.epoch,
      replicas: group.replicas,
      ready: true,
      detector,
      heartbeats,
      ...(group.moved ? { promisedBy: (place) => this.promisedBy(place) } : {}),
    });
    heartbeats.setGroup(group.partition, group.replicas);
    // A copy that becomes ready later than others has been told of this, and will not be again until it changes.
    for (const node of group.replicas) if (node !== group.self) this.learnFrom(node);
  }

  // ---- inputs

  write(now: Instant, ticket: Ticket, request: WriteRequest, deadline: Instant, out: Outbox): void {
    this.copy.writer.write(now, ticket, request, deadline, out);
  }

  /** For a restored backup: the writer's revisions go on above this one. */
  raise(now: Instant, raise: Raise, out: Outbox): void {
    this.copy.writer.raise(now, raise, out);
  }

  read(now: Instant, ticket: Ticket, request: ReadRequest, deadline: Instant, out: Outbox): void {
    this.copy.reader.read(now, ticket, request, deadline, out);
  }

  receive(now: Instant, from: NodeId, message: GroupMessage, out: Outbox): void {
    const place = this.group.placeOf(from);
    if (place < 0 || groupEpochOf(message) !== this.group.epoch) return this.confirmsAnyway(from, message, out);
    const left = this.copy.deliver(now, from, place, message, out);
    if (left !== null) this.onOffice(now, left, out);
    if (this.ownReport.overtaken) this.refresh(now);
  }

  /** This node is the writer, as far as it knows. */
  get isWriter(): boolean {
    return this.copy.writer.elected && this.election.working;
  }

  /**
   * The group's epoch is over (V2): this object answers nothing any more. `succeeds`: this node is to be the next
   * epoch's writer. Returns what that one brings to an end (H18).
   */
  seal(succeeds: boolean, out: Outbox): readonly Unclear[] {
    this.offer.end();
    if (!succeeds) this.copy.writer.resign(out);
    return this.copy.seal(out);
  }

  /**
   * The last writer stays: it campaigns at once (H14). `unclear`: its writes of the epoch before whose fate is open.
   */
  succeed(now: Instant, unclear: readonly Unclear[], out: Outbox): void {
    this.ownReport.succeeding = true;
    this.copy.writer.inherit(unclear);
    this.act(now, this.election.groupBegins(this.copy.replica.promise), out);
    this.opening = true;
    this.refresh(now);
  }

  /** The end of a heartbeat round. */
  roundEnded(now: Instant, mayOffer: boolean, mayCatchUp: boolean, out: Outbox): void {
    const action =
      this.firstWriter() ??
      this.election.roundEnded(
        this.heard,
        this.copy.replica.promise,
        this.office(now),
        mayOffer && !this.purgePass.underWay,
      );
    if (!this.leaving || action?.kind !== "campaign") this.act(now, action, out);
    if (this.leaving || this.full) this.passOn(now, out);
    else this.purgePass.consider(now, !this.offer.open, out);
    // The answer would only be thrown away.
    if (mayCatchUp && !this.full)
      this.upkeep.catchUp.consider(now, this.heardPlaces(), (place) => this.lastChangeAt(place), out);
    this.lagging = (this.behind ?? 0) > FAR_BEHIND;
    if (since(now, this.savedSettled) >= SAVE_SETTLED_EVERY) {
      this.savedSettled = now;
      this.copy.replica.revisions.saveSettled(out);
    }
    this.refresh(now);
  }

  /** This node is about to stop: its office goes to another replica, and it takes none from here on. */
  leave(now: Instant, out: Outbox): void {
    this.leaving = true;
    this.passOn(now, out);
  }

  /** The disk is full, or has space again. */
  filled(now: Instant, full: boolean, out: Outbox): void {
    this.full = full;
    if (!full) return;
    // The answer would only be thrown away.
    this.upkeep.catchUp.stop();
    this.passOn(now, out);
  }

  /** As disks are full, no majority of those that are heard can take a register. */
  get lacksSpace(): boolean {
    const { replicas, majority } = this.group;
    let full = 0;
    let withSpace = 0;
    for (let place = 0; place < replicas.length; place++) {
      if (this.heard.full(place)) full++;
      else if (this.heard.heard(place)) withSpace++;
    }
    return full > 0 && withSpace < majority;
  }

  /** How often this replica has offered its office to another one. */
  get offers(): number {
    return this.offer.sent;
  }

  /** A peer's report about this partition changed. */
  reported(now: Instant, from: NodeId): void {
    this.learnFrom(from);
    if (this.election.refresh(this.heard, this.copy.replica.promise, this.office(now)))
      this.ownReport.tell(this.lagging);
  }

  resend(now: Instant, out: Outbox): void {
    const heard = this.heardPlaces();
    const patience: Patience = { firstMs: this.firstPatienceMs(heard), returned: heard & ~this.heardBefore };
    this.heardBefore = heard;
    if (this.opening) this.open(out);
    this.copy.resend(now, heard, patience, out);
    this.offer.proceed(now, out);
    this.purgePass.proceed(now, out);
  }

  /** Needs `resend` to be called in time. */
  get busy(): boolean {
    return this.opening || this.copy.busy || this.offer.open || this.purgePass.underWay;
  }

  /**
   * Changes of the copies it hears that are not known to be here: 0 when this replica has all there is. It is null when
   * nobody knows, as no majority is heard. The last word of a replica that is away says nothing: it may be gone for
   * good, and only states on a majority count.
   */
  get behind(): number | null {
    const heard = this.heardPlaces();
    if (countVotes(heard) < this.group.majority) return null;
    let most = 0;
    for (let place = 0; place < this.group.replicas.length; place++) {
      const lastChange = (heard & voteOf(place)) === 0 ? null : this.lastChangeAt(place);
      if (lastChange !== null) most = Math.max(most, this.upkeep.catchUp.lacks(place, lastChange));
    }
    return most;
  }

  /** Place of the working writer as far as is known; −1: unknown. */
  writerPlace(): number {
    if (this.isWriter) return this.group.place;
    const writer = this.heartbeats.workingWriter(this.group.partition);
    return writer === null ? -1 : this.group.placeOf(writer);
  }

  /** A little more than the longest round trip to those who are heard. */
  private firstPatienceMs(heard: number): number {
    const { replicas, place: own } = this.group;
    let longest = 0;
    for (let place = 0; place < replicas.length; place++) {
      if (place === own || (heard & voteOf(place)) === 0) continue;
      longest = Math.max(longest, this.roundTrips.of(replicas[place] as NodeId));
    }
    return RESEND_MS + longest;
  }

  heardPlaces(): number {
    return this.heard.places;
  }

  report(place: number): PartitionReport | undefined {
    return this.heard.report(place);
  }

  // ---- helpers

  /** A peer's last report says that this is settled. */
  private learnFrom(peer: NodeId): void {
    const report = this.heartbeats.report(peer, this.group.partition);
    if (report === undefined || report.groupEpoch !== this.group.epoch) return;
    const { settled, settledRevision } = report;
    if (settled !== null) this.copy.replica.revisions.settle(settled.ballot, settled.seq, settledRevision);
    this.copy.replica.revisions.knowRevision(settledRevision);
  }

  /** The epoch's first Prepare: some may not know the view yet. It is repeated soon, as requests wait (H14). */
  private open(out: Outbox): void {
    const { ballot, elected, promised } = this.copy.writer;
    this.opening = ballot !== null && !elected;
    if (this.opening) this.copy.writer.prepare(this.group.everyone & ~promised, out);
  }

  /**
   * A replica that promised this node's ballot is heard by that, though its last report may be of the epoch before
   * (H14).
   */
  private promisedBy(place: number): Ballot | null {
    const { ballot, promised } = this.copy.writer;
    if (planted("H14.reports-of-before")) return null;
    return (promised & voteOf(place)) === 0 ? null : ballot;
  }

  /** Only with a planted bug. */
  private confirmsAnyway(from: NodeId, message: GroupMessage, out: Outbox): void {
    if (!planted("V2.confirms") || message.kind !== "confirm") return;
    const { partition, ballot, attempt } = message;
    out.sendDurable.push(from, { kind: "confirmed", partition, ballot, attempt });
  }

  /** A refusal of this node's own ballot, or an office that is offered to it. */
  private onOffice(now: Instant, message: Nack | YourTurn, out: Outbox): void {
    if (message.kind === "nack") return this.onNack(message);
    if (this.leaving || this.full) return;
    const { promise } = this.copy.replica;
    this.act(now, this.election.yourTurn(message.ballot, this.heard, promise, this.office(now)), out);
  }

  /** How many changes the copy there has; null: it is not known, or of another group epoch. */
  private lastChangeAt(place: number): ChangeNumber | null {
    const report = place === this.group.place ? undefined : this.heard.report(place);
    return report === undefined || report.groupEpoch !== this.group.epoch ? null : report.lastChange;
  }

  /** Offers the office to the first replica in the list that is fit for it. */
  private passOn(now: Instant, out: Outbox): void {
    this.purgePass.stop(now, out);
    for (let place = 0; place < this.group.replicas.length; place++) {
      const action = this.election.transfer(place, this.heard, this.office(now));
      if (action !== null) return this.act(now, action, out);
    }
  }

  private onNack(message: Nack): void {
    if (this.copy.writer.ballot === null || !sameBallot(this.copy.writer.ballot, message.ballot)) return;
    this.election.nacked();
    this.ownReport.tell(this.lagging);
  }

  /** In a group that never had a writer the preferred replica need not wait for patience. */
  private firstWriter(): ElectionAction | null {
    const { writer, replica } = this.copy;
    if (replica.promise.round !== 0 || writer.ballot !== null) return null;
    return mayBegin(this.group, this.election, this.heard) ? this.election.groupBegins(replica.promise) : null;
  }

  private act(now: Instant, action: ElectionAction | null, out: Outbox): void {
    if (action === null) return;
    switch (action.kind) {
      case "campaign":
        this.offer.end();
        return this.copy.writer.campaign(action.ballot, out);
      case "prepare":
        return this.copy.writer.prepare(action.places, out);
      case "resign":
        this.offer.end();
        return this.copy.writer.resign(out);
      case "offer":
        return this.offer.begin(now, action.place, out);
      case "resume":
        this.offer.end();
        return this.copy.writer.resume(now, out);
      default:
        return unreachable(action);
    }
  }

  private office(now: Instant): Office | null {
    const { ballot, elected, promised } = this.copy.writer;
    return ballot === null
      ? null
      : {
          ballot,
          elected,
          promised,
          caughtUp: elected ? this.copy.writer.caughtUp(now, this.firstPatienceMs(this.heardPlaces())) : 0,
        };
  }

  private refresh(now: Instant): void {
    this.election.refresh(this.heard, this.copy.replica.promise, this.office(now));
    this.ownReport.noted();
    this.ownReport.tell(this.lagging);
  }
}
