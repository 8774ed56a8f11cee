/**
 * A conversation on the HTTP/2 stream of a call that was taken from grpc-js. Each message would cost grpc-js some
 * promises on the way in and a write of its own on the way out.
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import { gunzipSync } from "node:zlib";
import type { Conversation, ConversationHandler } from "../../grpc/server/conversation.js";
import type { ConversationRoute } from "../../grpc/server/route.js";
import { GrpcError, STATUS } from "../../grpc/status.js";
import { MessageTooLong, Unframer } from "../../wire/grpc-frames.js";
import { GrpcJsCall, type GrpcJsServing } from "./grpc-js-call.js";
import { flagFlaw, type TakenCall } from "./taken-call.js";

export class GrpcJsConversation implements Conversation<unknown> {
  readonly call: GrpcJsCall;
  isFull = false;
  private readonly stream: ServerHttp2Stream;
  private readonly encoding: string;
  private readonly unframer: Unframer;
  private readonly handler: ConversationHandler<unknown> | null = null;
  private paused = false;
  private reading = false;
  private allCame = false;
  private toldAll = false;

  constructor(
    private readonly route: ConversationRoute<unknown, unknown>,
    { call, metadata, stream, incomingEncoding }: TakenCall,
    serving: GrpcJsServing,
    maxMessageBytes: number,
  ) {
    this.call = new GrpcJsCall(route, call, metadata, serving);
    this.stream = stream;
    this.encoding = incomingEncoding;
    this.unframer = new Unframer(maxMessageBytes);
    stream.on("data", (chunk: Buffer) => {
      this.unframer.push(chunk);
      this.read();
    });
    stream.on("end", () => {
      // A connection that is lost ends its streams, too.
      if (stream.aborted) return;
      this.allCame = true;
      this.read();
    });
    stream.on("drain", () => {
      this.isFull = false;
      this.tell((handler) => handler.drained());
    });
    try {
      const handler = route.handle(this);
      this.handler = handler;
      this.call.onEnd(() => handler.closed());
    } catch (error) {
      this.call.fail(error);
    }
    this.read();
  }

  get isDraining(): boolean {
    // Node.js tells a connection's end by nothing else.
    return this.stream.session?.closed === true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.read();
  }

  send(responses: readonly unknown[]): number {
    if (this.call.over) return responses.length;
    if (this.isFull) return 0;
    return this.route.frame(responses, (framed) => {
      this.isFull = !this.stream.write(framed);
      return !this.isFull;
    });
  }

  push(responses: readonly unknown[]): void {
    if (this.call.over) return;
    this.route.frame(responses, (framed) => {
      this.isFull = !this.stream.write(framed);
      return true;
    });
  }

  get unsentBytes(): number {
    return this.stream.writableLength;
  }

  allow(maxRequestBytes: number): void {
    this.unframer.maxBytes = maxRequestBytes;
  }

  ping(answered: () => void): boolean {
    const { session } = this.stream;
    if (session === undefined || session.destroyed || session.closed) return false;
    return session.ping((error) => {
      if (error === null) answered();
    });
  }

  cut(failure: GrpcError): void {
    const waits = this.unsentBytes > 0;
    this.call.fail(failure);
    if (waits) this.stream.close(constants.NGHTTP2_CANCEL);
  }

  end(failure?: GrpcError): void {
    if (failure === undefined) this.call.end();
    else this.call.fail(failure);
  }

  /** Takes what has come as far as it is wanted. */
  private read(): void {
    if (this.reading) return;
    this.reading = true;
    while (!this.call.over && !this.paused) {
      const message = this.next();
      if (message === null) break;
      this.tell((handler) => handler.message(message.request));
    }
    this.reading = false;
    if (this.call.over || !this.paused) this.stream.resume();
    else this.stream.pause();
    if (!this.allCame || this.toldAll || this.paused || this.call.over) return;
    this.toldAll = true;
    this.tell((handler) => handler.ended());
  }

  /** null: nothing complete is there, or the call was ended for what came. */
  private next(): { readonly request: unknown } | null {
    const { unframer } = this;
    try {
      const message = unframer.next();
      if (message !== null) {
        const flaw = flagFlaw(unframer.flag, this.encoding);
        if (flaw !== null) throw new GrpcError(STATUS.internal, flaw);
        return { request: this.route.decode(unframer.flag === 1 ? this.decompressed(message) : message) };
      }
      if (this.allCame && !unframer.empty) throw new GrpcError(STATUS.internal, "the stream ended within a message");
    } catch (error) {
      if (error instanceof GrpcError) this.call.fail(error);
      else if (error instanceof MessageTooLong) this.call.fail(tooLong(error));
      else this.call.fail(new GrpcError(STATUS.internal, "Error deserializing request"));
    }
    return null;
  }

  private tell(what: (handler: ConversationHandler<unknown>) => void): void {
    if (this.call.over || this.handler === null) return;
    try {
      what(this.handler);
    } catch (error) {
      this.call.fail(error);
    }
  }

  /** The head of the request named no other way than gzip. */
  private decompressed(message: Buffer): Buffer {
    const options = { maxOutputLength: this.unframer.maxBytes };
    try {
      return gunzipSync(message, options);
    } catch (error) {
      const isTooLong = error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
      throw isTooLong ? new MessageTooLong(this.unframer.maxBytes + 1, this.unframer.maxBytes) : error;
    }
  }
}

const tooLong = ({ length, bound }: MessageTooLong): GrpcError =>
  new GrpcError(STATUS.resourceExhausted, `Received message larger than max (${length} vs ${bound})`);
