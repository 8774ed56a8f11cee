/**
 * The spans of a request on its way through the nodes:
 *
 *   Put                 the call, at the entry node (call-traces.ts)
 *   └ onar.Forward      to the node that serves it and back
 *     └ onar.serve      at that node: from the core's taking it on to its answer
 *       └ onar.Write    a question to the other replicas: Recover, Write; Read, Impose, HandOver
 *         └ onar.replica.Write   at each of them: until its answer leaves, which is after its sync
 *
 * The protocol knows nothing of this. Requests are recognised by identity and ticket, questions by key, answers by
 * attempt or by (ballot, seq). A message's place in a trace travels beside it (PeerMessage.trace). So spans may be
 * missing, and never delay or change anything. A Write that a later one of its key overtakes in a batch has no span at
 * the replicas except that one's.
 *
 * Without a traced request under way, each hook here is a look into an empty map.
 */
import type { TraceContext } from "../../base/trace-context.js";
import type { NodeId, Partition } from "../../core/model/ids.js";
import type { Forward, NodeMessage, Request } from "../../core/model/node-message.js";
import type { RequestId, Result } from "../../core/model/operation.js";
import type { Ticket } from "../../core/model/outbox.js";
import type { RequestWatcher } from "../../node/watcher.js";
import type { Peers } from "../../ports/peers.js";
import type { PeerTraces } from "../../rpc/peers/peer-links.js";
import { answeredBy, type Question, questionOf } from "./questions.js";
import type { Span, Spans } from "./spans.js";

/** Spans of one kind that are open at a time; the oldest is ended for one more. */
const MAX_OPEN = 4_096;

/** A request that this node's core has taken on. */
interface Served {
  readonly span: Span;
  readonly place: string;
  readonly requestId: RequestId | null;
  /** The question asked last, as its answers come: they end with the next, or with the request. */
  asking: { readonly name: string; readonly span: Span; readonly tags: Set<string> } | null;
}

export class RequestTraces implements RequestWatcher, PeerTraces {
  /** Where requests of this node's clients belong, and messages that come or leave. */
  private readonly places = new WeakMap<object, TraceContext>();
  private readonly forwards = new Map<number, Span>();
  private readonly tickets = new Map<Ticket, Served>();
  /** The same, by partition and key, in the order in which they came. */
  private readonly keys = new Map<string, Set<Served>>();
  /** By the tags of questions. */
  private readonly questions = new Map<string, Served>();
  /** At this replica, by who asked and the question's tag. */
  private readonly answers = new Map<string, Span>();

  constructor(private readonly spans: Spans) {}

  /** Messages that this node sends pass by here. */
  watch(peers: Peers): Peers {
    return {
      send: (to, message) => {
        this.sending(to, message);
        return peers.send(to, message);
      },
      flush: () => peers.flush(),
    };
  }

  /** A client's request is traced. */
  asked(request: Request, context: TraceContext): void {
    this.places.set(request, context);
  }

  /** The node stops: what is open is told as it is. */
  close(): void {
    const left = { "onar.outcome": "not-seen" };
    for (const served of this.tickets.values()) {
      this.forget(served);
      served.span.end(left);
    }
    for (const open of [this.forwards, this.answers]) {
      for (const span of open.values()) span.end(left);
      open.clear();
    }
    this.tickets.clear();
  }

  // ---- the router's way

  forwarded(request: Request, message: Forward, to: NodeId): void {
    const parent = this.places.get(request);
    if (parent === undefined) return;
    const span = this.spans.begin("onar.Forward", "client", parent, {
      "onar.partition": message.partition,
      "onar.peer": to,
    });
    this.places.set(message, span.context);
    endOldest(this.forwards);
    this.forwards.set(message.id, span);
  }

  forwardEnded(id: number, how: Result["status"] | "given-up" | "lost" | "unsent"): void {
    const span = this.forwards.get(id);
    if (span === undefined) return;
    this.forwards.delete(id);
    span.end({ "onar.outcome": how }, how === "lost" || how === "given-up" ? how : undefined);
  }

  serving(ticket: Ticket, partition: Partition, request: Request): void {
    const parent = this.places.get(request);
    if (parent !== undefined) this.serve(ticket, partition, request, this.begin("internal", parent, partition, null));
  }

  visiting(ticket: Ticket, message: Forward, from: NodeId): void {
    const parent = this.places.get(message);
    if (parent === undefined) return;
    const { partition, request } = message;
    this.serve(ticket, partition, request, this.begin("server", parent, partition, from));
  }

  turnedAway(message: Forward, from: NodeId, reason: string): void {
    const parent = this.places.get(message);
    if (parent === undefined) return;
    this.begin("server", parent, message.partition, from).end({ "onar.outcome": "refused", "onar.reason": reason });
  }

  served(ticket: Ticket, result: Result): void {
    const served = this.tickets.get(ticket);
    if (served === undefined) return;
    this.tickets.delete(ticket);
    this.forget(served);
    const reason = reasonOf(result);
    served.span.end(
      reason === null ? { "onar.outcome": result.status } : { "onar.outcome": result.status, "onar.reason": reason },
      result.status === "unknown" ? (reason ?? undefined) : undefined,
    );
  }

