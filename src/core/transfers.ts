/**
 * The transfers of a node. A copy here that is not ready has a merge. One that waits for bad keys of the group before
 * has a late merge. Others that take over from copies here get their answers. This class only joins the machines of
 * transfer/ with the copies and the newest view.
 */
import { unreachable } from "../base/assert.js";
import type { Instant } from "../base/time.js";
import { voteOf } from "../base/votes.js";
import type { Detector } from "./election/detector.js";
import type { RoundTrips } from "./election/round-trips.js";
import type { Entry } from "./model/entry.js";
import type { GroupEpoch, NodeId, Partition } from "./model/ids.js";
import type { Outbox } from "./model/outbox.js";
import { planted } from "./model/planted.js";
import type { MergeMessage } from "./model/transfer-message.js";
import type { KeptCopy, Partitions } from "./partitions.js";
import type { Attempts } from "./quorum/attempts.js";
import { Group } from "./quorum/group.js";
import { type Patience, RESEND_MS } from "./quorum/patience.js";
import type { Replica } from "./replica/replica.js";
import { LateMerge } from "./transfer/late-merge.js";
import { Merge } from "./transfer/merge.js";
import type { PreviousGroup } from "./transfer/merge-sources.js";
import { Receiver } from "./transfer/receiver.js";
import { answerMerge, type SourceLife } from "./transfer/source.js";
import { TransferLoad, type TransferPace } from "./transfer/transfer-load.js";
import type { ClusterSettings } from "./view/settings.js";
import { type Placement, placementOf, type View } from "./view/view.js";

export interface TransfersOptions {
  readonly self: NodeId;
  readonly copies: Partitions;
  readonly attempts: Attempts;
  readonly detector: Detector;
  readonly roundTrips: RoundTrips;
  /** Without it transfers have no limit but that of bytes at a time. */
  readonly pace?: (settings: ClusterSettings) => TransferPace;
}

/** A copy here whose merge is through. */
export interface MergedCopy {
  readonly partition: Partition;
  readonly cursors: readonly Extract<Entry, { kind: "cursor" }>[];
}

interface Running<M> {
  readonly epoch: GroupEpoch;
  readonly previous: PreviousGroup;
  readonly machine: M;
}

export class Transfers {
  readonly load = new TransferLoad();
  /** Copies whose merge is through; the core makes them ready in the same step. */
  readonly through: MergedCopy[] = [];
  private readonly merges = new Map<Partition, Running<Merge>>();
  private readonly lates = new Map<Partition, Running<LateMerge>>();
  /** Nodes that were heard at the last tick. */
  private heardBefore: ReadonlySet<NodeId> = new Set();

  constructor(private readonly options: TransfersOptions) {}

  /** Needs `tick` to be called in time. */
  get busy(): boolean {
    return this.merges.size > 0 || this.lates.size > 0;
  }

  /** The merges under way, and what each waits for. */
  get running(): ReadonlyMap<Partition, Running<Merge>> {
    return this.merges;
  }

  /** The newest view counts, or copies that it made have begun. */
  follow(view: View): void {
    for (const [partition, { machine }] of this.merges)
      if (!this.wantsMerge(partition, placementOf(view, partition))) this.end(this.merges, partition, machine);
    for (const [partition, { machine }] of this.lates)
      if (!this.wantsLate(partition, placementOf(view, partition))) this.end(this.lates, partition, machine);
    for (const partition of this.options.copies.newest.keys()) {
      const placement = placementOf(view, partition);
      if (!this.merges.has(partition) && this.wantsMerge(partition, placement)) this.begin(partition, placement);
      if (!this.lates.has(partition) && this.wantsLate(partition, placement)) this.beginLate(partition, placement);
    }
  }

  receive(now: Instant, from: NodeId, message: MergeMessage, view: View, out: Outbox): void {
    const { partition } = message;
    const merge = this.merges.get(partition)?.machine;
    switch (message.kind) {
      case "ask-states":
      case "ask-keys": {
        const source = this.sourceOf(partition, message.previous);
        if (source === null) return;
        const answer = answerMerge(message, source.replica, this.lifeOf(source.kept, partition, view));
        // Its seal may have come in this very step.
        const sink = planted("V3.told-early") ? out.sendNow : out.sendDurable;
        if (answer !== null) sink.push(from, answer);
        return;
      }
      case "states":
        merge?.onStates(now, from, message, out);
        break;
      case "keys-held":
        merge?.onKeysHeld(now, from, message, out);
        this.lates.get(partition)?.machine.onKeysHeld(now, from, message, out);
        break;
      default:
        return unreachable(message);
    }
    this.look(partition);
  }

  tick(now: Instant, view: View, out: Outbox): void {
    const { pace } = this.options;
    if (pace !== undefined) this.load.follow(now, pace(view.settings ?? {}));
    const heardNow = new Set<NodeId>();
    let fetching = 0;
    for (const [partition, { previous, machine }] of this.merges) {
      const heard = this.heardOf(previous, heardNow);
      if (fetching >= this.load.partitions) continue;
      // One that can do nothing does not keep others waiting.
      if (machine.waitsFor === null || machine.waitsFor === "room" || machine.waitsFor === "rate") fetching++;
      machine.tick(now, heard, this.patience(previous, heard), out);
      this.look(partition);
    }
    for (const [partition, { previous, machine }] of this.lates) {
      const heard = this.heardOf(previous, heardNow);
      if (machine.busy) machine.tick(now, heard, this.patience(previous, heard), out);
      else if (!this.wantsLate(partition, placementOf(view, partition))) this.end(this.lates, partition, machine);
    }
    this.heardBefore = heardNow;
  }

