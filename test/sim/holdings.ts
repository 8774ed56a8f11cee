/**
 * The durable content of a disk, as told from outside. An entry counts from the moment at which its write is on the
 * disk, or at which recovery finds it after a crash. The content that a node finds when it comes back is compared with
 * that.
 */
import type { SeenPosition } from "../../src/codec/disk/entry.js";
import {
  type Ballot,
  compareBallots,
  formatTimestamp,
  sameBallot,
  sameTimestamp,
} from "../../src/core/model/ballot.js";
import {
  type ChangeNumber,
  changeNumber,
  FOUNDING,
  type GroupEpoch,
  type Key,
  type NodeId,
  type Partition,
} from "../../src/core/model/ids.js";
import { isViewEntry, type NodeEntry } from "../../src/core/model/node-entry.js";
import type { Register } from "../../src/core/model/register.js";
import type { RegisterTable } from "../../src/core/model/table.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { ViewEntry, ViewVote } from "../../src/core/view/message.js";
import type { CopyStorage } from "../../src/ports/storage.js";
import type { Sometimes } from "./sometimes.js";

interface Held {
  readonly register: Register;
  readonly change: ChangeNumber;
  /** The log record that it came with. */
  readonly number: number;
}

export interface HoldingsOptions {
  readonly partitions: number;
  readonly sometimes: Sometimes;
  /** A node found something else than was held. */
  readonly differs: (detail: string) => void;
}

export class Holdings {
  private readonly held = new Map<Partition, Map<Key, Held>>();
  private readonly promises = new Map<Partition, Ballot>();
  /** Entries that only rise, by name: reservations, floors, positions of peers. */
  private readonly limits = new Map<string, number>();
  /** The newest view, and what was promised and accepted for its successor. */
  private view: EncodedView | null = null;
  private viewPromise: Ballot | null = null;
  private viewVote: ViewVote | null = null;
  private readonly rotten = new Map<Partition, Map<Key, true>>();
  /** The copies that were begun; "gone": the newest one was dropped. */
  private readonly newest = new Map<Partition, GroupEpoch | "gone">();

  constructor(private readonly options: HoldingsOptions) {}

  of(partition: Partition, key: Key): Held | undefined {
    return this.held.get(partition)?.get(key);
  }

  /** Nothing of the key rotted since it was written. */
  sound(partition: Partition, key: Key): boolean {
    return this.rotten.get(partition)?.has(key) !== true;
  }

  rot(partition: Partition, key: Key): void {
    mapIn(this.rotten, partition).set(key, true);
  }

  /** The most that is known here of this peer's log. */
  seen(peer: NodeId): number {
    return this.limits.get(`seen/${peer}`) ?? 0;
  }

  /** The record of this number is on the disk. */
  take(entry: NodeEntry | SeenPosition, number: number): void {
    switch (entry.kind) {
      case "register": {
        const { partition, register, change } = entry;
        mapIn(this.held, partition).set(register.key, { register, change, number });
        this.rotten.get(partition)?.delete(register.key);
        return;
      }
      case "removed":
        this.held.get(entry.partition)?.delete(entry.key);
        this.rotten.get(entry.partition)?.delete(entry.key);
        return;
      case "seen":
        return this.raise(`seen/${entry.node}`, entry.position);
      case "begun":
        this.newest.set(entry.partition, entry.copy);
        return this.forget(entry.partition);
      case "dropped":
        if (entry.copy !== (this.newest.get(entry.partition) ?? FOUNDING)) return;
        this.newest.set(entry.partition, "gone");
        return this.forget(entry.partition);
      case "promise": {
        const before = this.promises.get(entry.partition);
        if (before === undefined || compareBallots(entry.ballot, before) > 0)
          this.promises.set(entry.partition, entry.ballot);
        return;
      }
      case "reservation":
        return this.raise(`reservation/${entry.partition}`, entry.reservation);
      case "floor":
        return this.raise(`floor/${entry.partition}`, entry.floor);
      case "view":
      case "view-promise":
      case "view-vote":
        return this.takeView(entry);
      default:
        return;
    }
  }

