/**
 * One node of the world of views: the machines of src/core/view with a failure detector, heartbeats, and a disk that
 * may lose its tail.
 */
import { type Duration, type Instant, instant } from "../../src/base/time.js";
import { Detector } from "../../src/core/election/detector.js";
import { Heartbeats } from "../../src/core/election/heartbeats.js";
import { ballot } from "../../src/core/model/ballot.js";
import type { Heartbeat, HeartbeatAnswer } from "../../src/core/model/heartbeat.js";
import { groupEpoch, type NodeId, type ViewEpoch, VOTERS } from "../../src/core/model/ids.js";
import { Envelopes } from "../../src/core/model/outbox.js";
import type { Chain } from "../../src/core/view/chain.js";
import type { ChainOutbox, ViewConflict } from "../../src/core/view/chain-outbox.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { ViewEntry, ViewMessage } from "../../src/core/view/message.js";
import type { Member } from "../../src/core/view/view.js";
import { Views } from "../../src/core/view/views.js";
import { ONLY, type Version } from "./views.js";

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

/** The content of the disk. A node that comes back begins with it. */
export interface Disk {
  readonly first: EncodedView;
  readonly entries: ViewEntry[];
}

export class ViewNode {
  private readonly views: Views;
  private readonly detector: Detector;
  private readonly heartbeats: Heartbeats;
  private started = false;

  /** `plans`: whoever is the proposer plans by itself, as a node does. */
  constructor(
    readonly id: NodeId,
    disk: Disk,
    plans = false,
    readonly version: Version = ONLY,
    viewStands?: Duration,
  ) {
    this.detector = new Detector({ self: id, peers: [] });
    this.heartbeats = new Heartbeats({ self: id, detector: this.detector, peers: [] });
    this.views = new Views({
      self: id,
      newest: version.read(disk.first),
      restored: disk.entries.map((entry) => entryAs(entry, version)),
      detector: this.detector,
      heartbeats: this.heartbeats,
      encode: plans ? version.encode : null,
      ...(viewStands === undefined ? {} : { viewStands }),
    });
  }

  get chain(): Chain {
    return this.views.chain;
  }

  get isProposer(): boolean {
    return this.chain.proposer?.elected === true;
  }

  framed(message: WorldMessage): Framed {
    return { message, epoch: this.chain.heldEpoch, digest: this.chain.heldView.digest };
  }

  wish(member: Member): void {
    this.chain.wish(member, `join of ${member.id}`);
  }

  receive(now: Instant, from: NodeId, frame: Framed, out: WorldOutbox): void {
    const { message } = frame;
    const before = this.views.newest;
    switch (message.kind) {
      case "heartbeat":
        out.sendDurable.push(from, this.heartbeats.onHeartbeat(from, message));
        break;
      case "heartbeat-answer":
        if (this.heartbeats.onAnswer(from, message).includes(VOTERS)) this.views.reported();
        break;
      default:
        this.views.receive(now, from, messageAs(message, this.version), out);
    }
    if (from !== this.id) this.views.heard(now, from, frame.epoch, frame.digest, out);
    if (this.views.newest === before) this.views.refresh();
  }

  /** The peer's process is another one than before. */
  restarted(peer: NodeId): void {
    this.heartbeats.reset(peer);
  }

  roundEnded(now: Instant, out: WorldOutbox): void {
    if (this.started) {
      this.detector.roundEnded(false);
      this.views.roundEnded(now, out);
    }
    this.started = true;
    for (const { to, message } of this.heartbeats.nextRound()) out.sendNow.push(to, message);
  }

  resend(now: Instant, out: WorldOutbox): void {
    this.views.resend(now, out);
  }

  /** Whatever the election says: several proposers at once are what the consensus is for. */
  campaign(now: Instant, out: WorldOutbox): void {
    const { chain } = this;
    if (!chain.isVoter || chain.newest.unread === true) return;
    chain.voter.campaign(now, ballot(groupEpoch(chain.epoch), chain.promised.round + 1, this.id), out);
    this.views.refresh();
  }

  propose(now: Instant, next: EncodedView, out: WorldOutbox): boolean {
    return this.chain.propose(now, next, out) === null;
  }
}

function messageAs(message: ViewMessage, { read }: Version): ViewMessage {
  switch (message.kind) {
    case "view-news":
      return { ...message, decided: read(message.decided) };
    case "view-accept":
      return { ...message, next: read(message.next) };
    case "view-promised":
      return message.vote === null ? message : { ...message, vote: { ...message.vote, next: read(message.vote.next) } };
    default:
      return message;
  }
}

function entryAs(entry: ViewEntry, { read }: Version): ViewEntry {
  if (entry.kind === "view") return { ...entry, decided: read(entry.decided) };
  if (entry.kind === "view-vote") return { ...entry, vote: { ...entry.vote, next: read(entry.vote.next) } };
  return entry;
}

export const at = (ms: number): Instant => instant(ms);
