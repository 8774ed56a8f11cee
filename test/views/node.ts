/** One node of the world of views: the machines of src/core/view with a failure detector, heartbeats, and a disk that may lose its tail. */
import { type Instant, instant } from "../../src/base/time.js";
import { Detector } from "../../src/core/election/detector.js";
import { Heartbeats } from "../../src/core/election/heartbeats.js";
import { ballot } from "../../src/core/model/ballot.js";
import type { Heartbeat, HeartbeatAnswer } from "../../src/core/model/heartbeat.js";
import { groupEpoch, type NodeId, type ViewEpoch, VOTERS } from "../../src/core/model/ids.js";
import { Envelopes } from "../../src/core/model/outbox.js";
import { Chain, type ChainOutbox, type ViewConflict } from "../../src/core/view/chain.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { ViewEntry, ViewMessage } from "../../src/core/view/message.js";
import type { Member } from "../../src/core/view/view.js";
import { Voting } from "../../src/core/view/voting.js";

export type WorldMessage = ViewMessage | Heartbeat | HeartbeatAnswer;

/** A message as a frame carries it: with the newest view that the sender holds durably. */
export interface Framed {
  readonly message: WorldMessage;
  readonly epoch: ViewEpoch;
  readonly digest: string;
}

export class WorldOutbox implements ChainOutbox {
  readonly entries: ViewEntry[] = [];
  readonly sendNow = new Envelopes<WorldMessage>();
  readonly sendDurable = new Envelopes<WorldMessage>();
  readonly learned: EncodedView[] = [];
  readonly conflicts: ViewConflict[] = [];
}

/** What is on disk. A node that comes back begins with it. */
export interface Disk {
  readonly first: EncodedView;
  readonly entries: ViewEntry[];
}

export class ViewNode {
  readonly chain: Chain;
  private readonly voting: Voting;
  private readonly detector: Detector;
  private readonly heartbeats: Heartbeats;
  private started = false;
  private readonly digests = new Map<ViewEpoch, string>();

  constructor(
    readonly id: NodeId,
    disk: Disk,
  ) {
    this.chain = new Chain(id, disk.first);
    this.digests.set(disk.first.view.epoch, disk.first.digest);
    for (const entry of disk.entries) {
      this.chain.restore(entry);
      if (entry.kind === "view") this.digests.set(entry.decided.view.epoch, entry.decided.digest);
    }
    this.detector = new Detector({ self: id, peers: this.peers() });
    this.heartbeats = new Heartbeats({ self: id, detector: this.detector, peers: this.peers() });
    this.voting = new Voting({ chain: this.chain, detector: this.detector, heartbeats: this.heartbeats });
  }

  get isProposer(): boolean {
    return this.chain.proposer?.elected === true;
  }

  framed(message: WorldMessage): Framed {
    const epoch = this.chain.heldEpoch;
    return { message, epoch, digest: this.digests.get(epoch) ?? "" };
  }

  wish(member: Member): void {
    this.chain.wish(member);
  }

  receive(now: Instant, from: NodeId, frame: Framed, out: WorldOutbox): void {
    const { message } = frame;
    switch (message.kind) {
      case "heartbeat":
        out.sendDurable.push(from, this.heartbeats.onHeartbeat(from, message));
        break;
      case "heartbeat-answer":
        if (this.heartbeats.onAnswer(from, message).includes(VOTERS)) this.voting.refresh();
        break;
      case "view-refused":
        this.voting.refused();
        break;
      default:
        this.chain.receive(now, from, message, out);
    }
    if (from !== this.id) this.chain.heard(now, from, frame.epoch, frame.digest, out);
    this.follow(now, out);
  }

  /** The peer's process is another one than before. */
  restarted(peer: NodeId): void {
    this.heartbeats.reset(peer);
  }

  roundEnded(now: Instant, out: WorldOutbox): void {
    if (this.started) {
      this.detector.roundEnded(false);
      this.voting.roundEnded(now, out);
    }
    this.started = true;
    for (const { to, message } of this.heartbeats.nextRound()) out.sendNow.push(to, message);
  }

  resend(now: Instant, out: WorldOutbox): void {
    this.chain.resend(now, out);
  }

  /** Whatever the election says: several proposers at once are what the consensus is for. */
  campaign(now: Instant, out: WorldOutbox): void {
    const { chain } = this;
    if (!chain.isVoter) return;
    chain.campaign(now, ballot(groupEpoch(chain.epoch), chain.promised.round + 1, this.id), out);
    this.voting.refresh();
  }

  propose(now: Instant, next: EncodedView, out: WorldOutbox): boolean {
    return this.chain.propose(now, next, out) === null;
  }

  private follow(now: Instant, out: WorldOutbox): void {
    if (out.learned.length > 0) {
      for (const view of out.learned) this.digests.set(view.view.epoch, view.digest);
      const wasWorking = this.voting.working;
      this.heartbeats.setPeers(this.peers());
      this.voting.viewChanged(now, wasWorking, out);
    } else this.voting.refresh();
  }

  private peers(): NodeId[] {
    return this.chain.newest.view.members.map(({ id }) => id).filter((id) => id !== this.id);
  }
}

export const at = (ms: number): Instant => instant(ms);
