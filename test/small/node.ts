/**
 * One node of a small world: the real node's copy of a partition (src/core/copy.ts), without elections, upkeep,
 * heartbeats and timers. When to campaign and when to ask again are choices of the exploration.
 */

import { type Instant, instant, never } from "../../src/base/time.js";
import { voteOf } from "../../src/base/votes.js";
import { Copy, type Outlook } from "../../src/core/copy.js";
import { type Ballot, compareBallots } from "../../src/core/model/ballot.js";
import type { Entry } from "../../src/core/model/entry.js";
import { type Attempt, type GroupEpoch, NO_CHANGE, type NodeId } from "../../src/core/model/ids.js";
import { type CoreMessage, type GroupMessage, groupEpochOf } from "../../src/core/model/message.js";
import { Envelopes, type Outbox, type Outcome, type Raised } from "../../src/core/model/outbox.js";
import type { Register } from "../../src/core/model/register.js";
import { Attempts } from "../../src/core/quorum/attempts.js";
import type { Group } from "../../src/core/quorum/group.js";
import { MAX_PATIENCE_MS, RESEND_MS } from "../../src/core/quorum/patience.js";
import { MendingLoad } from "../../src/core/replica/mending-load.js";
import { Replica } from "../../src/core/replica/replica.js";
import { NodeLoad } from "../../src/core/writer/node-load.js";
import { SmallTable } from "./table.js";
import type { SmallOperation } from "./worlds.js";

/** Between two steps, so that everything outstanding is due to be asked again. */
const STEP_MS = MAX_PATIENCE_MS;
const PATIENCE = { firstMs: RESEND_MS, returned: 0 };

/** Shared by all nodes: the time, and who the one that acts now thinks the writer is. */
export class Stage implements Outlook {
  writer = -1;
  private ms = 0;

  /** Grows with every step ever tried, so that a copy never sees time stand still. */
  get now(): Instant {
    return instant(this.ms);
  }

  /** The next step begins. */
  enter(): void {
    this.writer = -1;
    this.ms += STEP_MS;
  }

  writerPlace(): number {
    return this.writer;
  }

  /** Nobody is preferred: a read asks everybody. */
  heardPlaces(): number {
    return 0;
  }
}

export class SmallOutbox implements Outbox {
  readonly entries: Entry[] = [];
  readonly sendNow = new Envelopes<CoreMessage>();
  readonly sendDurable = this.sendNow;
  readonly outcomes: Outcome[] = [];
  readonly raised: Raised[] = [];
}

export class SmallNode {
  copy: Copy;
  /** Offices of the world that this node took, one bit each. */
  campaigned = 0;
  /** Reads that were handed over to this node and taken on, as their attempts; those of different nodes differ. */
  readonly handOvers: Attempt[] = [];

  private readonly attempts: Attempts;
  private readonly readerAttempts: Attempts;

  constructor(
    /** Its place in the world. */
    readonly place: number,
    group: Group,
    protected readonly stage: Stage,
  ) {
    // Numbers are unique within the node, as they must be (R7), and do not depend on whether its reader or its writer
    // asked first.
    const range = 1_000 * (place + 1);
    this.attempts = new Attempts(range);
    this.readerAttempts = new Attempts(range + 500);
    this.copy = this.open(group, new Replica(group, new SmallTable()));
  }

  /** The machines of that group, over what the replica holds. */
  protected open(group: Group, replica: Replica): Copy {
    const { attempts, readerAttempts, stage: outlook } = this;
    const load = new NodeLoad();
    const mendingLoad = new MendingLoad();
    return new Copy({ group, replica, table: replica.table, attempts, readerAttempts, outlook, load, mendingLoad });
  }

  /** Whether messages of that group epoch are taken here: now, later, or never again. */
  takes(_epoch: GroupEpoch): "now" | "later" | "never" {
    return "now";
  }

  /** The state that every replica holds, settled, before the world begins. */
  hold(register: Register): void {
    const { replica } = this.copy;
    replica.promise = register.timestamp.ballot;
    replica.revisions.reservation = register.revision;
    replica.table.put(register, NO_CHANGE);
    replica.revisions.settle(register.timestamp.ballot, register.timestamp.seq, register.revision);
  }

  mayCampaign(office: number, ballot: Ballot): boolean {
    if (this.takes(ballot.groupEpoch) !== "now" || (this.campaigned & voteOf(office)) !== 0) return false;
    return compareBallots(ballot, this.copy.replica.promise) > 0;
  }

  campaign(office: number, ballot: Ballot, out: Outbox): void {
    this.campaigned |= voteOf(office);
    this.copy.writer.campaign(ballot, out);
  }

  mayInvoke({ request }: SmallOperation): boolean {
    return request.kind === "read" ? this.takes(this.copy.group.epoch) === "now" : this.copy.writer.elected;
  }

  invoke(ticket: number, { request }: SmallOperation, out: Outbox): void {
    if (request.kind === "read") this.copy.reader.read(this.stage.now, ticket, request.read, never, out);
    else this.copy.writer.write(this.stage.now, ticket, request.write, never, out);
  }

  /** Some read may be handed over when it is asked again. */
  get mayHandOver(): boolean {
    for (const read of this.copy.reader["reads"].values()) {
      if (read.phase === "handing-over" || (read.phase === "imposing" && read.refusals !== 0)) return true;
    }
    return false;
  }

  /** The reader asks again, and believes the writer to be there. False: that one is not in the group. */
  handOverTo(node: NodeId, out: Outbox): boolean {
    this.stage.writer = this.copy.group.placeOf(node);
    if (this.stage.writer < 0) return false;
    this.copy.reader.resend(this.stage.now, PATIENCE, out);
    return true;
  }

  /** The writer sends again what was not answered; nobody else is known to be heard. */
  resend(out: Outbox): void {
    this.copy.writer.resend(this.stage.now, 0, PATIENCE, out);
  }

  receive(from: NodeId, message: GroupMessage, out: Outbox): void {
    if (this.takes(groupEpochOf(message)) !== "now") return;
    if (message.kind === "hand-over") {
      this.handOvers.push(message.attempt);
      this.handOvers.sort((a, b) => a - b);
    }
    // The rest concerns the election.
    this.copy.deliver(this.stage.now, from, this.copy.group.placeOf(from), message, out);
  }
}
