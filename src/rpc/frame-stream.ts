/**
 * A stream of frames between two nodes: one gRPC call, on its HTTP/2 stream itself. grpc-js would pass each frame through some promises and
 * two streams of objects on either side (docs/adr/2026-11-21-frames-on-http2.md).
 */
import type { Http2Stream } from "node:http2";
import { Metadata, type ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { prefixOf, Unframer } from "../wire/grpc-frames.js";
import { MAX_FRAME_BYTES, WINDOW_BYTES } from "./peer-service.js";
import { type TakenCall, takingCalls } from "./taken-call.js";

export interface FrameStream {
  /** False once a frame that is written goes nowhere. */
  readonly writable: boolean;
  /** `written` is called when the connection has taken the frame, or will not any more. */
  write(frame: Buffer, written?: () => void): void;
  /** After this nothing more is said from this side. */
  end(): void;
  /** Ends the stream at once. */
  cut(): void;
}

export interface FrameEvents {
  /** Its bytes are good until it returns. */
  frame(bytes: Buffer): void;
  /** Called once, however the stream ended; nothing is called after it. */
  ended(): void;
}

/** Of a stream of which nothing is wanted. */
export const UNHEARD: FrameEvents = { frame: () => {}, ended: () => {} };

/** Hears what comes, frame by frame, until it cannot be read: then `unreadable` is called, once, and the rest is thrown away. */
export function readFrames(stream: Http2Stream, frame: (bytes: Buffer) => void, unreadable: () => void): void {
  const unframer = new Unframer(MAX_FRAME_BYTES);
  const next = (): Buffer | null => {
    const bytes = unframer.next();
    if (unframer.compressed) throw new Error("nodes do not compress");
    return bytes;
  };
  const read = (chunk: Buffer): void => {
    unframer.push(chunk);
    for (;;) {
      let bytes: Buffer | null;
      try {
        bytes = next();
      } catch {
        stream.off("data", read);
        stream.resume();
        return unreadable();
      }
      if (bytes === null) return;
      frame(bytes);
    }
  };
  stream.on("data", read);
}

/** The stream is not over. */
export const takesFrames = (stream: Http2Stream): boolean => !stream.destroyed && !stream.writableEnded;

/** Prefix and frame in one write; nothing when the stream is over. */
export function writeFrame(stream: Http2Stream, frame: Buffer, written?: () => void): void {
  if (!takesFrames(stream)) return written?.();
  stream.cork();
  stream.write(prefixOf(frame.length));
  stream.write(frame, () => written?.());
  stream.uncork();
}

/** Has the streams that peers open accepted. */
export const acceptingStreams = (path: string, accept: (stream: FrameStream) => FrameEvents): ServerInterceptor =>
  takingCalls(path, (taken) => {
    const stream = new AcceptedStream(taken, accept);
    return () => stream.over();
  });

class AcceptedStream implements FrameStream {
  private readonly call: ServerInterceptingCall;
  private readonly stream: TakenCall["stream"];
  private readonly events: FrameEvents;
  private ended = false;
  private closing = false;

  constructor({ call, stream }: TakenCall, accept: (stream: FrameStream) => FrameEvents) {
    this.call = call;
    this.stream = stream;
    // grpc-js leaves its server the 64 KiB that HTTP/2 begins with.
    stream.session?.settings({ initialWindowSize: WINDOW_BYTES });
    stream.session?.setLocalWindowSize(WINDOW_BYTES);
    call.sendMetadata(new Metadata());
    this.events = accept(this);
    const frame = (bytes: Buffer): void => {
      if (!this.closing) this.events.frame(bytes);
    };
    readFrames(stream, frame, () => this.cut());
    stream.on("end", () => this.over());
    stream.resume();
  }

  get writable(): boolean {
    return !this.closing && takesFrames(this.stream);
  }

  write(frame: Buffer, written?: () => void): void {
    if (this.closing) written?.();
    else writeFrame(this.stream, frame, written);
  }

  end(): void {
    this.close(status.OK, "OK");
  }

  /** Destroying the stream would leave the other side waiting: it ends with a status. */
  cut(): void {
    this.close(status.ABORTED, "the stream was cut");
    this.over();
  }

  over(): void {
    if (this.ended) return;
    this.ended = true;
    this.events.ended();
    this.end();
  }

  private close(code: status, details: string): void {
    if (this.closing) return;
    this.closing = true;
    this.call.sendStatus({ code, details, metadata: null });
  }
}
