/**
 * Calls of one node on one stream (Pipeline). Each costs a few bytes beside itself, where a call of its own costs a
 * request of HTTP/2.
 *
 * Intuition: answers find their call by its tag. Whether the way allows such a stream is found out, not believed. A
 * proxy may keep a request back until all of it is there. So no call goes on the stream before the node has said that
 * it serves it (SERVED). One that ends under calls, or says nothing for as long as one of them waits, is left.
 *
 * Invariants:
 *   S1  Each call is replied to once, unless it was given up. When the stream ends, those that were sent and not
 *       answered are unknown.
 *   S2  At most MAX_IN_FLIGHT calls are sent and not answered; more wait here.
 */
import type { PipelineRequest, PipelineResponse } from "../../gen/ts/onar/kv/v1/kv.js";
import { unreachable } from "../base/assert.js";
import { TransientMap } from "../base/transient-map.js";
import type { GrpcClient } from "../grpc/client/client.js";
import type { ClientConversation } from "../grpc/client/client-conversation.js";
import type { Method } from "../grpc/client/method.js";
import type { GrpcError } from "../grpc/status.js";
import { toBuffer } from "../wire/bytes.js";
import { writeFrames } from "../wire/grpc-frames.js";
import { decodePipelineResponse, encodePipelineRequest } from "../wire/pipeline.js";
import { type Failure, failureOf, failureOfError, ownFailure } from "./failure.js";
import { PIPELINE_PATH } from "./methods.js";
import type { Reply, Request } from "./transport.js";

/** As many as a node works on at a time (docs/api.md). */
const MAX_IN_FLIGHT = 1_024;
/** The header by which a node says that it serves the stream. */
const SERVED = "onar-pipeline";
/** The shortest time without an answer that speaks against a stream. */
const SILENT_MS = 1_000;
/** A stream without a call for so long is ended, and one that nobody has served by then. */
const IDLE_MS = 30_000;

const METHOD: Method<"bidirectional", never, PipelineResponse> = {
  path: PIPELINE_PATH,
  kind: "bidirectional",
  encode: unreachable,
  decode: (bytes) => decodePipelineResponse(toBuffer(bytes)),
};

/** Why a stream has ended. */
export interface StreamEnd {
  /** Calls were under way on it, or it was never served. */
  readonly hurt: boolean;
}

interface Call {
  readonly tag: bigint;
  readonly request: Request;
  /** performance.now() until which its caller waits. */
  readonly until: number;
  /** null: its caller has given it up. */
  replied: ((reply: Reply) => void) | null;
}

export class CallStream {
  private state: "opening" | "serving" | "left" | "over" = "opening";
  private readonly conversation: ClientConversation<PipelineResponse>;
  private readonly inFlight = new TransientMap<bigint, Call>();
  private waiting: Call[] = [];
  /** Those before it in `waiting` are sent. */
  private waitingAt = 0;
  private outgoing: PipelineRequest[] = [];
  private flushing = false;
  /** The node takes too little: what is to be sent waits in `outgoing`. */
  private full = false;
  private lastTag = 0n;
  private answers = 0;
  private usedAt = performance.now();
  private readonly idle: NodeJS.Timeout;

  constructor(
    client: GrpcClient,
    private readonly ended: (end: StreamEnd) => void,
  ) {
    this.conversation = client.converse(METHOD, {
      began: (headers) => {
        if (headers.get(SERVED) === undefined) this.conversation.cut();
        else if (this.state === "opening") this.state = "serving";
      },
      message: (response) => this.receive(response),
      drained: () => {
        this.full = false;
        this.flush();
      },
      closed: (failure) => this.end(failure),
    });
    this.idle = setInterval(() => this.endIfIdle(), IDLE_MS);
    this.idle.unref();
  }

  /** It takes calls. */
  get serves(): boolean {
    return this.state === "serving";
  }