  /** Recovery found what was durable. */
  compare(storage: Pick<CopyStorage, "copies" | "restored">): void {
    const { partitions, differs } = this.options;
    // To ask for a table that is not there would begin one.
    const tables = new Map([...storage.copies()].map(({ partition, table }) => [partition, table]));
    for (let p = 0; p < partitions; p++)
      if (this.newest.get(p as Partition) !== "gone") this.compareTable(p as Partition, tables.get(p as Partition));
    const promises = new Map<Partition, Ballot>();
    for (const entry of storage.restored()) {
      if (entry.kind === "promise") promises.set(entry.partition, entry.ballot);
      else if (entry.kind === "reservation") this.compareLimit(entry.kind, entry.partition, entry.reservation);
      else if (entry.kind === "floor") this.compareLimit(entry.kind, entry.partition, entry.floor);
    }
    this.compareViews([...storage.restored()].filter(isViewEntry));
    for (const [partition, ballot] of this.promises) {
      const found = promises.get(partition);
      if (found === undefined || !sameBallot(found, ballot)) differs(`has lost a promise of partition ${partition}`);
    }
  }

  /** Another copy is the newest from now on, or there is none. */
  private forget(partition: Partition): void {
    this.held.delete(partition);
    this.rotten.delete(partition);
    this.promises.delete(partition);
    this.limits.delete(`reservation/${partition}`);
    this.limits.delete(`floor/${partition}`);
  }

  private takeView(entry: ViewEntry): void {
    if (entry.kind === "view") {
      if (entry.decided.view.epoch > (this.view?.view.epoch ?? 0)) this.view = entry.decided;
      return;
    }
    const ballot = entry.kind === "view-vote" ? entry.vote.ballot : entry.ballot;
    if (this.viewPromise === null || compareBallots(ballot, this.viewPromise) >= 0) this.viewPromise = ballot;
    if (entry.kind === "view-vote") this.viewVote = entry.vote;
  }

  /** Promises and votes of instances that are over are nobody's business any more. */
  private compareViews(found: readonly ViewEntry[]): void {
    const { differs } = this.options;
    const epoch = this.view?.view.epoch ?? 0;
    const view = found.findLast((entry) => entry.kind === "view")?.decided ?? null;
    if (view?.digest !== this.view?.digest) differs(`has lost view ${epoch}`);
    const promise = found.findLast((entry) => entry.kind === "view-promise")?.ballot ?? null;
    const { viewPromise, viewVote } = this;
    if (
      viewPromise !== null &&
      viewPromise.groupEpoch >= epoch &&
      (promise === null || !sameBallot(promise, viewPromise))
    )
      differs("has lost what it promised for the next view");
    const vote = found.findLast((entry) => entry.kind === "view-vote")?.vote ?? null;
    if (viewVote === null || viewVote.ballot.groupEpoch < epoch) return;
    if (vote === null || !sameBallot(vote.ballot, viewVote.ballot)) differs("has lost its vote for the next view");
  }

  private raise(name: string, to: number): void {
    if (to > (this.limits.get(name) ?? 0)) this.limits.set(name, to);
  }

  private compareLimit(kind: string, partition: Partition, found: number): void {
    const was = this.limits.get(`${kind}/${partition}`) ?? 0;
    if (found !== was) this.options.differs(`has ${kind} ${found} of partition ${partition}, not ${was}`);
  }

  private compareTable(partition: Partition, table: RegisterTable | undefined): void {
    const { differs, sometimes } = this.options;
    const held = this.held.get(partition) ?? new Map<Key, Held>();
    const found = table?.changesAfter(changeNumber(0), MANY) ?? [];
    if (found.length !== held.size)
      differs(`has ${found.length} registers of partition ${partition}, not ${held.size}`);
    for (const { key, timestamp } of found) {
      const was = held.get(key);
      if (timestamp === null) {
        sometimes.hit("a node came back with a rotten register");
        if (this.sound(partition, key)) differs(`takes ${key} for bad, and nothing of it rotted`);
      } else {
        if (was === undefined || !sameTimestamp(was.register.timestamp, timestamp))
          differs(`has ${key} at ${formatTimestamp(timestamp)}`);
        // Where it rotted the checkpoint or the log had it again.
        this.rotten.get(partition)?.delete(key);
      }
    }
  }
}

/** More than a run has keys. */
const MANY = 1_000;

export function mapIn<Value>(maps: Map<Partition, Map<Key, Value>>, partition: Partition): Map<Key, Value> {
  let map = maps.get(partition);
  if (map === undefined) {
    map = new Map();
    maps.set(partition, map);
  }
  return map;
}
