/** One stream to one peer, whichever side dialed it. */
import type { TraceContext } from "../../base/trace-context.js";
import { encodeFrames, sizeOf } from "../../codec/peer/frame.js";
import { type NodeId, type ViewEpoch, viewEpoch } from "../../core/model/ids.js";
import type { NodeMessage } from "../../core/model/node-message.js";
import type { FrameStream } from "./frame-stream.js";
import { QueueLoad } from "./queue-load.js";

export interface LinkCounters {
  framesSent: number;
  messagesSent: number;
  bytesSent: number;
  messagesDropped: number;
  framesReceived: number;
  messagesReceived: number;
  /** Frames sent, by how many messages they hold: [0] one, [i] up to 2^i, the last one more. */
  readonly frameSizes: number[];
}

const FRAME_SIZES = 14;

/**
 * A frame costs both ends something whatever it holds, so a node that is short of time spaces its frames. The next one
 * to a peer leaves no sooner than this after the last, and fuller. A node that has time sends at once.
 */
export const SPACING_MS = 1;

export const newCounters = (): LinkCounters => ({
  framesSent: 0,
  messagesSent: 0,
  bytesSent: 0,
  messagesDropped: 0,
  framesReceived: 0,
  messagesReceived: 0,
  frameSizes: new Array(FRAME_SIZES).fill(0),
});

/** A view by its number and SHA-256 in hexadecimal. */
export interface HeldView {
  readonly epoch: ViewEpoch;
  readonly digest: string;
}

const NO_VIEW: HeldView = { epoch: viewEpoch(0), digest: "" };

export class Link {
  /** Where the peer said that others reach it. */
  peerAddress = "";
  /** The newest view that the peer holds, as it told last. */
  told: HeldView = NO_VIEW;
  /** The epoch whose digest was told last by a frame. */
  private saidEpoch: ViewEpoch = NO_VIEW.epoch;
  private queue: NodeMessage[] = [];
  /**
   * Bytes of the messages queued, by their sizes, and of the frames that the connection had not taken when it was last
   * looked at.
   */
  private messageBytes = 0;
  private frameBytes = 0;
  private lastFrameAt = Number.NEGATIVE_INFINITY;
  open = true;

  constructor(
    readonly peer: NodeId,
    readonly dialed: boolean,
    readonly stream: FrameStream,
    private readonly counters: LinkCounters,
    public lastHeardAt: number,
    private readonly traceOf: ((message: NodeMessage) => TraceContext | null) | null = null,
    /** Is told what was queued and never handed to the stream. */
    private readonly unsent: (message: NodeMessage) => void = () => {},
    private readonly load: QueueLoad = new QueueLoad(),
  ) {}

  /** Queued, or sent and not yet taken by the connection. */
  get waitingBytes(): number {
    this.look();
    return this.messageBytes + this.frameBytes;
  }

  /** False: it is dropped, as there is no room for it. */
  send(message: NodeMessage): boolean {
    if (!this.open) return false;
    const size = sizeOf(message);
    if (!this.load.hasRoom(this.waitingBytes) && message.kind !== "heartbeat" && message.kind !== "heartbeat-answer") {
      this.counters.messagesDropped++;
      return false;
    }
    this.messageBytes += size;
    this.load.bytes += size;
    this.queue.push(message);
    return true;
  }

  /**
   * Sends what is queued; returns false when it waits a little for more, as a node does that is short of time
   * (`spaced`).
   */
  flush(held: HeldView, now: number, spaced: boolean): boolean {
    if (this.queue.length === 0 || !this.open) return true;
    if (!this.stream.writable) {
      this.close();
      return true;
    }
    if (spaced && now - this.lastFrameAt < SPACING_MS) return false;
    this.lastFrameAt = now;
    const messages = this.dequeue();
    const sent = (frame: Buffer, count: number): void => {
      this.counters.framesSent++;
      this.counters.messagesSent += count;
      this.counters.bytesSent += frame.length;
      const size = Math.min(32 - Math.clz32(count - 1), FRAME_SIZES - 1);
      this.counters.frameSizes[size] = (this.counters.frameSizes[size] ?? 0) + 1;
      this.stream.write(frame);
    };
    const digest = held.epoch === this.saidEpoch ? null : Buffer.from(held.digest, "hex");
    this.saidEpoch = held.epoch;
    encodeFrames(held.epoch, messages, sent, this.traceOf, digest);
    this.look();
    return true;
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    for (const message of this.dequeue()) this.unsent(message);
    this.load.bytes -= this.frameBytes;
    this.frameBytes = 0;
    this.stream.cut();
  }

  private look(): void {
    const unsent = this.open ? this.stream.unsentBytes : 0;
    this.load.bytes += unsent - this.frameBytes;
    this.frameBytes = unsent;
  }

  private dequeue(): readonly NodeMessage[] {
    const messages = this.queue;
    this.queue = [];
    this.load.bytes -= this.messageBytes;
    this.messageBytes = 0;
    return messages;
  }
}
