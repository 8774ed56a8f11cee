/**
 * A client's way to a node of the same process: its calls go straight to the handlers, without gRPC and without
 * sockets. The bytes of an answer are copied, as they are the node's own; those of a request are already copies.
 */
import type { Entry } from "../../gen/ts/onar/kv/v1/common.js";
import type { GetViewResponse } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { unreachable } from "../base/assert.js";
import { duration } from "../base/time.js";
import { type Failure, failureOf, ownFailure } from "../client/failure.js";
import type { Connection, Reply, Request, Response } from "../client/transport.js";
import { viewToWire } from "../codec/api/view.js";
import type { Limits } from "../config/config.js";
import { Failure as ServerFailure, startingText } from "../rpc/call/failure.js";
import { KeyValueHandlers } from "../rpc/services/key-value.js";
import type { Serving } from "../rpc/services/serving.js";

/** How much sooner than its deadline a call is answered, so that the answer comes before it. */
const ANSWER_MS = 10;
const POLL_MS = 20;

export class InProcessConnection implements Connection {
  private readonly handlers: KeyValueHandlers;
  private closed = false;

  constructor(
    private readonly state: Serving,
    limits: Limits,
    /** The node was killed or has stopped. */
    private readonly gone: () => boolean,
  ) {
    this.handlers = new KeyValueHandlers(state, limits);
  }

  get ready(): boolean {
    return !this.closed && !this.gone() && this.state.node !== null;
  }

  async connect(withinMs: number): Promise<string | null> {
    const until = performance.now() + withinMs;
    for (;;) {
      if (this.ready) return null;
      if (this.closed || this.gone()) return "the node has stopped";
      if (performance.now() >= until) return startingText(this.state.awaited());
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  send(request: Request, timeoutMs: number, replied: (reply: Reply) => void): () => void {
    let givenUp = false;
    const reply = (told: Reply): void => {
      if (!givenUp) replied(told);
    };
    this.ask(request, timeoutMs, reply);
    return () => {
      givenUp = true;
    };
  }

  async getView(): Promise<GetViewResponse | Failure> {
    const { node } = this.state;
    if (node === null) return ownFailure("notExecuted", "NO_WRITER", startingText(this.state.awaited()));
    return {
      header: this.state.header(null),
      view: viewToWire(node.views.view),
      digest: Buffer.from(node.views.newest.digest, "hex"),
    };
  }

  close(): void {
    this.closed = true;
  }

  private ask(request: Request, timeoutMs: number, reply: (reply: Reply) => void): void {
    if (!this.ready) return reply(ownFailure("notExecuted", "UNAVAILABLE", "the node has stopped"));
    const timeout = duration(timeoutMs - Math.min(ANSWER_MS, timeoutMs / 4));
    const failed = (failure: ServerFailure): void => reply(failureOf(failure.toStatus()));
    try {
      this.handlers.ask(request, { timeout, trace: null }, { answered: (response) => reply(ownOf(response)), failed });
    } catch (error) {
      if (error instanceof ServerFailure) failed(error);
      else reply(ownFailure("unknown", "INTERNAL", String(error)));
    }
  }
}

/** With bytes that are the caller's. */
function ownOf(response: Response): Response {
  switch (response.$case) {
    case "get":
      return { $case: "get", value: { ...response.value, entry: copyOf(response.value.entry) } };
    case "compareAndSet":
      return { $case: "compareAndSet", value: { ...response.value, found: copyOf(response.value.found) } };
    case "delete":
      return { $case: "delete", value: { ...response.value, found: copyOf(response.value.found) } };
    case "put":
    case "add":
      return response;
    default:
      return unreachable(response);
  }
}

const copyOf = (entry: Entry | undefined): Entry | undefined =>
  entry === undefined ? undefined : { ...entry, value: Buffer.from(entry.value) };
