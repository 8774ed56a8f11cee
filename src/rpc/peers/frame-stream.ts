/**
 * A stream of frames between two nodes: one gRPC call, on its HTTP/2 stream itself. grpc-js would pass each frame through some promises and
 * two streams of objects on either side (docs/adr/2026-11-21-frames-on-http2.md).
 */
import type { Http2Session, Http2Stream } from "node:http2";
import { Metadata, type ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { prefixOf, Unframer } from "../../wire/grpc-frames.js";
import { type TakenCall, takingCalls } from "../transport/taken-call.js";
import { MAX_STRANGER_FRAME_BYTES, nameOf } from "./admission.js";
import { MAX_FRAME_BYTES, WINDOW_BYTES } from "./peer-service.js";

export interface FrameStream {
  /** False once a frame that is written goes nowhere. */
  readonly writable: boolean;
  /** HOST:PORT of the other end, for people. */
  readonly remote: string;
  /** The peer at the other end is known: from now on it has the bounds of a member. Until then frames are short, and
   * little is under way. */
  trust(): void;
  /** Calls with whether the process at the other end answers in time; false when the stream is over. */
  ping(withinMs: number, done: (alive: boolean) => void): void;
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

/** For a stream of which nothing is wanted. */
export const UNHEARD: FrameEvents = { frame: () => {}, ended: () => {} };

/** Hears what comes, frame by frame, until it cannot be read: then `unreadable` is called, once, and the rest is thrown away. */
export function readFrames(
  stream: Http2Stream,
  unframer: Unframer,
  frame: (bytes: Buffer) => void,
  unreadable: () => void,
): void {
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

/** Reads the frames of somebody who is not known yet: `maxBytes` grows when it is. */
export const strangersFrames = (): Unframer => new Unframer(MAX_STRANGER_FRAME_BYTES);

/** Whether the process at the other end answers a ping in time. */
export function pingSession(session: Http2Session | undefined, withinMs: number, done: (alive: boolean) => void): void {
  let told = false;
  const tell = (alive: boolean): void => {
    if (told) return;
    told = true;
    clearTimeout(timer);
    done(alive);
  };
  const timer = setTimeout(() => tell(false), withinMs);
  if (session === undefined || session.destroyed || session.closed) return tell(false);
  try {
    if (!session.ping((error) => tell(error === null))) tell(false);
  } catch {
    tell(false);
  }
}

/** Prefix and frame in one write; nothing when the stream is over. */
export function writeFrame(stream: Http2Stream, frame: Buffer, written?: () => void): void {
  if (!takesFrames(stream)) return written?.();
  stream.cork();
  stream.write(prefixOf(frame.length));
  stream.write(frame, () => written?.());
  stream.uncork();
}

/** Has the streams that peers open accepted. */
export const acceptingStreams = (
  path: string,
  accept: (stream: FrameStream) => FrameEvents,
  known: (remote: string) => void,
): ServerInterceptor =>
  takingCalls(path, (taken) => {
    const stream = new AcceptedStream(taken, accept, known);
    return () => stream.over();
  });

class AcceptedStream implements FrameStream {
  readonly remote: string;
  private readonly unframer = strangersFrames();
  private readonly call: ServerInterceptingCall;
  private readonly stream: TakenCall["stream"];
  private readonly events: FrameEvents;
  private ended = false;
  private closing = false;

  constructor(
    { call, stream }: TakenCall,
    accept: (stream: FrameStream) => FrameEvents,
    private readonly known: (remote: string) => void,
  ) {
    this.call = call;
    this.stream = stream;
    this.remote = stream.session === undefined || stream.session.destroyed ? "?:0" : nameOf(stream.session.socket);
    call.sendMetadata(new Metadata());
    this.events = accept(this);
    const frame = (bytes: Buffer): void => {
      if (!this.closing) this.events.frame(bytes);
    };
    readFrames(stream, this.unframer, frame, () => this.cut());
    stream.on("end", () => this.over());
    stream.resume();
  }

  get writable(): boolean {
    return !this.closing && takesFrames(this.stream);
  }

  trust(): void {
    this.unframer.maxBytes = MAX_FRAME_BYTES;
    const { session } = this.stream;
    if (session === undefined || session.destroyed) return;
    // grpc-js leaves its server the 64 KiB that HTTP/2 begins with.
    session.settings({ initialWindowSize: WINDOW_BYTES });
    session.setLocalWindowSize(WINDOW_BYTES);
    this.known(this.remote);
  }

  ping(withinMs: number, done: (alive: boolean) => void): void {
    pingSession(this.closing ? undefined : this.stream.session, withinMs, done);
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
