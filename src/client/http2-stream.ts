/**
 * A Pipeline stream on node:http2. grpc-js would do, but costs its client some 65 µs of CPU for each message. Here all
 * that one event-loop turn has to say leaves in one write, and all that one read brings is taken at once.
 *
 * Answers find their call by tag. When the stream ends, all calls on it that are not answered have failed, with writes
 * unknown. Their callers send them again elsewhere, with the same id.
 */

import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import type { PipelineRequest, PipelineResponse } from "../../gen/ts/onar/kv/v1/kv.js";
import { TransientMap } from "../base/transient-map.js";
import { Unframer, writeFrames } from "../wire/grpc-frames.js";
import { decodePipelineResponse, encodePipelineRequest } from "../wire/pipeline.js";
import { DETAILS, type Failure, failureOf, failureOfEncoded, ownFailure } from "./failure.js";
import { PIPELINE_PATH } from "./methods.js";
import type { Reply, Request, Stream } from "./transport.js";

/** As many as a node works on at a time (docs/api.md); more wait here, where they are not yet unknown. */
const MAX_IN_FLIGHT = 1_024;
const WINDOW_BYTES = 4 * 1_024 * 1_024;
/** The connection is asked this often whether it still stands, and given up when it does not say so by the next time. */
const PING_MS = 5_000;

interface Waiting {
  readonly tag: bigint;
  readonly request: Request;
  readonly replied: (reply: Reply) => void;
}

export class Http2Stream implements Stream {
  open = true;
  private readonly session: ClientHttp2Session;
  private readonly stream: ClientHttp2Stream;
  private readonly unframer = new Unframer();
  private readonly inFlight = new TransientMap<bigint, (reply: Reply) => void>();
  private readonly waiting: Waiting[] = [];
  private readonly pings: NodeJS.Timeout;
  private outgoing: PipelineRequest[] = [];
  private flushing = false;
  private over = false;
  private answered = false;
  private connected = false;
  private pinged = false;
  private lastTag = 0n;
  private trailers: IncomingHttpHeaders = {};
  private trouble = "the connection broke";

  constructor(address: string) {
    this.session = connect(`http://${address}`, { settings: { initialWindowSize: WINDOW_BYTES, enablePush: false } });
    this.session.once("connect", () => {
      // Told a while after it has connected: it may have been closed since.
      if (this.session.destroyed) return;
      this.connected = true;
      this.session.setLocalWindowSize(WINDOW_BYTES);
    });
    this.session.on("error", (error) => this.end(error.message));
    // Calls begun are finished; new ones go elsewhere.
    this.session.on("goaway", () => {
      this.open = false;
    });
    this.session.on("close", () => this.ended());
    this.stream = this.session.request({
      ":method": "POST",
      ":path": PIPELINE_PATH,
      "content-type": "application/grpc",
      te: "trailers",
    });
    this.stream.on("response", (headers) => {
      if (headers["grpc-status"] !== undefined) this.trailers = headers;
      else if (headers[":status"] !== 200) this.trouble = `HTTP status ${headers[":status"]}`;
    });
    this.stream.on("trailers", (trailers) => {
      this.trailers = trailers;
    });
    this.stream.on("data", (chunk: Buffer) => this.read(chunk));
    // The node says nothing more, also while this side could; its trailers are there by then.
    this.stream.on("end", () => setImmediate(() => this.ended()));
    this.stream.on("error", (error) => {
      this.trouble = error.message;
    });
    this.stream.on("close", () => this.ended());
    this.pings = setInterval(() => this.ping(), PING_MS);
    this.pings.unref();
  }

  send(request: Request, _timeoutMs: number, replied: (reply: Reply) => void): () => void {
    if (!this.open) {
      replied(ownFailure("notExecuted", "UNAVAILABLE", "the stream has ended"));
      return () => {};
    }
    const tag = ++this.lastTag;
    let waiting: Waiting | null = null;
    if (this.inFlight.size < MAX_IN_FLIGHT) {
      this.write(tag, request, replied);
    } else {
      waiting = { tag, request, replied };
      this.waiting.push(waiting);
    }
    return () => {
      const at = waiting === null ? -1 : this.waiting.indexOf(waiting);
      if (at >= 0) this.waiting.splice(at, 1);
      // The answer still comes, and frees its place.
      else if (this.inFlight.has(tag)) this.inFlight.set(tag, ignore);
    };
  }

  close(): void {
    if (this.over) return;
    if (this.inFlight.size > 0) return this.end("the stream was closed");
    this.open = false;
    clearInterval(this.pings);
    this.stream.end();
    this.session.close();
  }

  private write(tag: bigint, request: Request, replied: (reply: Reply) => void): void {
    this.inFlight.set(tag, replied);
    this.outgoing.push({ tag, request });
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    this.flushing = false;
    const { outgoing } = this;
    this.outgoing = [];
    if (this.over || this.stream.destroyed || this.stream.writableEnded) return;
    writeFrames(outgoing, encodePipelineRequest, (bytes) => {
      this.stream.write(bytes);
      return true;
    });
  }

  private read(chunk: Buffer): void {
    try {
      const { unframer } = this;
      unframer.push(chunk);
      for (let message = unframer.next(); message !== null; message = unframer.next()) {
        if (unframer.compressed) throw new Error("a compressed message, which was not asked for");
        this.receive(decodePipelineResponse(message));
      }
    } catch (error) {
      this.end(error instanceof Error ? error.message : String(error));
    }
  }

  private receive({ tag, response }: PipelineResponse): void {
    this.answered = true;
    const replied = this.inFlight.get(tag);
    if (replied === undefined) return;
    this.inFlight.delete(tag);
    const next = this.waiting.shift();
    if (next !== undefined) this.write(next.tag, next.request, next.replied);
    if (response === undefined) replied(ownFailure("unknown", "INTERNAL", "an answer without content"));
    else if (response.$case === "status") replied(failureOf(response.value));
    else replied(response);
  }

  private ping(): void {
    if (this.pinged) return this.end("the node does not answer");
    if (this.over || this.session.destroyed) return;
    this.pinged = true;
    this.session.ping(() => {
      this.pinged = false;
    });
  }

  /** Cuts the connection. */
  private end(why: string): void {
    this.trouble = why;
    this.session.destroy();
    this.ended();
  }

  private ended(): void {
    if (this.over) return;
    this.over = true;
    this.open = false;
    clearInterval(this.pings);
    this.session.destroy();
    const failure = this.failure();
    const lost = [...this.inFlight.values()];
    this.inFlight.clear();
    for (const replied of lost) replied(failure);
    for (const { replied } of this.waiting.splice(0)) {
      replied({ ...failure, execution: "notExecuted", retryable: true });
    }
  }

  /** The failure that the end of the stream means for each call on it. */
  private failure(): Failure {
    const status = this.trailers["grpc-status"];
    const told =
      status === undefined
        ? ownFailure("unknown", "UNAVAILABLE", this.trouble)
        : failureOfEncoded(Number(status), textOf(this.trailers["grpc-message"]), this.trailers[DETAILS]);
    // Unless the stream was refused from the start, its end is no answer to any call: each may have been executed.
    const refused = !told.retryable && !this.answered && Number(status) !== 0;
    const sent = refused ? told.execution : "unknown";
    return {
      ...told,
      execution: this.connected ? sent : "notExecuted",
      retryable: !refused,
      decided: false,
      nodeUnwell: true,
      message: `the stream ended: ${told.message}`,
    };
  }
}

const ignore = (): void => {};

/** grpc-message comes percent-encoded. */
function textOf(header: string | string[] | undefined): string {
  const text = String(header ?? "");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
