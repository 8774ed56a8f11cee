/** The parts of a node that is in a view: its loop, its streams to the other nodes, and its reports of itself. */
import { randomBytes } from "node:crypto";
import { StorageKind } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import type { Handshake } from "../../gen/ts/onar/replication/v1/replication.js";
import { duration } from "../base/time.js";
import { partitionOfKey } from "../codec/api/position.js";
import { encodedView } from "../codec/peer/encoded-view.js";
import type { NodeConfig } from "../config/config.js";
import { type NodeId, nodeId } from "../core/model/ids.js";
import { planted } from "../core/model/planted.js";
import type { EncodedView } from "../core/view/encoded-view.js";
import { SETTING_NAMES } from "../core/view/settings.js";
import { type Member, memberOf, sameAddresses } from "../core/view/view.js";
import { lostWhenFull } from "../node/disk-full.js";
import { Loop } from "../node/loop.js";
import { type NodeInput, NodeMachine } from "../node/machine.js";
import { NodeStatus } from "../node/status.js";
import type { ViewHolder } from "../node/view-holder.js";
import { NodeNews } from "../observe/node-news.js";
import type { Traces } from "../observe/traces/traces.js";
import { Joining } from "../rpc/founding/joining.js";
import { MemberDoor } from "../rpc/founding/member-door.js";
import { NewestViews } from "../rpc/founding/newest-view.js";
import { peerNamed } from "../rpc/naming/node-names.js";
import type { PeerPort } from "../rpc/peer-port.js";
import type { ClusterSecret } from "../rpc/peers/cluster-secret.js";
import type { HeldView } from "../rpc/peers/link.js";
import { LoopLoad } from "../rpc/peers/loop-load.js";
import { judgeShown } from "../rpc/peers/own-position.js";
import { PeerLinks } from "../rpc/peers/peer-links.js";
import type { PeerNotices } from "../rpc/peers/peer-notices.js";
import { PROTOCOL_VERSION } from "../rpc/peers/peer-service.js";
import { type Unready, unready } from "../rpc/services/readiness.js";
import type { Introduction, ServingNode } from "../rpc/services/serving.js";
import { WishProgress } from "../rpc/services/wish-progress.js";
import { ClusterSizes } from "../rpc/sizes/cluster-sizes.js";
import type { NodeSizes } from "../rpc/sizes/node-sizes.js";
import type { Home } from "../storage/home.js";
import { version } from "../version.js";
import { NodeClock } from "./node-clock.js";
import type { Passes, ServerEvents } from "./running-server.js";
import { transferPace } from "./transfer-pace.js";

/** How often a node looks whether it is cut off from the voters, or left out of the view. */
const LOOK_MS = 1_000;

export interface ServingParts {
  readonly config: NodeConfig;
  readonly events: ServerEvents;
  readonly passes: Passes;
  readonly home: Home;
  readonly traces: Traces | null;
  readonly secret: ClusterSecret;
  readonly peer: PeerPort;
  readonly peerNotices: PeerNotices;
  /** As it is now; the view may know it otherwise. */
  readonly self: Member;
  readonly uptimeMs: () => number;
  readonly signal: AbortSignal;
  /** The node must stop. */
  readonly fail: (why: string) => void;
  /** The node is no member any more, and nobody needs it. */
  readonly left: () => void;
}

export class ServingPhase {
  readonly loop: Loop;
  readonly links: PeerLinks;
  readonly views: ViewHolder;
  readonly node: ServingNode;
  private readonly ownSizes: () => NodeSizes;
  private readonly news: NodeNews;
  private readonly newest: NewestViews;
  private readonly looks: NodeJS.Timeout;
  private asking = false;

