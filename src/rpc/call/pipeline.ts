/**
 * The Pipeline: requests and answers of one stream, matched by their tags. Its handler has no promise for a request, as
 * a busy stream has thousands in a turn of the event loop (docs/adr/2026-11-21-pipelines-on-http2.md).
 *
 * Invariants:
 *   P1  At most MAX_PIPELINED requests are under way or answered and not yet taken by the transport; then nothing more
 *       is read.
 *   P2  Each request is answered once, under its tag; answers leave in the order in which they come about.
 *   P3  The status comes last: after all answers, or instead of those that are still missing.
 *   P4  When the node stops, or ends the connection for its age, the stream ends once all that was read is answered:
 *       UNAVAILABLE, DRAINING.
 */
import type { PipelineRequest, PipelineResponse } from "../../../gen/ts/onar/kv/v1/kv.js";
import { duration } from "../../base/time.js";
import type { Conversation, ConversationHandler } from "../../grpc/server/conversation.js";
import type { ConversationRoute } from "../../grpc/server/route.js";
import { STATUS } from "../../grpc/status.js";
import { toBuffer } from "../../wire/bytes.js";
import { writeFrames } from "../../wire/grpc-frames.js";
import { decodePipelineRequest, encodePipelineResponse } from "../../wire/pipeline.js";
import { boundedDecode } from "./bounded-requests.js";
import { type Call, streamUntil, timeoutWithin } from "./call.js";
import { type CallTracer, traceparentOf } from "./call-tracer.js";
import { draining } from "./failure.js";

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
  /** The path of a request, for traces: that of the unary call of the same kind. */
  readonly pathOf: (request: PipelineRequest) => string;
  readonly tracer: CallTracer | null;
  /** Aborts when streams are to end. */
  readonly stopping: AbortSignal;
}

export function pipelineRoute(
  path: string,
  options: PipelineOptions,
): ConversationRoute<PipelineRequest, PipelineResponse> {
  const decode = boundedDecode(path, decodePipelineRequest, "read");
  return {
    path,
    kind: "conversation",
    decode: (bytes) => decode(toBuffer(bytes)),
    frame: (responses, write) => writeFrames(responses, encodePipelineResponse, write),
    handle: (conversation) => new PipelineCall(conversation, options),
  };
}

class PipelineCall implements ConversationHandler<PipelineRequest> {
  private readonly traceparent: string;
  /** performance.now() until which answers are of use. */
  private readonly until: number;
  private waiting: PipelineResponse[] = [];
  private underWay = 0;
  private flushing = false;
  private allCame = false;
  private over = false;

  constructor(
    private readonly conversation: Conversation<PipelineResponse>,
    private readonly options: PipelineOptions,
  ) {
    const { call } = conversation;
    this.traceparent = options.tracer === null ? "" : traceparentOf(call);
    this.until = streamUntil(call.deadlineAt);
    // Sent at once: a proxy may re-send a stream that has no headers yet.
    call.responseHeaders.set("onar-pipeline", "1");
    call.sendHeaders();
    options.stopping.addEventListener("abort", this.whenStopping);
  }

  message(request: PipelineRequest): void {
    if (this.over) return;
    // Requests that have come and are not begun are not answered either: the status says so.
    if (this.ending) return this.endIfIdle();
    this.begin(request);
    if (this.hasNoRoom) this.conversation.pause();
  }

  ended(): void {
    this.allCame = true;
    this.goOn();
  }

  drained(): void {
    this.flush();
  }

  closed(): void {
    this.over = true;
    this.waiting = [];
    this.options.stopping.removeEventListener("abort", this.whenStopping);
  }

  private readonly whenStopping = (): void => this.endIfIdle();

  private get ending(): boolean {
    return this.options.stopping.aborted || this.conversation.isDraining;
  }

  private get isIdle(): boolean {
    return this.underWay === 0 && this.waiting.length === 0;
  }

  private get hasNoRoom(): boolean {
    return this.conversation.isFull || this.underWay + this.waiting.length >= MAX_PIPELINED;
  }

  private endIfIdle(): void {
    if (this.over || !this.isIdle) return;
    this.over = true;
    this.conversation.end(draining({ kind: "read", partition: null, hasId: false }));
  }

  /** Takes more, if there is room, or ends. */
  private goOn(): void {
    if (this.over) return;
    if (this.ending) return this.endIfIdle();
    if (!this.allCame) {
      if (!this.hasNoRoom) this.conversation.resume();
    } else if (this.isIdle) {
      this.over = true;
      this.conversation.end();
    }
  }

  private begin(request: PipelineRequest): void {
    const { handle, pathOf, tracer } = this.options;
    const timeout = duration(Math.min(timeoutWithin(request.timeoutMs), this.until - performance.now()));
    const traced = tracer === null ? null : tracer.began(pathOf(request), this.traceparent);
    this.underWay++;
    const answered = (response: PipelineResponse): void => {
      traced?.ended(response.response?.$case === "status" ? response.response.value.code : STATUS.ok);
      this.underWay--;
      this.answer(response);
    };
    try {
      handle(request, { timeout, trace: traced?.context ?? null }, answered);
    } catch (error) {
      traced?.ended(STATUS.internal);
      throw error;
    }
  }

  /** All that comes about in one turn of the event loop leaves in one write. */
  private answer(response: PipelineResponse): void {
    if (this.over) return;
    this.waiting.push(response);
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    this.flushing = false;
    if (this.over) return;
    const { waiting } = this;
    if (waiting.length > 0) {
      const sent = this.conversation.send(waiting);
      this.waiting = sent === waiting.length ? [] : waiting.slice(sent);
    }
    this.goOn();
  }
}
