/**
 * Spans of requests as the hooks of a node make them: whose child each is, and that each ends once, whatever becomes of
 * the request.
 */
import { beforeEach, describe, expect, test } from "vitest";
import type { TraceContext } from "../../../src/base/trace-context.js";
import { attempt, groupEpoch, type NodeId, revision } from "../../../src/core/model/ids.js";
import type { Forward, NodeMessage, Request } from "../../../src/core/model/node-message.js";
import type { Result } from "../../../src/core/model/operation.js";
import { RequestTraces } from "../../../src/observe/traces/request-traces.js";
import type { Attributes, Span, Spans } from "../../../src/observe/traces/spans.js";
import type { Peers } from "../../../src/ports/peers.js";
import { A, at, B, b, C, K, P, record, register, ts } from "../core/writer/harness.js";
import { put, read } from "../node/cluster.js";

interface Recorded {
  readonly name: string;
  readonly parent: string | undefined;
  readonly context: TraceContext;
  readonly events: string[];
  readonly ended: (Attributes & { readonly error?: string })[];
}

/** Keeps what it is told. */
class Recorder implements Spans {
  readonly all: Recorded[] = [];

  begin(name: string, _kind: string, parent: TraceContext | null): Span {
    const context = { traceId: "7".repeat(32), spanId: `${this.all.length + 1}`.padStart(16, "0") };
    const recorded: Recorded = { name, parent: parent?.spanId, context, events: [], ended: [] };
    this.all.push(recorded);
    return {
      context,
      event: (event, attributes) => void recorded.events.push(`${event} ${attributes["onar.peer"]}`),
      end: (attributes = {}, error) =>
        void recorded.ended.push({ ...attributes, ...(error === undefined ? {} : { error }) }),
    };
  }

  named(name: string): Recorded[] {
    return this.all.filter((span) => span.name === name);
  }

  one(name: string): Recorded {
    const found = this.named(name);
    expect(found, name).toHaveLength(1);
    return found[0] as Recorded;
  }

  get open(): number {
    return this.all.filter(({ ended }) => ended.length === 0).length;
  }
}

const CALL: TraceContext = { traceId: "7".repeat(32), spanId: "f".repeat(16) };
const DONE: Result = {
  status: "done",
  answer: { kind: "put", version: revision(1) },
  standing: { revision: revision(1), groupEpoch: groupEpoch(4), writer: A },
};

let spans: Recorder;
let traces: RequestTraces;
let sent: [NodeId, NodeMessage][];
let peers: Peers;
beforeEach(() => {
  spans = new Recorder();
  traces = new RequestTraces(spans);
  sent = [];
  peers = traces.watch({ send: (to, message) => sent.push([to, message]) > 0, flush: () => {} });
});

const forwardOf = (request: Request, id = 1): Forward => ({
  kind: "forward",
  id,
  partition: P,
  groupEpoch: groupEpoch(4),
  request,
  remaining: at(1_000) as never,
});
const writeOf = (seq: number, ...ids: readonly string[]): NodeMessage => ({
  kind: "write",
  partition: P,
  register: register({ key: K, at: ts(b(1), seq), records: ids.map((id) => record(id)) }),
  settledSeq: 0,
  settledRevision: revision(0),
});
const writtenOf = (seq: number): NodeMessage => ({ kind: "written", partition: P, ballot: b(1), seq });

function serving(ticket: number, request: Request, context = CALL): void {
  traces.asked(request, context);
  traces.serving(ticket, P, request);
}

test("what is not traced leaves nothing, and passes", () => {
  const request = put("v", "id");
  traces.serving(1, P, request);
  traces.forwarded(request, forwardOf(request), B);
  traces.visiting(2, forwardOf(request), B);
  peers.send(B, writeOf(1, "id"));
  traces.received(B, writtenOf(1), null);
  traces.served(1, DONE);
  traces.forwardEnded(1, "done");
  expect(spans.all).toEqual([]);
  expect(sent).toHaveLength(1);
  expect(traces.contextOf(sent[0]?.[1] as NodeMessage)).toBeNull();
});