  constructor(
    private readonly parts: ServingParts,
    first: EncodedView,
  ) {
    const { events, home, traces, peer, secret, self } = parts;
    const { storage } = home;
    const clock = new NodeClock();
    const load = new LoopLoad();
    const machine = new NodeMachine(
      {
        self: self.id,
        newest: first,
        encode: encodedView,
        table: (partition) => storage.table(partition),
        copies: () => storage.copies(),
        restored: storage.restored(),
        moveCaps: parts.config.moveCaps,
        replaceAfter: duration(parts.config.replaceAfterMs),
        // Never met by a late answer meant for an earlier process (R7).
        firstAttempt: randomBytes(6).readUIntBE(0, 6) * 16,
        pace: (settings) =>
          transferPace(settings, parts.config.transfers, storage.keepsUp, load.busy(performance.now())),
        now: clock.now(),
      },
      traces?.requests ?? null,
      (from, { kind }, why) => {
        const text = `${this.named(from)} sent a ${kind} that cannot be, and it is left alone: ${why}`;
        parts.peerNotices.tell(from, "implausible", text);
      },
      partitionOfKey,
    );
    this.views = machine.views;
    const introductions = new Map<NodeId, Introduction>();
    this.links = new PeerLinks({
      self: self.id,
      views: this.views,
      held: () => this.held,
      peerAddress: self.peerAddress,
      secret,
      handshake: (other) => this.greeting(other),
      failed: (remote, why) => peer.admission.failed(remote, why),
      deliver: (input) => this.take(input),
      notices: parts.peerNotices,
      unknownAt: (address) => this.askAt(address),
      introduced: (handshake) => {
        const other = nodeId(handshake.nodeId);
        introductions.set(other, { handshake, at: performance.now() });
        storage.sawPosition(other, handshake.logPosition, handshake.positionProof.toString("latin1"));
      },
      traces: traces?.requests ?? null,
      highestPosition: (other) => storage.highestPosition(other),
      shown: (other, position, proof) => {
        const shown = judgeShown(storage, this.named(other), position, proof);
        if (shown.kind === "lost") parts.fail(shown.why);
        if (shown.kind === "unproved") parts.peerNotices.tell(other, "unproved", shown.why);
        return shown.kind !== "lost";
      },
    });
    this.loop = new Loop({
      machine,
      storage,
      peers: traces?.requests.watch(this.links) ?? this.links,
      clock,
      broken: (error) => parts.fail(error.message),
    });
    const { loop, links, views } = this;
    const status = new NodeStatus(loop);
    this.ownSizes = () => ({ room: home.freeSpace()?.room ?? null, copies: status.sizes });
    const sizes = new ClusterSizes({ self, secret, own: this.ownSizes, view: () => views.view });
    const progress = new WishProgress();
    progress.follow(views.view);
    this.node = { views, loop, status, counters: links.counters, introductions, links, sizes, progress };
    this.news = new NodeNews(this.node, {
      notice: (text, facts) => events.notice(text, facts),
      detail: (text, facts) => events.detail?.(text, facts),
    });
    this.newest = new NewestViews(self, secret);
    this.looks = setInterval(() => this.look(), LOOK_MS);
    this.looks.unref();
    views.onChange((newest, before) => {
      const { view } = newest;
      progress.follow(view);
      events.notice(`view ${view.epoch}: ${changeText(before, view)}`, { event: "view", epoch: view.epoch });
      if (before.unread !== true) this.tellUnread(newest);
      for (const { id } of before.view.members) if (memberOf(view, id) === undefined) introductions.delete(id);
    });
  }

  start(): void {
    const { home, peer } = this.parts;
    this.tellUnread(this.node.views.newest);
    peer.links = this.links;
    peer.founding = new MemberDoor({
      self: this.parts.self,
      newest: () => this.node.status.heldView,
      livesElsewhere: (id, peerAddress) => this.links.livesElsewhere(id, peerAddress),
      sizes: this.ownSizes,
      wished: (wish) => {
        this.links.hint(wish.member.id, wish.member.peerAddress);
        this.loop.deliver({ kind: "message", from: wish.member.id, message: wish });
      },
    });
    this.news.start();
    this.links.start();
    this.loop.start();
    if (!home.storage.writable) this.loop.deliver({ kind: "disk-full", full: true });
    // Found before there was anybody to mend them.
    for (const { partition, key } of [...home.bad()]) this.loop.deliver({ kind: "bad-register", partition, key });
    this.move();
  }

  stop(): void {
    clearInterval(this.looks);
    this.news.stop();
    this.loop.stop();
    this.links.close();
    this.newest.close();
  }

  /** null: this node may be given work. */
  unready(descriptorsShortMs: number): Unready | null {
    return unready(this.node.status, this.views.view, this.parts.config.diskStallMs, descriptorsShortMs);
  }

  private tellUnread({ view, unread }: EncodedView): void {
    if (unread !== true) return;
    const text = `view ${view.epoch} says more than Onar ${version} reads: this node leaves new views to nodes of a later version`;
    this.parts.events.notice(text, { event: "view-unread", epoch: view.epoch });
  }

  private take(input: NodeInput): void {
    const { home, passes, self } = this.parts;
    const { storage } = home;
    if (input.kind === "message" && !passes(input.from, self.id)) return;
    if (input.kind === "message" && !storage.writable && lostWhenFull(input.message, storage.deletable)) return;
    this.loop.deliver(input);
  }

  /** The newest view that this node holds durably. */
  private get held(): HeldView {
    const { view, digest } = this.node.status.heldView;
    return { epoch: view.epoch, digest };
  }

  private named(id: NodeId): string {
    return peerNamed(this.views.view, id);
  }

