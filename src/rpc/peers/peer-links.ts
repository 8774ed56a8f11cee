/**
 * The streams to the other nodes: one per pair, dialed by the node with the lower id, dialed again when it breaks. A
 * broken stream loses messages, and says so to the loop; the protocol re-sends.
 */
import type { Handshake, Refusal } from "../../../gen/ts/onar/replication/v1/replication.js";
import { RefusalReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import type { TraceContext } from "../../base/trace-context.js";
import { encodeRefusal, messagesOf, type ReceivedFrame } from "../../codec/peer/frame.js";
import { type NodeId, nodeId, viewEpoch } from "../../core/model/ids.js";
import type { NodeMessage } from "../../core/model/node-message.js";
import { planted } from "../../core/model/planted.js";
import { type Member, memberOf, type View } from "../../core/view/view.js";
import type { NodeInput } from "../../node/machine.js";
import type { ViewHolder } from "../../node/view-holder.js";
import type { Peers } from "../../ports/peers.js";
import { peerNamed } from "../naming/node-names.js";
import type { ClusterSecret } from "./cluster-secret.js";
import { Dialer } from "./dialer.js";
import { type FrameEvents, type FrameStream, readable, UNHEARD } from "./frame-stream.js";
import { type Host, Receiving } from "./greeting.js";
import { checkHandshake, refusal } from "./handshake.js";
import { type HeldView, Link, newCounters, SPACING_MS } from "./link.js";
import { LoopLoad } from "./loop-load.js";
import type { PeerNotices } from "./peer-notices.js";
import { QueueLoad } from "./queue-load.js";

/** A dialed stream that says nothing for this long is dead: heartbeats come several times a second. */
const SILENCE_MS = 5_000;
/** A stream that its peer seems to have replaced is given so long to show that it lives. */
const PROOF_OF_LIFE_MS = 1_000;
/** A node that left the members is told so, and its stream stays for so long. */
const FAREWELL_MS = 10_000;
export interface PeerLinksOptions {
  readonly self: NodeId;
  /** Streams open, move and close as the newest view says. */
  readonly views: ViewHolder;
  /** The newest view that this node holds durably: what frames tell. */
  readonly held: () => HeldView;
  /** HOST:PORT where the others reach this node. */
  readonly peerAddress: string;
  readonly secret: ClusterSecret;
  /** This node's side of a handshake with this peer; NO_NODE: not known whom it talks to. */
  readonly handshake: (peer: NodeId) => Handshake;
  readonly deliver: (input: NodeInput) => void;
  /** For the operator. */
  readonly notices: PeerNotices;
  /** The peer's handshake told who it is; for status. */
  readonly introduced: (handshake: Handshake) => void;
  /** The highest log position that a peer has told, in any life. */
  readonly highestPosition: (peer: NodeId) => number;
  /**
   * A peer shows a position of this node's log, with what is said to be this node's own proof of it. Returns whether
   * the node goes on (R10).
   */
  readonly shown: (peer: NodeId, position: number, proof: Uint8Array) => boolean;
  /** The other end of a connection did not prove what it had to. */
  readonly failed: (remote: string, why: string) => void;
  /** The node at this address, of this node's cluster, does not know this node as a member. */
  readonly unknownAt: (peerAddress: string) => void;
  /** null: nothing is traced. */
  readonly traces: PeerTraces | null;
}

/**
 * Messages between nodes tell where they belong in a trace: what leaves is asked for that, what comes is told before it
 * is delivered.
 */
export interface PeerTraces {
  contextOf(message: NodeMessage): TraceContext | null;
  received(from: NodeId, message: NodeMessage, context: TraceContext | null): void;
}

export class PeerLinks implements Peers {
  readonly counters = newCounters();
  private readonly links = new Map<NodeId, Link>();
  private readonly dialer: Dialer;
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly stopWatching: () => void;
  private readonly incarnations = new Set<NodeId>();
  /** Why there is no stream, for status, and what of it was logged. */
  private readonly noticed = new Map<NodeId, string>();
  private readonly told = new Map<NodeId, string>();
  private readonly host: Host;
  private closed = false;
  /** A timer runs for frames that wait to be fuller. */
  private spacing = false;
  /** All that waits for peers. */
  private readonly queueLoad = new QueueLoad();
  private readonly load = new LoopLoad();
  private readonly traceOf: ((message: NodeMessage) => TraceContext | null) | null;

  constructor(private readonly options: PeerLinksOptions) {
    const { traces, self, peerAddress, views } = options;
    this.host = {
      identity: { nodeId: self, peerAddress, clusterId: Buffer.from(views.view.clusterId, "hex") },
      secret: options.secret,
      handshake: options.handshake,
      check: (handshake, dialed, expected) => this.check(handshake, dialed, expected),
      judged: (handshake) => this.judged(handshake),
      failed: options.failed,
    };
    this.dialer = new Dialer({
      self,
      host: this.host,
      member: (id) => memberOf(this.view, id),
      linked: (id) => this.links.has(id),
      later: (ms, call) => this.later(ms, call),
      joined: (handshake, stream) => this.join(handshake, true, stream),
      received: (link, frame) => this.receive(link, frame),
      lost: (link) => this.lost(link),
      refused: (member, why) => this.refusedBy(member, why),
    });
    this.stopWatching = views.onChange((newest, before) => this.follow(newest.view, before.view));
    this.traceOf = traces === null ? null : (message) => traces.contextOf(message);
  }

  /** Dials every peer with a higher id; the others dial this node. */
  start(): void {
    for (const { id } of this.view.members) this.dialer.dial(id);
    const watch = setInterval(() => this.cutSilent(), SILENCE_MS / 4);
    watch.unref();
    this.timers.add(watch);
  }

  /** That member says that it is at this address, which no view knows yet: it is tried there, too. */
  hint(id: NodeId, peerAddress: string): void {
    this.dialer.hint(id, peerAddress);
  }

  send(to: NodeId, message: NodeMessage): boolean {
    return this.links.get(to)?.send(message) ?? false;
  }

  flush(): void {
    const now = performance.now();
    let waiting = false;
    const spaced = this.load.busy(now);
    const held = this.options.held();
    for (const link of this.links.values()) if (!link.flush(held, now, spaced)) waiting = true;
    if (!waiting || this.spacing) return;
    this.spacing = true;
    setTimeout(() => {
      this.spacing = false;
      this.flush();
    }, SPACING_MS);
  }

  /** The bytes that wait for each peer that there is a stream to. */
  queues(): { readonly peer: NodeId; readonly bytes: number }[] {
    return [...this.links.values()].map((link) => ({ peer: link.peer, bytes: link.waitingBytes }));
  }

  /** Why there is no stream to this peer; "" when there is one, or nobody answers. */
  troubleOf(peer: NodeId): string {
    return this.noticed.get(peer) ?? "";
  }

  close(): void {
    this.closed = true;
    this.stopWatching();
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    for (const link of this.links.values()) link.close();
    this.links.clear();
    this.dialer.close();
  }

  /** A peer dialed. */
  accept(stream: FrameStream): FrameEvents {
    if (this.closed) {
      stream.write(encodeRefusal(refusal(RefusalReason.STOPPING, "this node is stopping", "")));
      stream.end();
      return UNHEARD;
    }
    let link: Link | null = null;
    const receiving = new Receiving(this.host, stream, {
      makeRoom: (handshake, done) =>
        this.makeRoom(handshake, stream, (why) => {
          if (!this.closed) done(why);
        }),
      joined: (handshake) => {
        link = this.join(handshake, false, stream);
      },
    });
    return {
      frame: (bytes) => {
        const frame = readable(bytes);
        if (frame === null) return stream.cut();
        if (link !== null) return this.receive(link, frame);
        receiving.receive(frame);
      },
      ended: () => {
        receiving.over();
        if (link !== null) this.lost(link);
      },
    };
  }

  /**
   * A stream that lives is not replaced. Two processes that show one id, as copies of a directory do, would take it
   * from each other forever. A node that was started again gets in as soon as its old stream has ended, or does not
   * show that it lives. `done` gets null, or why not.
   */
  private makeRoom(handshake: Handshake, stream: FrameStream, done: (why: Refusal | null) => void): void {
    const { nodeId: id, peerAddress } = handshake;
    const old = this.links.get(nodeId(id));
    if (old === undefined || planted("W3.second-replaces")) return done(null);
    old.stream.ping(PROOF_OF_LIFE_MS, (alive) => {
      if (!alive) {
        this.lost(old);
        return this.links.has(nodeId(id)) ? this.makeRoom(handshake, stream, done) : done(null);
      }
      const text =
        `node ${id} is connected from ${old.stream.remote} and lives; another process with its id comes from ${stream.remote} ` +
        `and says that it is at ${peerAddress}: is one of their directories a copy? Stop one of them`;
      this.options.notices.tell(nodeId(id), "second", `refused a second node ${id}: ${text}`);
      done(refusal(RefusalReason.DUPLICATE_NODE_ID, text, ""));
    });
  }

  /**
   * Resolves with whether a process with this id, at another address than this one, has a stream here and shows that it
   * lives.
   */
  livesElsewhere(id: NodeId, peerAddress: string): Promise<boolean> {
    const link = this.links.get(id);
    if (link === undefined || link.peerAddress === peerAddress) return Promise.resolve(false);
    return new Promise((resolve) => link.stream.ping(PROOF_OF_LIFE_MS, resolve));
  }

  private get view(): View {
    return this.options.views.view;
  }

  /**
   * A new member is dialed. One that has moved is dialed at its new address as soon as its stream ends. One that left
   * hears so before its stream ends.
   */
  private follow(newest: View, before: View): void {
    if (this.closed) return;
    for (const { id, peerAddress } of newest.members) {
      const earlier = memberOf(before, id);
      if (earlier === undefined) this.dialer.dial(id);
      this.dialer.follow(id, peerAddress, earlier !== undefined && earlier.peerAddress !== peerAddress);
    }
    const left = before.members.filter(({ id }) => memberOf(newest, id) === undefined);
    if (left.length === 0) return;
    this.later(FAREWELL_MS, () => {
      for (const { id } of left) {
        if (memberOf(this.view, id) !== undefined) continue;
        const link = this.links.get(id);
        if (link !== undefined) this.lost(link);
        this.dialer.forget(id);
        this.noticed.delete(id);
        this.incarnations.delete(id);
      }
    });
  }

  /** Whether this node goes on after what the peer shows of it (R10). */
  private judged({ nodeId: peer, seenPosition, seenProof }: Handshake): boolean {
    return seenPosition === 0 || this.options.shown(nodeId(peer), seenPosition, seenProof);
  }

  private check(handshake: Handshake, dialed: boolean, expected: number | undefined): Refusal | null {
    return checkHandshake(handshake, {
      self: this.options.self,
      newest: this.options.views.newest,
      dialed,
      highestPosition: this.options.highestPosition(nodeId(handshake.nodeId)),
      expected,
    });
  }

  private join(handshake: Handshake, dialed: boolean, stream: FrameStream): Link {
    const peer = nodeId(handshake.nodeId);
    // The member was dialed again, so its old stream has ended, or makeRoom has seen to it.
    const stale = this.links.get(peer);
    if (stale !== undefined) this.lost(stale);
    const unsent = (message: NodeMessage): void => {
      if (message.kind === "forward") this.options.deliver({ kind: "unsent", id: message.id });
    };
    const link = new Link(peer, dialed, stream, this.counters, performance.now(), this.traceOf, unsent, this.queueLoad);
    link.peerAddress = handshake.peerAddress;
    link.told = { epoch: viewEpoch(handshake.viewEpoch), digest: handshake.viewDigest.toString("hex") };
    this.links.set(peer, link);
    this.noticed.delete(peer);
    this.told.delete(peer);
    this.options.introduced(handshake);
    if (this.incarnations.has(peer)) this.options.deliver({ kind: "peer-restarted", peer });
    this.incarnations.add(peer);
    this.tellView(link);
    return link;
  }

  private receive(link: Link, frame: ReceivedFrame): void {
    link.lastHeardAt = performance.now();
    this.counters.framesReceived++;
    if (frame.refusal !== undefined) return link.close();
    this.hearView(link, frame);
    try {
      const { traces } = this.options;
      const deliver = (message: NodeMessage, context: TraceContext | null): void => {
        this.checkPartition(message);
        this.counters.messagesReceived++;
        traces?.received(link.peer, message, context);
        this.options.deliver({ kind: "message", from: link.peer, message });
      };
      messagesOf(frame, deliver, traces !== null);
    } catch (error) {
      if (!(error instanceof Error) || error.name === "AssertionError") throw error;
      const text = `${peerNamed(this.view, link.peer)} sent what cannot be read (${error.message}): its stream is cut`;
      this.options.notices.tell(link.peer, "unreadable", text);
      link.close();
    }
  }

  /** A frame tells the newest view that its sender holds; the digest comes along once for each epoch. */
  private hearView(link: Link, { viewEpoch: epoch, viewDigest }: ReceivedFrame): void {
    const news = epoch > link.told.epoch && viewDigest.length > 0;
    if (news) link.told = { epoch: viewEpoch(epoch), digest: viewDigest.toString("hex") };
    if (news || link.told.epoch !== this.view.epoch) this.tellView(link);
  }

  /** Told again with every frame as long as the two differ: what is lost on the way is asked for again. */
  private tellView(link: Link): void {
    this.options.deliver({ kind: "peer-view", peer: link.peer, ...link.told });
  }

  /** The core trusts that there is such a partition. */
  private checkPartition(message: NodeMessage): void {
    const { length } = this.view.partitions;
    if ("partition" in message && message.partition >= length) {
      throw new Error(`partition ${message.partition} of ${length}`);
    }
  }

  private lost(link: Link): void {
    link.close();
    if (this.links.get(link.peer) !== link) return;
    this.links.delete(link.peer);
    if (!this.closed) this.options.deliver({ kind: "link-lost", peer: link.peer });
  }

  private refusedBy(member: Member, why: Refusal): void {
    if (why.reason === RefusalReason.NOT_A_MEMBER) this.options.unknownAt(member.peerAddress);
    if (why.reason === RefusalReason.STOPPING) return;
    this.noticed.set(member.id, why.text);
    if (this.told.get(member.id) === why.text) return;
    const text = `no stream to node ${member.id} at ${member.peerAddress}: ${why.text}`;
    if (this.options.notices.tell(member.id, "no stream", text)) this.told.set(member.id, why.text);
  }

  private cutSilent(): void {
    const now = performance.now();
    for (const link of this.links.values()) if (now - link.lastHeardAt > SILENCE_MS) link.close();
  }

  private later(ms: number, call: () => void): void {
    if (this.closed) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      call();
    }, ms);
    timer.unref();
    this.timers.add(timer);
  }
}
