/**
 * The events of a node, in lines for the operator. They are peers lost and heard again, offices taken and lost,
 * partitions without a writer, catch-up, dropped messages, a disk that stands still. The core says none of it, as it is
 * pure: twice a second a snapshot of it is compared with the one before. So a storm, in which thousands of partitions
 * change their writer, is a line with counts; each partition has its line at debug.
 */
import { type NodeId, type Partition, partition as partitionOf } from "../core/model/ids.js";
import { memberOf } from "../core/view/view.js";
import { isEmptied } from "../core/view/wished-moves.js";
import type { ServingNode } from "../rpc/services/serving.js";
import type { Facts } from "./log.js";

const LOOK_MS = 500;
const START_LOOKS = 20;
/** A disk is worth a line once it has stood still for so long. */
const STANDING_MS = 1_000;
/** Fewer changes are caught up before anybody reads of it. */
const FAR_BEHIND = 1_000;
/** Dropped messages are counted for so long before the next line. */
const DROPS_EVERY_MS = 10_000;

export interface NewsListeners {
  readonly notice: (text: string, facts: Facts) => void;
  /** At debug: of single partitions. */
  readonly detail: (text: string, facts: Facts) => void;
}

export class NodeNews {
  private timer: NodeJS.Timeout | null = null;
  private readonly heard = new Map<NodeId, boolean>();
  private readonly lost = new Set<NodeId>();
  /** Lost members, and whether some of their replicas still wait; null: nobody has looked yet. */
  private given: ReadonlyMap<NodeId, boolean> | null = null;
  private readonly writers = new Map<Partition, NodeId | null>();
  private without = 0;
  /** performance.now() when it began. */
  private behindSince: number | null = null;
  private stoodSince: number | null = null;
  private dropped = 0;
  private droppedAt = Number.NEGATIVE_INFINITY;
  /**
   * The first writers belong to the start: told of is what comes after each partition had one, or after so many looks.
   */
  private begun = false;
  private looks = 0;