  /** This node's introduction when a stream to a peer begins. */
  private greeting(peer: NodeId): Handshake {
    const { home, self, uptimeMs } = this.parts;
    const { storage } = home;
    const { epoch, digest } = this.held;
    return {
      protocolVersion: PROTOCOL_VERSION,
      clusterId: Buffer.from(this.views.view.clusterId, "hex"),
      nodeId: self.id,
      viewEpoch: epoch,
      viewDigest: Buffer.from(digest, "hex"),
      logPosition: storage.position,
      positionProof: Buffer.from(storage.positionProof ?? "", "latin1"),
      meantNodeId: peer,
      seenPosition: storage.highestPosition(peer),
      seenProof: Buffer.from(storage.proofOf(peer), "latin1"),
      clientAddress: self.clientAddress,
      peerAddress: self.peerAddress,
      zone: self.zone,
      storage: storage.kind === "memory" ? StorageKind.MEMORY : StorageKind.LOG,
      uptimeMs: Math.round(uptimeMs()),
      softwareVersion: version,
    };
  }

  /** The view knows this node by other addresses, or another zone: its voters are asked to know it by these. */
  private move(): void {
    const { self, secret, config, events, signal } = this.parts;
    const known = memberOf(this.views.view, self.id);
    if (known === undefined || sameAddresses(known, self)) return;
    events.notice(
      `the view knows this node at ${known.peerAddress} (clients: ${known.clientAddress}); it is at ${self.peerAddress} (clients: ${self.clientAddress}), and says so`,
    );
    const operation = newOperation();
    // By the streams that there are, and to itself; and by calls to voters that no stream can be opened with yet.
    this.loop.deliver({ kind: "wish", member: self, operation });
    const moving = new Joining({
      self,
      isMember: true,
      contacts: config.join,
      secret,
      clusterId: this.views.view.clusterId,
      operation,
      // J1: the wish counts as said by a node that holds that view durably.
      newest: () => this.node.status.heldView,
      learn: (view, from) => Promise.resolve(this.learn(view, from)),
      notice: (text) => events.notice(text),
      signal,
    });
    moving.run().then(
      ({ view }) => events.notice(`view ${view.epoch} knows this node at ${self.peerAddress}`),
      () => {},
    );
  }

  private learn(decided: EncodedView, from: NodeId): void {
    this.take({ kind: "message", from, message: { kind: "view-news", decided } });
  }

  /** A node that hears no majority of the voters may be behind: others may have moved, or left it out. */
  private look(): void {
    const { self, config, signal } = this.parts;
    if (signal.aborted) return;
    const { status } = this.node;
    for (const { with: other, epoch } of this.loop.takeConflicts()) {
      const text = `${this.named(other)} holds another view ${epoch} than this node: they do not talk to each other`;
      this.parts.peerNotices.tell(other, "other view", text);
    }
    const { voters, members } = this.views.view;
    if (memberOf(this.views.view, self.id) === undefined && status.mayLeave) {
      clearInterval(this.looks);
      return this.parts.left();
    }
    const heard = voters.filter((id) => id === self.id || status.hears(id)).length;
    if (2 * heard > voters.length) return;
    const addresses = [...new Set([...config.join, ...members.map(({ peerAddress }) => peerAddress)])];
    const others = addresses.filter((address) => address !== self.peerAddress);
    const address = others[Math.floor(Math.random() * others.length)];
    if (address !== undefined) this.askAt(address);
  }

  private askAt(address: string): void {
    if (this.asking || this.parts.signal.aborted) return;
    this.asking = true;
    this.newest.keepOnly([address]);
    this.newest.ask(address, null).then(
      (answer) => {
        this.asking = false;
        if (this.parts.signal.aborted || "why" in answer) return;
        const { view } = answer.newest;
        const { clusterId, epoch } = this.views.view;
        if (view.clusterId !== clusterId) return;
        if (view.epoch > epoch) this.learn(answer.newest, answer.from);
        // No stream opens with a node that was left out: only so it hears who holds the view that says it (V7).
        else if (!planted("V7.calls-unheard"))
          this.take({ kind: "peer-view", peer: answer.from, epoch: view.epoch, digest: answer.newest.digest });
      },
      () => {
        this.asking = false;
      },
    );
  }
}

/** Names a wish: 16 random bytes in hexadecimal. */
export const newOperation = (): string => randomBytes(16).toString("hex");

function changeText(before: EncodedView, { members, voters, settings }: EncodedView["view"]): string {
  const added = members.filter(({ id }) => memberOf(before.view, id) === undefined);
  const left = before.view.members.filter(({ id }) => !members.some((member) => member.id === id));
  const moved = members.filter((member) => {
    const known = memberOf(before.view, member.id);
    return known !== undefined && !sameAddresses(known, member);
  });
  const named = ({ id, peerAddress }: Member): string => `node ${id} at ${peerAddress}`;
  const parts = [
    `${members.length} members, ${voters.length} of them voters`,
    ...added.map((member) => `${named(member)} is new`),
    ...left.map((member) => `${named(member)} has left`),
    ...moved.map((member) => `${named(member)} has moved there`),
    ...SETTING_NAMES.filter((name) => settings?.[name] !== before.view.settings?.[name]).map(
      (name) => `${name} is ${settings?.[name] ?? "each node's own"}`,
    ),
  ];
  return parts.slice(0, MAX_PARTS).join("; ");
}

const MAX_PARTS = 8;
