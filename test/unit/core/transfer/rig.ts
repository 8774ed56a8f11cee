/**
 * Copies of one partition by hand: what a source holds is put there, and each message of a transfer is carried or not.
 */
import { type Instant, instant } from "../../../../src/base/time.js";
import { voteOf } from "../../../../src/base/votes.js";
import { ballot, timestamp } from "../../../../src/core/model/ballot.js";
import { CompletionRecords } from "../../../../src/core/model/completion-records.js";
import type { Entry } from "../../../../src/core/model/entry.js";
import {
  type ChangeNumber,
  changeNumber,
  type GroupEpoch,
  groupEpoch,
  key as keyOf,
  type NodeId,
  nodeId,
  partition,
  revision,
} from "../../../../src/core/model/ids.js";
import { Envelopes } from "../../../../src/core/model/outbox.js";
import { Register } from "../../../../src/core/model/register.js";
import { MemoryTable } from "../../../../src/core/model/table.js";
import type { TransferAnswer, TransferQuestion } from "../../../../src/core/model/transfer-message.js";
import { Attempts } from "../../../../src/core/quorum/attempts.js";
import { Group } from "../../../../src/core/quorum/group.js";
import { Replica } from "../../../../src/core/replica/replica.js";
import type { PreviousGroup } from "../../../../src/core/transfer/merge-sources.js";
import { Receiver } from "../../../../src/core/transfer/receiver.js";
import { answerMerge, answerPreCopy, type SourceCopy } from "../../../../src/core/transfer/source.js";
import { TransferLoad } from "../../../../src/core/transfer/transfer-load.js";

export const P = partition(0);
export const OLD: PreviousGroup = { epoch: groupEpoch(1), replicas: [1, 2, 3].map(nodeId) };
export const NEW = groupEpoch(2);
export const PATIENCE = { firstMs: 100, returned: 0 };
export const EVERYBODY = 0b111;
export const at = (ms: number): Instant => instant(ms);

export const register = (name: string, seq: number, value = `${seq}`, epoch = 1): Register =>
  new Register(
    keyOf(name),
    timestamp(ballot(groupEpoch(epoch), 1, nodeId(1)), seq),
    Buffer.from(value),
    revision(seq),
    revision(seq),
    revision(0),
    CompletionRecords.none,
  );

export class Outbox {
  readonly entries: Entry[] = [];
  readonly sendNow = new Envelopes<TransferQuestion>();
  readonly sendDurable = new Envelopes<TransferAnswer>();

  questions(): { to: NodeId; message: TransferQuestion }[] {
    const found: { to: NodeId; message: TransferQuestion }[] = [];
    this.sendNow.each((to, message) => found.push({ to, message }));
    return found;
  }
}

/** A replica of the old group, sealed unless said otherwise. */
export class Source {
  table = new MemoryTable();
  copy = groupEpoch(1);
  sealed = true;
  ready = true;
  newest: GroupEpoch = NEW;
  readonly replica: Replica;

  constructor(readonly id: NodeId) {
    this.replica = new Replica(new Group(P, OLD.epoch, OLD.replicas, id), this.table);
  }

  put(one: Register, settled = false): void {
    this.table.put(one, this.next(), settled);
  }

  remove(name: string): void {
    this.table.remove(keyOf(name), this.next());
  }

  answer(asked: TransferQuestion): TransferAnswer | null {
    const life = { wasReady: () => this.ready, hasSealed: () => this.sealed, newest: this.newest };
    if (asked.kind === "ask-registers" || asked.kind === "ask-delta")
      return answerPreCopy(asked, this.asSource(), life);
    return answerMerge(asked, this.asSource(), life);
  }

  private next(): ChangeNumber {
    return changeNumber(this.table.lastChange + 1);
  }

  private asSource(): SourceCopy {
    const { replica, copy, table } = this;
    const { revisions, inherited, tookOver } = replica;
    return {
      copy,
      table,
      revisions,
      inherited,
      tookOver,
      look: (key) => (inherited.has(key) ? "bad" : table.get(key)),
      isSettled: ({ key }) => table.orderedAfter(null, 1_000).some((held) => held.key === key && held.settled),
    };
  }
}

/** The copy that takes over: of node 4, unless said otherwise. */
export class Target {
  readonly table = new MemoryTable();
  readonly group: Group;
  readonly replica: Replica;
  readonly receiver: Receiver;
  readonly attempts = new Attempts(0);
  readonly load = new TransferLoad();

  constructor(self = nodeId(4), replicas: readonly number[] = [1, 2, 4]) {
    this.group = new Group(P, NEW, replicas.map(nodeId), self);
    this.replica = new Replica(this.group, this.table);
    this.receiver = new Receiver(this.group, this.replica, this.table);
  }

  /** "k=3 l=bad": what it holds, by seq. */
  get held(): string {
    const keys = new Set(this.table.orderedAfter(null, 1_000).map(({ key }) => key));
    for (const key of this.receiver.inherited.marks.keys()) keys.add(key);
    return [...keys]
      .map((key) => {
        const held = this.replica.look(key);
        return `${key}=${held === "bad" || held === null ? held : held.timestamp.seq}`;
      })
      .join(" ");
  }
}

export const only = (...places: number[]): number => places.reduce((mask, place) => mask | voteOf(place), 0);
