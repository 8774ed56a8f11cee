/** A stream of frames that a peer has opened: a conversation of the peer port's server. */

import { COPIED_BYTES, frameMessage, prefixOf } from "../../grpc/message/message-frame.js";
import type { Conversation, ConversationHandler } from "../../grpc/server/conversation.js";
import type { ConversationRoute } from "../../grpc/server/route.js";
import { GrpcError, STATUS } from "../../grpc/status.js";
import { MAX_STRANGER_FRAME_BYTES } from "./admission.js";
import { type FrameEvents, type FrameStream, pinged } from "./frame-stream.js";
import { asBytes, CONNECT_PATH, MAX_FRAME_BYTES } from "./peer-service.js";

/** `known`: the other end at this address has become known. */
export const connectRoute = (
  accept: (stream: FrameStream) => FrameEvents,
  known: (remote: string) => void,
): ConversationRoute<Buffer, Buffer> => ({
  path: CONNECT_PATH,
  kind: "conversation",
  maxRequestBytes: MAX_STRANGER_FRAME_BYTES,
  decode: asBytes,
  frame: (frames, write) => {
    for (const frame of frames) {
      if (frame.length <= COPIED_BYTES) write(frameMessage(frame, false));
      else {
        write(prefixOf(frame.length, false));
        write(frame);
      }
    }
    return frames.length;
  },
  handle: (conversation) => new AcceptedStream(conversation, accept, known),
});

class AcceptedStream implements FrameStream, ConversationHandler<Buffer> {
  readonly remote: string;
  private readonly events: FrameEvents;
  private over = false;

  constructor(
    private readonly conversation: Conversation<Buffer>,
    accept: (stream: FrameStream) => FrameEvents,
    private readonly known: (remote: string) => void,
  ) {
    const { call } = conversation;
    this.remote = call.caller.address;
    call.sendHeaders();
    this.events = accept(this);
  }

  get writable(): boolean {
    return !this.over;
  }

  trust(): void {
    this.conversation.allow(MAX_FRAME_BYTES);
    this.known(this.remote);
  }

  ping(withinMs: number, done: (alive: boolean) => void): void {
    pinged((answered) => this.conversation.ping(answered), withinMs, done);
  }

  write(frame: Buffer): void {
    this.conversation.push([frame]);
  }

  get unsentBytes(): number {
    return this.over ? 0 : this.conversation.unsentBytes;
  }

  end(): void {
    this.conversation.end();
  }

  /** The other side hears of a status, unless it takes nothing. */
  cut(): void {
    this.conversation.cut(new GrpcError(STATUS.aborted, "the stream was cut"));
  }

  message(frame: Buffer): void {
    this.events.frame(frame);
  }

  /** The other side has said all: so has this one. */
  ended(): void {
    this.end();
  }

  drained(): void {}

  closed(): void {
    this.over = true;
    this.events.ended();
  }
}