  constructor(
    private readonly node: ServingNode,
    private readonly listeners: NewsListeners,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.look(performance.now()), LOOK_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  look(now: number): void {
    this.lookAtPeers();
    this.lookAtLost();
    this.lookAtOffices();
    this.lookAtCopies(now);
    this.lookAtDrops(now);
    this.lookAtDisk(now);
  }

  private lookAtPeers(): void {
    const { status } = this.node;
    for (const { id, peerAddress } of this.node.views.view.members) {
      if (id === status.self) continue;
      const before = this.heard.get(id) ?? false;
      const hears = status.hears(id);
      this.heard.set(id, hears);
      // That a peer is heard for the first time belongs to the start.
      if (before === hears || (hears && !this.lost.delete(id))) continue;
      if (!hears) this.lost.add(id);
      this.listeners.notice(`node ${id} at ${peerAddress} is ${hears ? "heard again" : "not heard any more"}`, {
        event: "peer",
        peer: id,
        peerAddress,
        heard: hears,
      });
    }
  }

  /** As the views tell. A node that begins says nothing of what was decided before. */
  private lookAtLost(): void {
    const { view } = this.node.views;
    const now = new Map(this.node.status.lost.map((id) => [id, !isEmptied(view.partitions, id)]));
    const before = this.given;
    this.given = now;
    if (before === null) return;
    for (const [id, waits] of now) {
      const facts = { event: "healing", peer: id };
      const name = `node ${id} at ${memberOf(view, id)?.peerAddress ?? "?"}`;
      if (!before.has(id))
        this.listeners.notice(`${name} was not heard for long: others get its replicas`, { ...facts, state: "begun" });
      if (!waits && before.get(id) !== false)
        this.listeners.notice(`others have all replicas of ${name}`, { ...facts, state: "healed" });
    }
    for (const id of before.keys()) {
      if (now.has(id)) continue;
      const text =
        memberOf(view, id) === undefined
          ? `node ${id}, which was lost, is a member no more`
          : `node ${id} is heard again, and gets its share of the replicas`;
      this.listeners.notice(text, { event: "healing", peer: id, state: "ended" });
    }
  }

  private lookAtOffices(): void {
    const { status } = this.node;
    const { view } = this.node.views;
    let [taken, lost, changed, mine, without] = [0, 0, 0, 0, 0];
    for (let p = 0; p < view.partitions.length; p++) {
      const partition = partitionOf(p);
      const before = this.writers.get(partition) ?? null;
      const writer = status.writerOf(partition);
      this.writers.set(partition, writer);
      if (writer === status.self) mine++;
      if (writer === null) without++;
      if (writer === before) continue;
      changed++;
      if (writer === status.self) taken++;
      if (before === status.self) lost++;
      if (this.begun) this.tellWriter(partition, writer);
    }
    const none = without !== this.without;
    const told = this.begun && (taken > 0 || lost > 0 || none);
    this.without = without;
    if (!this.begun) this.lookAtStart(view.partitions.length, mine);
    if (!told) return;
    const parts = [
      `writers changed in ${changed} of ${view.partitions.length} partitions`,
      `this node writes ${mine} (${taken} taken, ${lost} lost)`,
      without === 0 ? "each has a writer" : `${without} have none`,
    ];
    this.listeners.notice(parts.join("; "), { event: "writers", changed, taken, lost, offices: mine, without });
  }

  /**
   * The first elections are one line, once they are over or have taken long. A node that finds all writers at its first
   * look missed none.
   */
  private lookAtStart(partitions: number, offices: number): void {
    this.looks++;
    this.begun = this.without === 0 || this.looks >= START_LOOKS;
    if (!this.begun || this.looks === 1) return;
    const all = `each of ${partitions} partitions has a writer`;
    const some = `${this.without} of ${partitions} partitions have no writer yet`;
    this.listeners.notice(`${this.without === 0 ? all : some}; this node writes ${offices}`, {
      event: "first-writers",
      offices,
      without: this.without,
    });
  }

  private tellWriter(partition: Partition, writer: NodeId | null): void {
    const address = writer === null ? "" : (memberOf(this.node.views.view, writer)?.clientAddress ?? "");
    const text =
      writer === null
        ? `partition ${partition} has no writer`
        : `partition ${partition} is written by node ${writer} at ${address}`;
    this.listeners.detail(text, { event: "writer", partition, writer: writer ?? 0 });
  }

  private lookAtCopies(now: number): void {
    const { changes: behind, partitions } = this.node.status.lacking;
    if (this.behindSince === null && behind >= FAR_BEHIND) {
      this.behindSince = now;
      this.listeners.notice(`catching up: ${behind} changes behind, in ${partitions} partitions`, {
        event: "catch-up",
        behind,
        partitions,
      });
    } else if (this.behindSince !== null && behind < FAR_BEHIND / 10) {
      const seconds = secondsSince(this.behindSince, now);
      this.behindSince = null;
      this.listeners.notice(`caught up, after ${seconds} s`, { event: "catch-up", behind, seconds });
    }
  }

  private lookAtDrops(now: number): void {
    const { messagesDropped } = this.node.counters;
    const dropped = messagesDropped - this.dropped;
    if (dropped <= 0 || now - this.droppedAt < DROPS_EVERY_MS) return;
    this.dropped = messagesDropped;
    this.droppedAt = now;
    this.listeners.notice(`${dropped} messages to other nodes were dropped, as too much waits for them`, {
      event: "dropped-messages",
      dropped,
    });
  }

  private lookAtDisk(now: number): void {
    const standing = this.node.status.diskStandingMs;
    if (this.stoodSince === null && standing >= STANDING_MS) {
      this.stoodSince = now - standing;
      const seconds = secondsSince(this.stoodSince, now);
      this.listeners.notice(`the disk has stood still for ${seconds} s: reads are passed on to other nodes`, {
        event: "disk-stall",
        moves: false,
        seconds,
      });
    } else if (this.stoodSince !== null && standing < STANDING_MS) {
      const seconds = secondsSince(this.stoodSince, now);
      this.stoodSince = null;
      this.listeners.notice(`the disk moves again, after ${seconds} s`, { event: "disk-stall", moves: true, seconds });
    }
  }
}

const secondsSince = (began: number, now: number): number => Math.round((now - began) / 100) / 10;