  // ---- messages

  contextOf(message: NodeMessage): TraceContext | null {
    return this.places.get(message) ?? null;
  }

  received(from: NodeId, message: NodeMessage, context: TraceContext | null): void {
    if (context !== null) this.receivedTraced(from, message, context);
    else if (this.questions.size > 0) this.receivedAnswer(from, message);
  }

  private receivedTraced(from: NodeId, message: NodeMessage, context: TraceContext): void {
    if (message.kind === "forward") {
      this.places.set(message, context);
      return;
    }
    const question = questionOf(message);
    if (question === null) return;
    const span = this.spans.begin(`onar.replica.${question.name}`, "server", context, {
      "onar.partition": question.partition,
      "onar.peer": from,
    });
    const key = `${from} ${question.tag}`;
    // The same question once more: one answer is enough for both.
    this.answers.get(key)?.end({ "onar.outcome": "asked-again" });
    this.answers.delete(key);
    endOldest(this.answers);
    this.answers.set(key, span);
  }

  private receivedAnswer(from: NodeId, message: NodeMessage): void {
    const tag = answeredBy(message);
    if (tag === null) return;
    const attributes = { "onar.peer": from };
    this.questions.get(tag)?.asking?.span.event(message.kind === "nack" ? "refused" : "answered", attributes);
  }

  private sending(to: NodeId, message: NodeMessage): void {
    if (this.answers.size > 0) this.sendingAnswer(to, message);
    if (this.keys.size === 0) return;
    const question = questionOf(message);
    if (question === null) return;
    let asking: Served | null = null;
    for (const served of this.keys.get(placeOf(question.partition, question.key)) ?? []) {
      if (isItsOwn(served, message)) asking = served;
    }
    if (asking !== null) this.ask(asking, question, message, to);
  }

  private sendingAnswer(to: NodeId, message: NodeMessage): void {
    const tag = answeredBy(message);
    if (tag === null) return;
    const key = `${to} ${tag}`;
    const span = this.answers.get(key);
    if (span === undefined) return;
    this.answers.delete(key);
    span.end({ "onar.outcome": message.kind === "nack" ? "refused" : "done" });
  }

  private ask(served: Served, question: Question, message: NodeMessage, to: NodeId): void {
    if (served.asking?.name !== question.name) {
      this.endAsking(served);
      const attributes = { "onar.partition": question.partition };
      const span = this.spans.begin(`onar.${question.name}`, "client", served.span.context, attributes);
      served.asking = { name: question.name, span, tags: new Set() };
    }
    const { span, tags } = served.asking as NonNullable<Served["asking"]>;
    span.event("sent", { "onar.peer": to });
    tags.add(question.tag);
    this.questions.set(question.tag, served);
    this.places.set(message, span.context);
  }

  // ---- what is open

  private begin(kind: "server" | "internal", parent: TraceContext, partition: Partition, from: NodeId | null): Span {
    const attributes = { "onar.partition": partition, ...(from === null ? {} : { "onar.peer": from }) };
    return this.spans.begin("onar.serve", kind, parent, attributes);
  }

  private serve(ticket: Ticket, partition: Partition, request: Request, span: Span): void {
    const [key, requestId] =
      request.kind === "read"
        ? [request.read.key, null]
        : [request.write.operation.key, request.write.requestId ?? null];
    const place = placeOf(partition, key);
    const served: Served = { span, place, requestId, asking: null };
    this.tickets.set(ticket, served);
    const sameKey = this.keys.get(place);
    if (sameKey === undefined) this.keys.set(place, new Set([served]));
    else sameKey.add(served);
  }

  private forget(served: Served): void {
    this.endAsking(served);
    const sameKey = this.keys.get(served.place);
    sameKey?.delete(served);
    if (sameKey?.size === 0) this.keys.delete(served.place);
  }

  private endAsking(served: Served): void {
    if (served.asking === null) return;
    for (const tag of served.asking.tags) this.questions.delete(tag);
    served.asking.span.end();
    served.asking = null;
  }
}

const placeOf = (partition: Partition, key: string): string => `${partition} ${key}`;

/**
 * A Write of the key that does not hold the request's record was decided for another one. Without an id nobody can
 * tell.
 */
const isItsOwn = ({ requestId }: Served, message: NodeMessage): boolean =>
  requestId === null || message.kind !== "write" || message.register.records.find(requestId) !== null;

function reasonOf(result: Result): string | null {
  if (result.status === "refused") return result.refusal.reason;
  return result.status === "unknown" ? result.unknown.reason : null;
}

/** Makes room: a span that nobody ends is not kept forever. */
function endOldest(open: Map<unknown, Span>): void {
  if (open.size < MAX_OPEN) return;
  for (const [key, span] of open) {
    span.end({ "onar.outcome": "not-seen" });
    open.delete(key);
    return;
  }
}
