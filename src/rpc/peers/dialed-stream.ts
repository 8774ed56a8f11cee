/** A stream of frames to a peer, on a connection of its own. */
import { GrpcClient } from "../../grpc/client/client.js";
import type { ClientConversation } from "../../grpc/client/client-conversation.js";
import type { Method } from "../../grpc/client/method.js";
import { hostAndPort } from "../naming/addresses.js";
import { MAX_STRANGER_FRAME_BYTES } from "./admission.js";
import { type FrameEvents, type FrameStream, pinged } from "./frame-stream.js";
import { asBytes, CONNECT_PATH, MAX_FRAME_BYTES, PEER_LIMITS, peerTiming } from "./peer-service.js";

/** A peer that cannot be reached within this is tried again. */
const CONNECT_MS = 2_000;

const CONNECT: Method<"bidirectional", Buffer, Buffer> = {
  path: CONNECT_PATH,
  kind: "bidirectional",
  encode: (frame) => frame,
  decode: asBytes,
};

export class DialedStream implements FrameStream {
  readonly remote: string;
  private readonly client: GrpcClient;
  private readonly conversation: ClientConversation<Buffer>;
  private over = false;

  constructor(
    address: string,
    private readonly events: FrameEvents,
  ) {
    this.remote = address;
    this.client = new GrpcClient({
      ...hostAndPort(address),
      limits: PEER_LIMITS,
      timing: peerTiming(CONNECT_MS),
      maxResponseBytes: MAX_STRANGER_FRAME_BYTES,
    });
    this.conversation = this.client.converse(CONNECT, {
      message: (frame) => this.heard(frame),
      closed: () => this.closed(),
    });
  }

  get writable(): boolean {
    return !this.over;
  }

  trust(): void {
    this.conversation.allow(MAX_FRAME_BYTES);
  }

  ping(withinMs: number, done: (alive: boolean) => void): void {
    pinged((answered) => this.conversation.ping(answered), withinMs, done);
  }

  write(frame: Buffer): void {
    this.conversation.push(frame);
  }

  get unsentBytes(): number {
    return this.over ? 0 : this.conversation.unsentBytes;
  }

  end(): void {
    this.conversation.end();
  }

  cut(): void {
    this.conversation.cut();
  }

  /** An error here is a defect of this node: it must not pass for one of the connection. */
  private heard(frame: Buffer): void {
    try {
      this.events.frame(frame);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
      this.cut();
    }
  }

  private closed(): void {
    if (this.over) return;
    this.over = true;
    // Nothing is open on it any more: it ends at once.
    void this.client.close();
    this.events.ended();
  }
}
