/**
 * The streams to the other nodes: one per pair, dialed by the node with the lower id, dialed again when it breaks. A broken stream loses
 * messages, and says so to the loop; the protocol re-sends.
 */
import type { Handshake, Refusal } from "../../gen/ts/onar/replication/v1/replication.js";
import { RefusalReason } from "../../gen/ts/onar/replication/v1/replication.js";
import type { TraceContext } from "../base/trace-context.js";
import { decodeFrame, encodeHandshake, encodeRefusal, messagesOf, type ReceivedFrame } from "../codec/frame.js";
import { type NodeId, nodeId, type ViewEpoch } from "../core/ids.js";
import type { NodeMessage } from "../core/node-message.js";
import type { Member, View } from "../core/view/view.js";
import type { NodeInput } from "../node/machine.js";
import type { Peers } from "../ports/peers.js";
import { DialedStream } from "./dialed-stream.js";
import { type FrameEvents, type FrameStream, UNHEARD } from "./frame-stream.js";
import { checkHandshake, refusal } from "./handshake.js";
import { Link, newCounters, SPACING_MS } from "./link.js";
import { LoopLoad } from "./loop-load.js";

/** A dialed stream that says nothing for this long is dead: heartbeats come several times a second. */
const SILENCE_MS = 5_000;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1_000;
/** A side that connects and does not introduce itself within this is cut off. */
const HANDSHAKE_MS = 5_000;

export interface PeerLinksOptions {
  readonly self: NodeId;
  readonly view: View;
  readonly digest: Buffer;
  /** This node's side of every handshake. */
  readonly handshake: () => Handshake;
  readonly deliver: (input: NodeInput) => void;
  /** One line for the operator. */
  readonly notice: (text: string) => void;
  /** The peer's handshake told who it is; for status. */
  readonly introduced: (handshake: Handshake) => void;
  /** The highest log position that a peer has told, in any life. */
  readonly highestPosition: (peer: NodeId) => number;
  /** A peer has seen more of this node's log than there is now: this node must not vote any more (R10). */
  readonly rolledBack: (peer: NodeId, text: string) => void;
  /** null: nothing is traced. */
  readonly traces: PeerTraces | null;
}

/** Messages between nodes tell where they belong in a trace: what leaves is asked for that, what comes is told before it is delivered. */
export interface PeerTraces {
  contextOf(message: NodeMessage): TraceContext | null;
  received(from: NodeId, message: NodeMessage, context: TraceContext | null): void;
}

export class PeerLinks implements Peers {
  readonly counters = newCounters();
  private readonly links = new Map<NodeId, Link>();
  private readonly dialed = new Set<DialedStream>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly epoch: ViewEpoch;
  private readonly incarnations = new Set<NodeId>();
  private readonly noticed = new Map<NodeId, string>();
  private closed = false;
  /** A timer runs for frames that wait to be fuller. */
  private spacing = false;
  private readonly load = new LoopLoad();
  private readonly traceOf: ((message: NodeMessage) => TraceContext | null) | null;

  constructor(private readonly options: PeerLinksOptions) {
    this.epoch = options.view.epoch;
    const { traces } = options;
    this.traceOf = traces === null ? null : (message) => traces.contextOf(message);
  }

  /** Dials every peer with a higher id; the others dial this node. */
  start(): void {
    for (const member of this.options.view.members) {
      if (member.id > this.options.self) this.connect(member, FIRST_BACKOFF_MS);
    }
    const watch = setInterval(() => this.cutSilent(), SILENCE_MS / 4);
    watch.unref();
    this.timers.add(watch);
  }

  send(to: NodeId, message: NodeMessage): boolean {
    return this.links.get(to)?.send(message) ?? false;
  }

  flush(): void {
    const now = performance.now();
    let waiting = false;
    const spaced = this.load.busy(now);
    for (const link of this.links.values()) if (!link.flush(this.epoch, now, spaced)) waiting = true;
    if (!waiting || this.spacing) return;
    this.spacing = true;
    setTimeout(() => {
      this.spacing = false;
      this.flush();
    }, SPACING_MS);
  }

  /** What waits for each peer that there is a stream to. */
  queues(): { readonly peer: NodeId; readonly bytes: number }[] {
    return [...this.links.values()].map((link) => ({ peer: link.peer, bytes: link.waitingBytes }));
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    for (const link of this.links.values()) link.close();
    this.links.clear();
    for (const stream of this.dialed) stream.cut();
  }

