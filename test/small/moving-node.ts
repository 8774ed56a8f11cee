/**
 * One node of a small world whose group moves: node 4 takes the place of node 3 of the first group. Each node may learn
 * of it at any time. From there on it does as src/core/partitions.ts and src/core/transfers.ts do. Those who stay seal
 * and serve the next epoch. Node 3 seals and leaves. Node 4 merges what a majority of the sealed ones holds.
 *
 * The merge has no clock, as all that it asked for stays on its way. So nobody is given up for silence. It chooses the
 * nodes that it hears a bounded number of times. There is no catch-up, as in all small worlds, no late merge and no
 * pre-copy.
 */
import { unreachable } from "../../src/base/assert.js";
import { instant } from "../../src/base/time.js";
import { Life, turnOf } from "../../src/core/life.js";
import { type Attempt, type GroupEpoch, type NodeId, partition } from "../../src/core/model/ids.js";
import type { GroupMessage } from "../../src/core/model/message.js";
import type { Outbox } from "../../src/core/model/outbox.js";
import type { MergeMessage } from "../../src/core/model/transfer-message.js";
import { Attempts } from "../../src/core/quorum/attempts.js";
import { Group } from "../../src/core/quorum/group.js";
import { RESEND_MS } from "../../src/core/quorum/patience.js";
import type { Replica } from "../../src/core/replica/replica.js";
import { Merge } from "../../src/core/transfer/merge.js";
import { Receiver } from "../../src/core/transfer/receiver.js";
import { answerMerge, type SourceLife } from "../../src/core/transfer/source.js";
import { TransferLoad } from "../../src/core/transfer/transfer-load.js";
import type { Placement } from "../../src/core/view/view.js";
import { planted } from "../planted/planted.js";
import { SmallNode, type Stage } from "./node.js";
import { EPOCH, FOUNDERS, NEXT_EPOCH, NEXT_REPLICAS, type SmallWorld } from "./worlds.js";

export type SmallMessage = GroupMessage | MergeMessage;

export const isOfMerge = (message: SmallMessage): message is MergeMessage => "previous" in message;

export const PARTITION = partition(0);
const PREVIOUS = { epoch: EPOCH, replicas: FOUNDERS };
const NEXT: Placement = {
  replicas: NEXT_REPLICAS,
  groupEpoch: NEXT_EPOCH,
  previous: { groupEpoch: EPOCH, replicas: FOUNDERS },
  ready: [],
};
const NOW = instant(0);
const PATIENCE = { firstMs: RESEND_MS, returned: 0 };

export class MovingNode extends SmallNode {
  /** null: it has no copy yet. */
  private life: Life | null;
  private learned = false;
  private merge: Merge | null = null;
  private turns: number;
  private readonly mergeAttempts: Attempts;

  constructor(
    place: number,
    private readonly self: NodeId,
    private readonly world: SmallWorld,
    stage: Stage,
  ) {
    const founds = FOUNDERS.includes(self);
    super(place, founds ? new Group(PARTITION, EPOCH, FOUNDERS, self) : nextGroup(self), stage);
    this.life = founds ? new Life(EPOCH) : null;
    this.turns = world.move?.turns ?? 0;
    this.mergeAttempts = new Attempts(1_000 * (place + 1) + 800);
  }

  override takes(epoch: GroupEpoch): "now" | "later" | "never" {
    const { life } = this;
    if (life?.left != null || epoch < this.copy.group.epoch) return "never";
    return life?.ready === true && epoch === life.epoch ? "now" : "later";
  }

  /**
   * The next view is learned. `goesOn`: the writer stays and campaigns at once, as it does unless it is about to stop.
   * False: it is known, or this node is no writer that could go on.
   */
  learn(goesOn: boolean, out: Outbox): boolean {
    const office = this.world.offices.findIndex((one) => one.node === this.self && one.groupEpoch === NEXT_EPOCH);
    const ballot = this.world.offices[office];
    if (this.learned || (goesOn && (!this.copy.writer.elected || ballot === undefined))) return false;
    this.learned = true;
    const turn = turnOf(this.life, NEXT, this.self);
    const { replica, writer } = this.copy;
    switch (turn) {
      case "none":
        break;
      case "stays": {
        if (!goesOn) writer.resign(out);
        const unclear = this.copy.seal(out);
        this.life?.seal(NEXT_EPOCH, true);
        const group = nextGroup(this.self);
        replica.stay(group, out);
        this.enterGroup(group, replica);
        this.copy.writer.inherit(unclear);
        if (goesOn && ballot !== undefined) this.campaign(office, ballot, out);
        break;
      }
      case "leaves":
        writer.resign(out);
        this.copy.seal(out);
        this.life?.seal(NEXT_EPOCH, false);
        this.enterGroup(this.copy.group, replica);
        break;
      case "begins":
        this.life = new Life(NEXT_EPOCH);
        this.merge = this.mergeInto(replica);
        break;
      default:
        unreachable(turn);
    }
    return true;
  }

  /** The newcomer hears these replicas of the group before. False: it merges nothing, or has had its turns. */
  hear(heard: number, out: Outbox): boolean {
    if (this.merge === null || this.turns === 0) return false;
    this.turns--;
    this.merge.tick(NOW, heard, PATIENCE, out);
    this.look();
    return true;
  }

  receiveOfMerge(from: NodeId, message: MergeMessage, out: Outbox): void {
    switch (message.kind) {
      case "ask-states":
      case "ask-keys": {
        const answer = answerMerge(message, this.copy.replica, this.sourceLife);
        if (answer !== null) out.sendDurable.push(from, answer);
        return;
      }
      case "states":
        this.merge?.onStates(NOW, from, message, out);
        break;
      case "keys-held":
        this.merge?.onKeysHeld(NOW, from, message, out);
        break;
      default:
        unreachable(message);
    }
    this.look();
  }

  /** It has sealed the first group, so that it may answer a merge. */
  get sealed(): boolean {
    return this.sourceLife.hasSealed(EPOCH) || planted("V3.unsealed");
  }

  /** An answer to that question of its merge still counts. */
  awaits(attempt: Attempt): boolean {
    const { merge } = this;
    if (merge === null) return false;
    return (
      merge["fetching"].question?.attempt === attempt ||
      merge["sources"].streams.some((one) => one.question?.attempt === attempt)
    );
  }

  /** The merge is through: the copy serves. */
  private look(): void {
    if (this.merge?.ready !== true || this.life === null) return;
    this.merge = null;
    this.life.ready = true;
    this.enterGroup(this.copy.group, this.copy.replica);
  }

  /** Nothing of the epoch before counts any more. */
  private enterGroup(group: Group, replica: Replica): void {
    this.copy = this.open(group, replica);
    this.campaigned = 0;
    this.handOvers.length = 0;
  }

  private mergeInto(replica: Replica): Merge {
    const group = nextGroup(this.self);
    const receiver = new Receiver(group, replica, replica.table);
    const parts = { group, previous: PREVIOUS, receiver, own: null, restored: null };
    return new Merge({ ...parts, attempts: this.mergeAttempts, load: new TransferLoad() });
  }

  /** As src/core/transfers.ts tells of it. */
  private get sourceLife(): SourceLife {
    const { life } = this;
    return {
      wasReady: (epoch) => life?.ready === true && life.copy <= epoch && epoch <= life.epoch,
      hasSealed: (epoch) => life !== null && (life.left !== null || life.epoch > epoch),
      newest: this.learned ? NEXT_EPOCH : EPOCH,
    };
  }
}

const nextGroup = (self: NodeId): Group => new Group(PARTITION, NEXT_EPOCH, NEXT_REPLICAS, self);