  send(request: Request, timeoutMs: number, replied: (reply: Reply) => void): () => void {
    const now = performance.now();
    this.usedAt = now;
    const call: Call = { tag: ++this.lastTag, request, until: now + timeoutMs, replied };
    if (this.inFlight.size < MAX_IN_FLIGHT) this.write(call, timeoutMs);
    else this.waiting.push(call);
    const { answers } = this;
    return () => {
      // The answer still comes, and frees its place.
      call.replied = null;
      const late = performance.now();
      if (this.answers === answers && late >= call.until && late - now >= SILENT_MS) this.leave();
      else if (this.state === "left") this.endIfDone();
    };
  }

  /** Takes no further calls, and ends when those that it has are answered. */
  leave(): void {
    if (this.state === "over") return;
    this.state = "left";
    this.endIfDone();
  }

  private write(call: Call, timeoutMs: number): void {
    this.inFlight.set(call.tag, call);
    this.outgoing.push({ tag: call.tag, request: call.request, timeoutMs: Math.max(1, Math.floor(timeoutMs)) });
    if (this.flushing) return;
    this.flushing = true;
    // Behind all callers who go on now: their calls leave together.
    process.nextTick(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    const { outgoing } = this;
    if (outgoing.length === 0 || this.full || this.state === "over") return;
    const sent = writeFrames(outgoing, encodePipelineRequest, (framed) => {
      this.full = !this.conversation.write(framed);
      return !this.full;
    });
    this.outgoing = sent === outgoing.length ? [] : outgoing.slice(sent);
  }

  private receive({ tag, response }: PipelineResponse): void {
    const call = this.inFlight.get(tag);
    if (call === undefined) return;
    this.answers++;
    this.inFlight.delete(tag);
    this.writeNext();
    const { replied } = call;
    if (replied !== null) {
      if (response === undefined) replied(ownFailure("unknown", "INTERNAL", "an answer without content"));
      else if (response.$case === "status") replied(failureOf(response.value));
      else replied(response);
    }
    if (this.state === "left") this.endIfDone();
  }

  /** The next that waits and was not given up. */
  private writeNext(): void {
    const now = performance.now();
    for (;;) {
      const next = this.waiting[this.waitingAt];
      if (next === undefined) {
        this.waiting = [];
        this.waitingAt = 0;
        return;
      }
      // A shift for each would take quadratic time.
      if (++this.waitingAt >= 1_024) {
        this.waiting.splice(0, this.waitingAt);
        this.waitingAt = 0;
      }
      if (next.replied !== null) return this.write(next, next.until - now);
    }
  }

  private endIfIdle(): void {
    if (this.state === "opening") this.conversation.cut();
    else if (this.state === "serving" && performance.now() - this.usedAt >= IDLE_MS) this.leave();
  }

  private endIfDone(): void {
    for (const { replied } of this.inFlight.values()) if (replied !== null) return;
    this.state = "over";
    clearInterval(this.idle);
    this.conversation.cut();
    this.ended({ hurt: false });
  }

  private end(failure: GrpcError | null): void {
    if (this.state === "over") return;
    const hurt = this.state === "opening" || this.inFlight.size > 0;
    this.state = "over";
    clearInterval(this.idle);
    const sent = [...this.inFlight.values()];
    const unsent = this.waiting.slice(this.waitingAt);
    this.inFlight.clear();
    this.waiting = [];
    this.waitingAt = 0;
    this.outgoing = [];
    this.ended({ hurt });
    const lost = failureOfEnd(failure);
    for (const { replied } of sent) replied?.(lost);
    for (const { replied } of unsent) replied?.({ ...lost, execution: "notExecuted" });
  }
}

/**
 * The meaning of the stream's end for each call on it: it is no answer to any of them, so each may have been executed.
 */
function failureOfEnd(error: GrpcError | null): Failure {
  const told = error === null ? ownFailure("unknown", "UNAVAILABLE", "with OK") : failureOfError(error);
  return {
    ...told,
    execution: error?.outcome === "unprocessed" ? "notExecuted" : "unknown",
    retryable: true,
    decided: false,
    nodeUnwell: true,
    message: `the stream ended: ${told.message}`,
  };
}