  /** A peer dialed. */
  accept(stream: FrameStream): FrameEvents {
    if (this.closed) {
      stream.write(encodeRefusal(refusal(RefusalReason.STOPPING, "this node is stopping", "")));
      stream.end();
      return UNHEARD;
    }
    let link: Link | null = null;
    const timer = setTimeout(() => stream.cut(), HANDSHAKE_MS);
    return {
      frame: (bytes) => {
        const frame = decoded(bytes);
        if (frame === null) return stream.cut();
        if (link !== null) return this.receive(link, frame);
        clearTimeout(timer);
        const refused = this.check(frame, false);
        if (refused !== null) {
          stream.write(encodeRefusal(refused));
          return stream.end();
        }
        stream.write(encodeHandshake(this.options.handshake()));
        link = this.join(frame.handshake as Handshake, false, stream);
      },
      ended: () => {
        clearTimeout(timer);
        if (link !== null) this.lost(link);
      },
    };
  }

  private connect(member: Member, backoff: number): void {
    if (this.closed) return;
    let link: Link | null = null;
    let wait = backoff;
    let refusing = false;
    const ended = (): void => {
      clearTimeout(timer);
      this.dialed.delete(stream);
      if (link !== null) this.lost(link);
      const jittered = wait * (0.5 + Math.random() / 2);
      this.later(jittered, () => this.connect(member, Math.min(wait * 2, MAX_BACKOFF_MS)));
    };
    const received = (bytes: Buffer): void => {
      if (refusing) return;
      const frame = decoded(bytes);
      if (frame === null) return stream.cut();
      if (link !== null) return this.receive(link, frame);
      clearTimeout(timer);
      if (frame.refusal !== undefined) {
        this.judge(member.id, frame.refusal);
        this.refusedBy(member, frame.refusal);
        wait = MAX_BACKOFF_MS;
        return stream.cut();
      }
      const refused = this.check(frame, true);
      if (refused !== null) {
        this.refusedBy(member, refused);
        wait = MAX_BACKOFF_MS;
        if (refused.reason !== RefusalReason.ROLLED_BACK) return stream.cut();
        // The peer has to hear it: the stream ends when it has.
        refusing = true;
        stream.write(encodeRefusal(refused));
        stream.end();
        this.later(HANDSHAKE_MS, () => stream.cut());
        return;
      }
      wait = FIRST_BACKOFF_MS;
      link = this.join(frame.handshake as Handshake, true, stream);
    };
    const stream = new DialedStream(member.peerAddress, { frame: received, ended });
    const timer = setTimeout(() => stream.cut(), HANDSHAKE_MS);
    this.dialed.add(stream);
    stream.write(encodeHandshake(this.options.handshake()));
  }

  private check(frame: ReceivedFrame, dialed: boolean): Refusal | null {
    if (frame.handshake === undefined) {
      return refusal(RefusalReason.BAD_HANDSHAKE, "the first frame of a stream is a handshake", "");
    }
    return checkHandshake(frame.handshake, {
      self: this.options.self,
      view: this.options.view,
      digest: this.options.digest,
      dialed,
      highestPosition: this.options.highestPosition(nodeId(frame.handshake.nodeId)),
    });
  }

  private join(handshake: Handshake, dialed: boolean, stream: FrameStream): Link {
    const peer = nodeId(handshake.nodeId);
    // A stream that the other side has given up may not have ended here yet.
    const stale = this.links.get(peer);
    if (stale !== undefined) this.lost(stale);
    const unsent = (message: NodeMessage): void => {
      if (message.kind === "forward") this.options.deliver({ kind: "unsent", id: message.id });
    };
    const link = new Link(peer, dialed, stream, this.counters, performance.now(), this.traceOf, unsent);
    this.links.set(peer, link);
    this.noticed.delete(peer);
    this.options.introduced(handshake);
    if (this.incarnations.has(peer)) this.options.deliver({ kind: "peer-restarted", peer });
    this.incarnations.add(peer);
    return link;
  }

  private receive(link: Link, frame: ReceivedFrame): void {
    link.lastHeardAt = performance.now();
    this.counters.framesReceived++;
    if (frame.refusal !== undefined) {
      this.judge(link.peer, frame.refusal);
      return link.close();
    }
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
      this.options.notice(`node ${link.peer} sent what cannot be read (${error.message}): its stream is cut`);
      link.close();
    }
  }

  /** The core trusts that there is such a partition. */
  private checkPartition(message: NodeMessage): void {
    const { length } = this.options.view.partitions;
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

  private judge(peer: NodeId, why: Refusal): void {
    if (why.reason === RefusalReason.ROLLED_BACK) this.options.rolledBack(peer, why.text);
  }

  private refusedBy(member: Member, why: Refusal): void {
    if (why.reason === RefusalReason.STOPPING || this.noticed.get(member.id) === why.text) return;
    this.noticed.set(member.id, why.text);
    this.options.notice(`no stream to node ${member.id} at ${member.peerAddress}: ${why.text}`);
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

/** null: it cannot be read. */
function decoded(bytes: Buffer): ReceivedFrame | null {
  try {
    return decodeFrame(bytes);
  } catch {
    return null;
  }
}
