/**
 * One node of a small world: the replica, the writer and the reader of src/core with the deliveries of the real node (copy.ts), without election,
 * upkeep, heartbeats and timers. When to campaign and when to ask again are choices of the exploration.
 */

import { type Instant, instant, never } from "../../src/base/time.js";
import { voteOf } from "../../src/base/votes.js";
import { type Copy, deliver } from "../../src/core/copy.js";
import { type Ballot, compareBallots } from "../../src/core/model/ballot.js";
import type { Entry } from "../../src/core/model/entry.js";
import { type Attempt, NO_CHANGE, type NodeId } from "../../src/core/model/ids.js";
import type { CoreMessage, GroupMessage } from "../../src/core/model/message.js";
import { Envelopes, type Outbox, type Outcome } from "../../src/core/model/outbox.js";
import type { Register } from "../../src/core/model/register.js";
import { Attempts } from "../../src/core/quorum/attempts.js";
import type { Group } from "../../src/core/quorum/group.js";
import { MAX_PATIENCE_MS, RESEND_MS } from "../../src/core/quorum/patience.js";
import { Reader } from "../../src/core/reader/reader.js";
import { GroupPost } from "../../src/core/replica/post.js";
import { Replica } from "../../src/core/replica/replica.js";
import { Writer } from "../../src/core/writer/writer.js";
import { SmallTable } from "./table.js";
import type { SmallOperation } from "./worlds.js";

/** Between two steps, so that everything outstanding is due to be asked again. */
const STEP_MS = MAX_PATIENCE_MS;
const PATIENCE = { firstMs: RESEND_MS, returned: 0 };

/** What the ports of all copies of a node look at: which copy acts now, when, and who it thinks the writer is. */
export class Stage {
  node: SmallNode | null = null;
  writerPlace = -1;
  private ms = 0;

  /** Grows with every step ever tried, so that a copy never sees time stand still. */
  get now(): Instant {
    return instant(this.ms);
  }

  enter(node: SmallNode): void {
    this.node = node;
    this.writerPlace = -1;
    this.ms += STEP_MS;
  }
}

export class SmallOutbox implements Outbox {
  readonly entries: Entry[] = [];
  readonly sendNow = new Envelopes<CoreMessage>();
  readonly sendDurable = this.sendNow;
  readonly outcomes: Outcome[] = [];
}

export class SmallNode implements Copy {
  /** No key goes bad, is caught up with or purged. */
  readonly upkeep = null;
  readonly replica: Replica;
  readonly writer: Writer;
  readonly reader: Reader;
  /** Offices of the world that this node took, one bit each. */
  campaigned = 0;
  /** Reads that were handed over to this node and taken on, as their attempts; those of different nodes differ. */
  readonly handOvers: Attempt[] = [];

  constructor(
    readonly group: Group,
    readonly stage: Stage,
  ) {
    const multicast = (places: number, message: CoreMessage, out: Outbox): void => {
      stage.node?.send(places, message, out);
    };
    // Numbers are unique within the node, as they must be (R7), and do not depend on whether its reader or its writer asked first.
    const range = 1_000 * (group.place + 1);
    this.replica = new Replica(group, new SmallTable());
    this.writer = new Writer({ group, replica: this.replica, attempts: new Attempts(range), multicast });
    this.reader = new Reader({
      group,
      replica: this.replica,
      attempts: new Attempts(range + 500),
      multicast,
      // Nobody is preferred: a read asks everybody.
      heard: () => 0,
      writerPlace: () => stage.writerPlace,
    });
  }

  /** What every replica holds, settled, before the world begins. */
  hold(register: Register): void {
    this.replica.promise = register.timestamp.ballot;
    this.replica.reservation = register.revision;
    this.replica.table.put(register, NO_CHANGE);
    this.replica.settle(register.timestamp.ballot, register.timestamp.seq, register.revision);
  }

  mayCampaign(office: number, ballot: Ballot): boolean {
    return (this.campaigned & voteOf(office)) === 0 && compareBallots(ballot, this.replica.promise) > 0;
  }

  campaign(office: number, ballot: Ballot, out: Outbox): void {
    this.campaigned |= voteOf(office);
    this.writer.campaign(ballot, out);
  }

  mayInvoke({ request }: SmallOperation): boolean {
    return request.kind === "read" || this.writer.elected;
  }

  invoke(ticket: number, { request }: SmallOperation, out: Outbox): void {
    if (request.kind === "read") this.reader.read(this.stage.now, ticket, request.read, never, out);
    else this.writer.write(this.stage.now, ticket, request.write, never, out);
  }

  /** Some read may be handed over when it is asked again. */
  get mayHandOver(): boolean {
    for (const read of this.reader["reads"].values()) {
      if (read.phase === "handing-over" || (read.phase === "imposing" && read.refusals !== 0)) return true;
    }
    return false;
  }

  /** The reader asks again, and believes the writer to be there. */
  handOverTo(place: number, out: Outbox): void {
    this.stage.writerPlace = place;
    this.reader.resend(this.stage.now, PATIENCE, out);
  }

  /** The writer sends again what was not answered; nobody else is known to be heard. */
  resend(out: Outbox): void {
    this.writer.resend(this.stage.now, 0, PATIENCE, out);
  }

  receive(from: NodeId, message: GroupMessage, out: Outbox): void {
    if (message.kind === "hand-over") {
      this.handOvers.push(message.attempt);
      this.handOvers.sort((a, b) => a - b);
    }
    // What is left concerns the election.
    deliver(this, this.stage.now, from, this.group.placeOf(from), message, out);
  }

  send(places: number, message: CoreMessage, out: Outbox): void {
    const { group, replica } = this;
    new GroupPost({ group, replica, removed: () => {} }).send(places, message, out);
  }
}
