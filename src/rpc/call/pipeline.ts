/**
 * The Pipeline stream, served on its HTTP/2 stream itself. grpc-js begins and ends the call, as for all others. But
 * each message would cost it some promises on the way in and a write of its own on the way out. Together that is
 * several times what the answer costs (docs/adr/2026-11-21-pipelines-on-http2.md).
 *
 * Invariants:
 *   P1  At most MAX_PIPELINED requests are under way or answered and not yet taken by the transport; then nothing more is read.
 *   P2  Each request is answered once, under its tag; answers leave in the order in which they come about.
 *   P3  The status comes last: after all answers, or instead of those that are still missing.
 *   P4  When the node stops, or ends the connection for its age, the stream ends once all that was read is answered: UNAVAILABLE, DRAINING.
 */
import type { ServerHttp2Stream } from "node:http2";
import { gunzipSync, inflateSync } from "node:zlib";
import { Metadata, type ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import type { PipelineRequest, PipelineResponse } from "../../../gen/ts/onar/kv/v1/kv.js";
import { AssertionError } from "../../base/assert.js";
import { duration } from "../../base/time.js";
import { MessageTooLong, Unframer, writeFrames } from "../../wire/grpc-frames.js";
import { encodePipelineResponse } from "../../wire/pipeline.js";
import { type TakenCall, takingCalls } from "../transport/taken-call.js";
import { type Call, DEFAULT_TIMEOUT, streamUntil } from "./call.js";
import { type CallTracer, TRACEPARENT, textOf } from "./call-tracer.js";
import { draining, Failure } from "./failure.js";

/** Requests of one pipeline under way at a time; the stream is read no further until one is answered. */
export const MAX_PIPELINED = 1_024;

/** Has a request answered, once. An error that it throws is a defect. */
export type PipelineHandler = (
  request: PipelineRequest,
  call: Call,
  answered: (response: PipelineResponse) => void,
) => void;

export interface PipelineOptions {
  readonly handle: PipelineHandler;
  /** A Failure: nothing of that kind is decoded, and the stream ends. A malformed message throws. */
  readonly decode: (message: Buffer) => PipelineRequest | Failure;
  /** The path of a request, for traces: that of the unary call of the same kind. */
  readonly pathOf: (request: PipelineRequest) => string;
  readonly tracer: CallTracer | null;
  /** Aborts when streams are to end. */
  readonly stopping: AbortSignal;
  readonly maxMessageBytes: number;
}

/** Takes the calls of this path for itself. */
export const servePipelines = (path: string, options: PipelineOptions): ServerInterceptor =>
  takingCalls(path, (taken) => {
    const pipeline = new PipelineCall(taken, options);
    return () => pipeline.cancelled();
  });

class PipelineCall {
  private readonly call: ServerInterceptingCall;
  private readonly stream: ServerHttp2Stream;
  private readonly encoding: string;
  private readonly unframer: Unframer;
  private readonly traceparent: string;
  /** performance.now() until which answers are of use. */
  private readonly until: number;
  private answered: PipelineResponse[] = [];
  private underWay = 0;
  private flushing = false;
  /** The transport has not taken what it was given. */
  private choked = false;
  private allCame = false;
  private over = false;

  constructor(
    { call, metadata, stream, incomingEncoding }: TakenCall,
    private readonly options: PipelineOptions,
  ) {
    this.call = call;
    this.stream = stream;
    this.encoding = incomingEncoding;
    this.unframer = new Unframer(options.maxMessageBytes);
    this.traceparent = textOf(metadata.get(TRACEPARENT));
    this.until = streamUntil(call.getDeadline());
    stream.on("data", (chunk: Buffer) => {
      this.unframer.push(chunk);
      this.read();
    });
    stream.on("end", () => {
      this.allCame = true;
      this.read();
    });
    stream.on("drain", () => {
      this.choked = false;
      this.read();
    });
    // Sent at once: a proxy may re-send a stream that has no headers yet.
    const headers = new Metadata();
    headers.set("onar-pipeline", "1");
    call.sendMetadata(headers);
    options.stopping.addEventListener("abort", this.whenStopping);
    stream.resume();
  }

  cancelled(): void {
    this.over = true;
    this.answered = [];
    this.options.stopping.removeEventListener("abort", this.whenStopping);
  }

  private readonly whenStopping = (): void => this.endIfIdle();

  private get ending(): boolean {
    // Node.js tells a connection's end by nothing else.
    return this.options.stopping.aborted || this.stream.session?.closed === true;
  }

  private endIfIdle(): void {
    if (this.over || this.underWay > 0 || this.answered.length > 0) return;
    this.over = true;
    this.call.sendStatus(draining({ kind: "read", partition: null, hasId: false }).toStatusObject());
  }

  /** Takes what has come as far as there is room. */
  private read(): void {
    while (!this.over) {
      if (this.ending) return this.endIfIdle();
      if (this.choked || this.underWay + this.answered.length >= MAX_PIPELINED) {
        this.stream.pause();
        return;
      }
      const request = this.nextRequest();
      if (request === null) break;
      this.begin(request);
    }
    if (this.over) return;
    if (!this.allCame) this.stream.resume();
    else if (this.underWay === 0 && this.answered.length === 0) this.endWith(status.OK, "OK");
  }

  /** null: nothing complete is there, or the stream was ended for what came. */
  private nextRequest(): PipelineRequest | null {
    const { unframer } = this;
    try {
      const message = unframer.next();
      if (message !== null) return this.decoded(unframer.compressed ? this.decompressed(message) : message);
      if (this.allCame && !unframer.empty) this.endWith(status.INTERNAL, "the stream ended within a message");
    } catch (error) {
      if (error instanceof MessageTooLong)
        this.endWith(status.RESOURCE_EXHAUSTED, `Received message larger than max (${error.length} vs ${error.bound})`);
      else if (error instanceof EncodingUnknown) this.endWith(status.UNIMPLEMENTED, error.message);
      else this.endWith(status.INTERNAL, "Error deserializing request");
    }
    return null;
  }

  /** null: the stream was ended, as for anything that is no request. */
  private decoded(message: Buffer): PipelineRequest | null {
    const request = this.options.decode(message);
    if (!(request instanceof Failure)) return request;
    this.over = true;
    this.call.sendStatus(request.toStatusObject());
    return null;
  }

  private begin(request: PipelineRequest): void {
    const { handle, pathOf, tracer } = this.options;
    const timeout = duration(Math.min(DEFAULT_TIMEOUT, this.until - performance.now()));
    const traced = tracer === null ? null : tracer.began(pathOf(request), this.traceparent);
    this.underWay++;
    const answered = (response: PipelineResponse): void => {
      traced?.ended(response.response?.$case === "status" ? response.response.value.code : status.OK);
      this.underWay--;
      this.answer(response);
    };
    try {
      handle(request, { timeout, trace: traced?.context ?? null }, answered);
    } catch (error) {
      traced?.ended(status.INTERNAL);
      this.endWith(status.INTERNAL, "internal error");
      // A broken invariant stops the node rather than spread.
      if (error instanceof AssertionError) throw error;
    }
  }

  /** All that comes about in one turn of the event loop leaves in one write. */
  private answer(response: PipelineResponse): void {
    if (this.over) return;
    this.answered.push(response);
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    this.flushing = false;
    if (this.over) return;
    const { answered } = this;
    this.answered = [];
    writeFrames(answered, encodePipelineResponse, (bytes) => {
      if (!this.stream.write(bytes)) this.choked = true;
    });
    this.read();
  }

  private endWith(code: status, details: string): void {
    if (this.over) return;
    this.over = true;
    this.call.sendStatus({ code, details, metadata: null });
  }

  private decompressed(message: Buffer): Buffer {
    const options = { maxOutputLength: this.options.maxMessageBytes };
    try {
      if (this.encoding === "gzip") return gunzipSync(message, options);
      if (this.encoding === "deflate") return inflateSync(message, options);
    } catch (error) {
      const tooLong = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
      throw tooLong ? new MessageTooLong(this.options.maxMessageBytes + 1, this.options.maxMessageBytes) : error;
    }
    throw new EncodingUnknown(`Received message compressed with unsupported encoding "${this.encoding}"`);
  }
}

class EncodingUnknown extends Error {}