describe("a forward", () => {
  test("is a child of the call, and what arrives of it is its child", () => {
    const request = put("v");
    const message = forwardOf(request);
    traces.asked(request, CALL);
    traces.forwarded(request, message, B);
    const forward = spans.one("onar.Forward");
    expect(forward.parent).toBe(CALL.spanId);
    expect(traces.contextOf(message)).toEqual(forward.context);

    const other = new RequestTraces(spans);
    const arrived = forwardOf(request);
    other.received(A, arrived, forward.context);
    other.visiting(9, arrived, A);
    expect(spans.one("onar.serve").parent).toBe(forward.context.spanId);
    other.served(9, { status: "unknown", unknown: { reason: "outcome-unknown" } });
    expect(spans.one("onar.serve").ended).toEqual([
      { "onar.outcome": "unknown", "onar.reason": "outcome-unknown", error: "outcome-unknown" },
    ]);
  });

  test("ends once, with what became of it", () => {
    const request = put("v", "id");
    traces.asked(request, CALL);
    const ends = ["done", "refused", "unknown", "given-up", "lost"] as const;
    for (const [id, how] of ends.entries()) {
      traces.forwarded(request, forwardOf(request, id), B);
      traces.forwardEnded(id, how);
      traces.forwardEnded(id, "given-up");
    }
    expect(spans.named("onar.Forward").map(({ ended }) => ended)).toEqual(
      ends.map((how) => [{ "onar.outcome": how, ...(how === "lost" || how === "given-up" ? { error: how } : {}) }]),
    );
  });

  test("that is turned away shows there, too", () => {
    const arrived = forwardOf(put("v"));
    traces.received(A, arrived, CALL);
    traces.turnedAway(arrived, A, "not-writer");
    expect(spans.one("onar.serve").ended).toEqual([{ "onar.outcome": "refused", "onar.reason": "not-writer" }]);
  });
});

describe("a round", () => {
  test("begins with the first question, tells who was asked and who answered, and ends with the request", () => {
    serving(1, put("v", "id"));
    const message = writeOf(5, "id");
    peers.send(B, message);
    peers.send(C, message);
    traces.received(C, writtenOf(5), null);
    const round = spans.one("onar.Write");
    expect(round.parent).toBe(spans.one("onar.serve").context.spanId);
    expect(round.events).toEqual([`sent ${B}`, `sent ${C}`, `answered ${C}`]);
    expect(round.ended).toEqual([]);
    traces.served(1, DONE);
    traces.received(B, writtenOf(5), null);
    expect(round.events).toHaveLength(3);
    expect(round.ended).toHaveLength(1);
    expect(spans.open).toBe(0);
  });

  test("ends when the next one begins", () => {
    serving(1, put("v", "id"));
    peers.send(B, { kind: "recover", partition: P, ballot: b(1), attempt: attempt(3), key: K });
    peers.send(B, writeOf(1, "id"));
    expect(spans.one("onar.Recover").ended).toHaveLength(1);
    expect(spans.one("onar.Write").ended).toHaveLength(0);
  });

  test("of another request on the key is not taken for its own", () => {
    serving(1, put("v", "mine"));
    peers.send(B, writeOf(1, "other"));
    expect(spans.named("onar.Write")).toEqual([]);
    serving(2, put("w", "later"));
    peers.send(B, writeOf(2, "other", "mine"));
    peers.send(B, writeOf(3, "other", "mine", "later"));
    const [first, second] = spans.named("onar.serve");
    expect(spans.named("onar.Write").map(({ parent }) => parent)).toEqual([
      first?.context.spanId,
      second?.context.spanId,
    ]);
    traces.served(1, DONE);
    traces.served(2, DONE);
    expect(spans.open).toBe(0);
  });

  test("of a read is the same", () => {
    serving(1, read);
    const holding = null;
    peers.send(B, { kind: "read", partition: P, groupEpoch: groupEpoch(4), attempt: attempt(3), key: K, holding });
    expect(spans.one("onar.Read").parent).toBe(spans.one("onar.serve").context.spanId);
  });
});

describe("a replica", () => {
  test("has a span from the question until its answer leaves", () => {
    traces.received(A, writeOf(1, "id"), CALL);
    const span = spans.one("onar.replica.Write");
    expect(span.parent).toBe(CALL.spanId);
    // With another seq, and to another node.
    peers.send(A, writtenOf(2));
    peers.send(B, writtenOf(1));
    expect(span.ended).toEqual([]);
    peers.send(A, writtenOf(1));
    peers.send(A, writtenOf(1));
    expect(span.ended).toEqual([{ "onar.outcome": "done" }]);
  });

  test("that refuses says so", () => {
    traces.received(A, writeOf(4, "id"), CALL);
    peers.send(A, { kind: "nack", partition: P, of: "write", ballot: b(1), attempt: 4, promised: b(2) });
    expect(spans.one("onar.replica.Write").ended).toEqual([{ "onar.outcome": "refused" }]);
  });

  test("that never answers is not remembered for ever", () => {
    for (let seq = 1; seq <= 5_000; seq++) traces.received(A, writeOf(seq), CALL);
    expect(spans.open).toBe(4_096);
    traces.received(A, writeOf(5_000), CALL);
    expect(spans.all.at(-2)?.ended).toEqual([{ "onar.outcome": "asked-again" }]);
  });
});

test("when the node stops, everything ends that was open, once", () => {
  const request = put("v", "id");
  serving(1, request);
  traces.forwarded(request, forwardOf(request), B);
  peers.send(B, writeOf(1, "id"));
  traces.received(B, writeOf(2, "else"), CALL);
  expect(spans.open).toBe(4);
  traces.close();
  traces.served(1, DONE);
  traces.forwardEnded(1, "given-up");
  expect(spans.all.map(({ ended }) => ended.length)).toEqual([1, 1, 1, 1]);
});
