/** A stream of frames to a peer, on a connection of its own: see frame-stream.ts. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import {
  type FrameEvents,
  type FrameStream,
  pingSession,
  readFrames,
  strangersFrames,
  takesFrames,
  writeFrame,
} from "./frame-stream.js";
import { connectMethod, KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS, MAX_FRAME_BYTES, WINDOW_BYTES } from "./peer-service.js";

/** A peer that cannot be reached within this is tried again. */
const CONNECT_MS = 2_000;

export class DialedStream implements FrameStream {
  readonly remote: string;
  private readonly unframer = strangersFrames();
  private readonly session: ClientHttp2Session;
  private readonly stream: ClientHttp2Stream;
  private readonly connecting: NodeJS.Timeout;
  private readonly keepalive: NodeJS.Timeout;
  private unanswered: NodeJS.Timeout | null = null;
  private ended = false;

  constructor(
    address: string,
    private readonly events: FrameEvents,
  ) {
    this.remote = address;
    this.session = connect(`http://${address}`, { settings: { enablePush: false } });
    this.connecting = setTimeout(() => this.cut(), CONNECT_MS);
    this.session.once("connect", () => clearTimeout(this.connecting));
    // The cause of the break shows in the stream's end; the reason helps nobody, as the stream is dialed again.
    this.session.on("error", () => this.cut());
    this.session.on("close", () => this.cut());
    this.stream = this.session.request({
      ":method": "POST",
      ":path": connectMethod.path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const frame = (bytes: Buffer): void => {
      if (!this.ended) events.frame(bytes);
    };
    readFrames(this.stream, this.unframer, frame, () => this.cut());
    this.stream.on("end", () => this.cut());
    this.stream.on("error", () => this.cut());
    this.stream.on("close", () => this.cut());
    this.keepalive = setInterval(() => this.keepAlive(), KEEPALIVE_MS);
    this.keepalive.unref();
  }

  get writable(): boolean {
    return !this.ended && takesFrames(this.stream);
  }

  trust(): void {
    this.unframer.maxBytes = MAX_FRAME_BYTES;
    if (this.ended || this.session.destroyed) return;
    const widen = (): void => {
      // Told a while after it has connected: it may have been cut since.
      if (this.session.destroyed) return;
      this.session.settings({ initialWindowSize: WINDOW_BYTES });
      this.session.setLocalWindowSize(WINDOW_BYTES);
    };
    if (this.session.connecting) this.session.once("connect", widen);
    else widen();
  }

  ping(withinMs: number, done: (alive: boolean) => void): void {
    pingSession(this.ended ? undefined : this.session, withinMs, done);
  }

  write(frame: Buffer, written?: () => void): void {
    if (this.ended) written?.();
    else writeFrame(this.stream, frame, written);
  }

  end(): void {
    if (!this.ended) this.stream.end();
  }

  cut(): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.connecting);
    clearInterval(this.keepalive);
    if (this.unanswered !== null) clearTimeout(this.unanswered);
    if (!this.stream.destroyed) this.stream.close(constants.NGHTTP2_CANCEL);
    this.session.destroy();
    this.events.ended();
  }

  private keepAlive(): void {
    if (this.unanswered !== null || this.session.connecting || this.session.destroyed) return;
    this.unanswered = setTimeout(() => this.cut(), KEEPALIVE_TIMEOUT_MS);
    this.unanswered.unref();
    this.session.ping(() => {
      if (this.unanswered !== null) clearTimeout(this.unanswered);
      this.unanswered = null;
    });
  }
}