  /** Notes that the merge is through. */
  private look(partition: Partition): void {
    const running = this.merges.get(partition);
    if (running?.machine.ready !== true) return;
    this.merges.delete(partition);
    this.through.push({ partition, cursors: running.machine.cursors });
  }

  private begin(partition: Partition, placement: Placement): void {
    const { self, attempts } = this.options;
    const parts = this.partsOf(partition, placement);
    if (parts === null) return;
    const { replica, group, previous, receiver } = parts;
    const own = previous.replicas.includes(self) ? this.sourceOf(partition, previous.epoch) : null;
    const { load } = this;
    const source = own?.replica ?? null;
    const machine = new Merge({ group, previous, receiver, own: source, attempts, load, restored: replica.merged });
    this.merges.set(partition, { epoch: placement.groupEpoch, previous, machine });
  }

  private beginLate(partition: Partition, placement: Placement): void {
    const parts = this.partsOf(partition, placement);
    if (parts === null) return;
    const { replica, group, previous, receiver } = parts;
    // The writer is asked for them, too.
    for (const key of replica.inherited.marks.keys()) replica.look(key);
    const machine = new LateMerge({ group, previous, receiver, attempts: this.options.attempts, load: this.load });
    this.lates.set(partition, { epoch: placement.groupEpoch, previous, machine });
  }

  /** null: nothing is taken over here. */
  private partsOf(partition: Partition, placement: Placement) {
    const { self, copies } = this.options;
    const replica = copies.newest.get(partition)?.replica ?? null;
    const previous = previousOf(placement);
    if (replica === null || previous === null) return null;
    const group = new Group(partition, placement.groupEpoch, placement.replicas, self);
    return { replica, previous, group, receiver: new Receiver(group, replica, replica.table) };
  }

  private end<M extends Merge | LateMerge>(of: Map<Partition, Running<M>>, partition: Partition, machine: M): void {
    machine.stop();
    of.delete(partition);
  }

  private wantsMerge(partition: Partition, placement: Placement): boolean {
    const kept = this.takingOver(partition, placement, this.merges.get(partition));
    return kept !== null && !kept.life.ready && !kept.life.isSilent(placement);
  }

  private wantsLate(partition: Partition, placement: Placement): boolean {
    const kept = this.takingOver(partition, placement, this.lates.get(partition));
    return kept?.life.ready === true && (kept.replica?.inherited.marks.size ?? 0) > 0;
  }

  /** The copy here, when it is of the newest group and that one's move goes on; a machine of another group ends. */
  private takingOver(
    partition: Partition,
    { groupEpoch, previous }: Placement,
    running: { readonly epoch: GroupEpoch } | undefined,
  ): KeptCopy | null {
    const kept = this.options.copies.newest.get(partition);
    if (kept === undefined || kept.replica === null || previous === undefined) return null;
    const { left, epoch } = kept.life;
    const isSame = running === undefined || running.epoch === groupEpoch;
    return left === null && epoch === groupEpoch && isSame ? kept : null;
  }

  /** The copy here that was a ready replica of that group and has sealed it. */
  private sourceOf(partition: Partition, epoch: GroupEpoch): { kept: KeptCopy; replica: Replica } | null {
    const { newest, older } = this.options.copies;
    const kept = newest.get(partition);
    for (const one of [...(kept === undefined ? [] : [kept]), ...(older.get(partition) ?? [])])
      if (one.replica !== null && wasReady(one, epoch)) return { kept: one, replica: one.replica };
    return null;
  }

  private lifeOf(kept: KeptCopy, partition: Partition, view: View): SourceLife {
    return {
      wasReady: (epoch) => wasReady(kept, epoch),
      hasSealed: (epoch) => kept.life.left !== null || kept.life.epoch > epoch,
      newest: placementOf(view, partition).groupEpoch,
    };
  }

  private heardOf({ replicas }: PreviousGroup, heardNow: Set<NodeId>): number {
    let heard = 0;
    for (const [place, node] of replicas.entries()) {
      if (!this.options.detector.hears(node)) continue;
      heardNow.add(node);
      heard |= voteOf(place);
    }
    return heard;
  }

  private patience({ replicas }: PreviousGroup, heard: number): Patience {
    let longest = 0;
    let returned = 0;
    for (const [place, node] of replicas.entries()) {
      if ((heard & voteOf(place)) === 0) continue;
      longest = Math.max(longest, this.options.roundTrips.of(node));
      if (!this.heardBefore.has(node)) returned |= voteOf(place);
    }
    return { firstMs: RESEND_MS + longest, returned };
  }
}

const wasReady = ({ life }: KeptCopy, epoch: GroupEpoch): boolean =>
  (life.ready || planted("V3.unready-source")) && life.copy <= epoch && epoch <= life.epoch;

const previousOf = ({ previous }: Placement): PreviousGroup | null =>
  previous === undefined ? null : { epoch: previous.groupEpoch, replicas: previous.replicas };
