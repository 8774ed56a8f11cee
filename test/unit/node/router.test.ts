/** The router: who serves a request, what is sent again and what is not, and what a client is told when nobody can. */
import { afterEach, describe, expect, test } from "vitest";
import { present } from "../../../src/base/assert.js";
import { instant } from "../../../src/base/time.js";
import { groupEpoch, type NodeId, nodeId, revision } from "../../../src/core/model/ids.js";
import type { Request } from "../../../src/core/model/node-message.js";
import type { Result } from "../../../src/core/model/operation.js";
import { Outgoing } from "../../../src/node/outgoing.js";
import { MAX_HELD, MAX_HOLD, MAX_PENDING } from "../../../src/node/router.js";
import { plant } from "../../planted/planted.js";
import { heldIn, text } from "../core/writer/harness.js";
import { A, B, C, Cluster, increment, type Mail, P0, put, read } from "./cluster.js";

afterEach(() => plant());

const UNKNOWN = { status: "unknown", unknown: { reason: "outcome-unknown" } };
const OVERLOADED: Result = { status: "refused", refusal: { reason: "overloaded" } };
const isForward = ({ message }: Mail): boolean => message.kind === "forward";
const isForwarded = ({ message }: Mail): boolean => message.kind === "forwarded";

/** A cluster whose writer is A, and whose forwards do not arrive: the test answers them. */
const unanswered = (): Cluster => {
  const cluster = new Cluster().elected();
  cluster.drops = isForward;
  return cluster;
};
const answerLast = (cluster: Cluster, result: Result, from: NodeId = A, to: NodeId = B): void => {
  const id = cluster.forwards(to).at(-1)?.id ?? 0;
  cluster.step(to, { kind: "message", from, message: { kind: "forwarded", id, result } });
};
const valueAt = (cluster: Cluster, node: NodeId): string | null =>
  text(heldIn(present(cluster.machine(node).core.partitions.get(P0), "a replica").copy.replica.table)?.value);

/**
 * The answers of these nodes to what was just sent to them, as inputs of `asker`, one after the other. Returns all that
 * came of it.
 */
function answered(cluster: Cluster, asker: NodeId, sent: Outgoing, by: readonly NodeId[]): Outgoing {
  const out = new Outgoing();
  sent.sendNow.each((to, message) => {
    if (!by.includes(to)) return;
    const there = new Outgoing();
    cluster.machine(to).step(cluster.now, { kind: "message", from: asker, message }, there);
    there.sendDurable.each((_, answer) => {
      cluster.machine(asker).step(cluster.now, { kind: "message", from: to, message: answer }, out);
    });
  });
  return out;
}

describe("a disk that stands still", () => {
  /**
   * The disk of B, which is not the writer, takes something and never ends it; what B's reads bring is not released.
   */
  const standing = (ms: number): Cluster => {
    const cluster = new Cluster().elected();
    cluster.submit(A, put("x"));
    cluster.run(300);
    cluster.machine(B).syncs.appended(cluster.now);
    cluster.now = instant(cluster.now + ms);
    return cluster;
  };
  const reading = (cluster: Cluster, consistency: "local" | "linearizable"): Outgoing => {
    const out = new Outgoing();
    const { machines, now } = cluster;
    const asked = {
      kind: "read",
      read: { ...(read as Extract<Request, { kind: "read" }>).read, consistency },
    } as const;
    present(machines.get(B), "B").submit(now, P0, asked, instant(now + 1_000), out);
    return out;
  };
  const forwardsIn = (out: Outgoing): NodeId[] => {
    const to: NodeId[] = [];
    out.sendNow.each((node, message) => (message.kind === "forward" ? to.push(node) : 0));
    return to;
  };

  test("a read goes to another replica that is heard", () => {
    const [to] = forwardsIn(reading(standing(150), "linearizable"));
    expect([A, C]).toContain(to);
  });

  test("a read goes to the own copy while the disk gets on, and when nobody else is heard", () => {
    expect(forwardsIn(reading(standing(50), "linearizable"))).toEqual([]);
    const alone = new Cluster().elected();
    alone.isolate(B).run(2_000);
    alone.machine(B).syncs.appended(alone.now);
    alone.now = instant(alone.now + 150);
    expect(forwardsIn(reading(alone, "linearizable"))).toEqual([]);
  });

  test("a local read of what is settled is answered at once", () => {
    const out = reading(standing(150), "local");
    expect(out.replies).toMatchObject([{ verdict: { status: "done", answer: { kind: "get", consistency: "local" } } }]);
    expect(out.repliesAfterSync).toEqual([]);
  });

  test("an answer that waits for the sync already is asked of another replica, and only the first of the two is given", () => {
    const cluster = standing(50);
    const machine = cluster.machine(B);
    const waiting = answered(cluster, B, reading(cluster, "linearizable"), [A, C]);
    expect(waiting.repliesAfterSync).toHaveLength(1);
    cluster.now = instant(cluster.now + 100);
    const woken = new Outgoing();
    machine.step(cluster.now, { kind: "wake" }, woken);
    expect(forwardsIn(woken)).toHaveLength(1);
    const ticket = present(waiting.repliesAfterSync[0], "an answer").ticket;
    let forward = 0;
    woken.sendNow.each((_, message) => {
      if (message.kind === "forward") forward = message.id;
    });
    const result: Result = present(waiting.repliesAfterSync[0], "an answer").verdict as Result;
    const told = new Outgoing();
    machine.step(cluster.now, { kind: "message", from: A, message: { kind: "forwarded", id: forward, result } }, told);
    expect(told.replies).toMatchObject([{ ticket, verdict: { status: "done" } }]);
    expect(machine.router.released(ticket)).toBe(false);
  });
});

describe("what the sync releases (R8)", () => {
  const submitted = (cluster: Cluster, request: Request): Outgoing => {
    const out = new Outgoing();
    cluster.machine(A).submit(cluster.now, P0, request, instant(cluster.now + 1_000), out);
    return out;
  };

  test("a write that a majority of other nodes has on disk is answered at once, whatever this node's disk is doing", () => {
    const cluster = new Cluster().elected();
    // The key is recovered first: from here on what concerns it is in the writer's memory.
    cluster.submit(A, put("w"));
    const out = answered(cluster, A, submitted(cluster, put("x")), [B, C]);
    expect(out.replies).toMatchObject([{ verdict: { status: "done", answer: { kind: "put" } } }]);
    expect(out.repliesAfterSync).toEqual([]);
  });

  test("it is not answered while only one other node has it: this node's vote comes after its sync", () => {
    const cluster = new Cluster().elected();
    cluster.submit(A, put("w"));
    const out = answered(cluster, A, submitted(cluster, put("x")), [B]);
    expect([...out.replies, ...out.repliesAfterSync]).toEqual([]);
  });

  test("a read counts this node's own copy, durable or not, and waits", () => {
    const cluster = new Cluster().elected();
    cluster.submit(A, put("x"));
    const out = answered(cluster, A, submitted(cluster, read), [B, C]);
    expect(out.repliesAfterSync).toMatchObject([{ verdict: { status: "done", answer: { kind: "get" } } }]);
    expect(out.replies).toEqual([]);
  });

  test("the same for another node's client: a write's answer leaves at once, a read's waits", () => {
    const cluster = new Cluster(3, 2).elected();
    const forwarded = (asked: Request): { readonly now: number; readonly afterSync: number } => {
      cluster.sent.length = 0;
      cluster.submit(C, asked);
      const forward = present(cluster.forwards(C).at(-1), "a forward");
      const served = new Outgoing();
      cluster
        .machine(A)
        .step(cluster.now, { kind: "message", from: C, message: { ...forward, id: 1_000_000 } }, served);
      const out = answered(cluster, A, served, [B]);
      // The own vote, as if synced.
      served.sendDurable.each((to, message) => {
        if (to === A) cluster.machine(A).step(cluster.now, { kind: "message", from: A, message }, out);
      });
      const count = (sink: Outgoing["sendNow"]): number => {
        let found = 0;
        sink.each((_, message) => {
          if (message.kind === "forwarded") found++;
        });
        return found;
      };
      return { now: count(out.sendNow), afterSync: count(out.sendDurable) };
    };
    expect(forwarded(put("x"))).toEqual({ now: 1, afterSync: 0 });
    expect(forwarded(read)).toEqual({ now: 0, afterSync: 1 });
  });
});

describe("who serves", () => {
  test("the writer serves a write of its own clients itself", () => {
    const cluster = new Cluster().elected();
    expect(cluster.verdict(cluster.submit(A, put("x")))).toMatchObject({ status: "done", answer: { kind: "put" } });
    expect(cluster.forwards(A)).toEqual([]);
  });

  test("another node passes a write on to the writer, with what is left of its time", () => {
    const cluster = new Cluster().elected();
    expect(cluster.verdict(cluster.submit(B, put("x"), 700))).toMatchObject({ status: "done" });
    expect(cluster.forwards(B)).toMatchObject([{ partition: P0, groupEpoch: groupEpoch(1), remaining: 700 }]);
  });

  test("any replica serves a read without the writer's node", () => {
    const cluster = new Cluster().elected();
    cluster.submit(A, put("x"));
    cluster.isolate(A);
    const ticket = cluster.submit(C, read);
    cluster.run(500);
    expect(cluster.verdict(ticket)).toMatchObject({ status: "done", answer: { kind: "get" } });
    expect(cluster.forwards(C)).toEqual([]);
  });

  test("a node that keeps no copy passes a read on to a replica that it hears", () => {
    const cluster = new Cluster(3, 2).elected();
    cluster.submit(A, put("x"));
    cluster.isolate(B).run(1_000);
    cluster.sent.length = 0;
    cluster.submit(C, read);
    cluster.submit(C, read);
    const targets = cluster.sent.filter(isForward).map((mail) => mail.to);
    expect(targets).toEqual([A, A]);
  });
});

describe("what other nodes say of a partition's revision", () => {
  /** C keeps no copy, and was told of a revision that nobody has come to. */
  const misled = (): Cluster => {
    const cluster = new Cluster(3, 2).elected();
    cluster.drops = isForward;
    cluster.submit(C, read);
    const standing = { revision: revision(500_000), groupEpoch: groupEpoch(1), writer: A };
    const answer = { kind: "get", entry: null, consistency: "linearizable" } as const;
    answerLast(cluster, { status: "done", answer, standing }, A, C);
    return cluster.heal();
  };

  test("is unlearned by an entry node that keeps no copy, when the writer has not come to it", () => {
    const cluster = misled();
    const ticket = cluster.submit(C, put("x", "id"));
    cluster.run(1_000);
    expect(cluster.verdict(ticket)).toMatchObject({ status: "done" });
    plant("I6.believes-on");
    const believing = misled();
    const held = believing.submit(C, put("x", "id"));
    believing.run(3_500);
    expect(believing.verdict(held)).toMatchObject({ status: "unserved" });
  });

  test("is left alone when it cannot be", () => {
    const cluster = new Cluster(3, 2).elected();
    cluster.drops = isForward;
    const of = (result: Result): number => {
      cluster.submit(C, put("x", "id"));
      const before = cluster.machine(C).refused;
      answerLast(cluster, result, A, C);
      return cluster.machine(C).refused - before;
    };
    const far = revision(2 ** 52);
    const standing = { revision: revision(1), groupEpoch: groupEpoch(1), writer: A };
    const put1 = { kind: "put", version: revision(1) } as const;
    expect(of({ status: "done", answer: put1, standing: { ...standing, revision: far } })).toBe(1);
    expect(of({ status: "done", answer: { ...put1, version: far }, standing })).toBe(1);
    expect(of({ status: "done", answer: put1, standing: { ...standing, writer: nodeId(99) } })).toBe(1);
    expect(of({ status: "unknown", unknown: { reason: "request-expired", revision: far } })).toBe(1);
    expect(of({ status: "refused", refusal: { reason: "after-in-future", revision: far } })).toBe(1);
    expect(of({ status: "refused", refusal: { reason: "not-writer", hint: nodeId(99) } })).toBe(1);
    expect(of({ status: "refused", refusal: { reason: "no-quorum", missing: [A, B, C, A] } })).toBe(1);
    expect(of({ status: "done", answer: put1, standing })).toBe(0);
    plant("W5.taken");
    expect(of({ status: "done", answer: put1, standing: { ...standing, revision: far } })).toBe(0);
  });
});

describe("holding", () => {
  test("a request that came before there was a writer is served once there is one", () => {
    const cluster = new Cluster();
    const tickets = [cluster.submit(A, put("x")), cluster.submit(B, put("y"))];
    expect(cluster.machine(B).router.heldCount).toBe(1);
    cluster.elected().run(100);
    for (const ticket of tickets) expect(cluster.verdict(ticket)).toMatchObject({ status: "done" });
    expect(cluster.machine(B).router).toMatchObject({ heldCount: 0, pendingCount: 0 });
  });

  test("a write held through a change of writer is served by the next", () => {
    const cluster = new Cluster().elected();
    cluster.isolate(A).run(1_000);
    const ticket = cluster.submit(C, put("x"));
    cluster.run(2_500);
    expect(cluster.verdict(ticket)).toMatchObject({ status: "done" });
  });

  test("nobody can serve it: after three seconds it was not executed, as no majority is heard", () => {
    const cluster = new Cluster().elected();
    cluster.isolate(C).run(2_000);
    const start = cluster.now;
    const ticket = cluster.submit(C, put("x"));
    cluster.run(MAX_HOLD - 50);
    expect(cluster.verdict(ticket)).toBeUndefined();
    cluster.run(100);
    expect(cluster.verdict(ticket)).toEqual({ status: "unserved", reason: "no-quorum", missing: [A, B] });
    expect((cluster.verdictAt(ticket) ?? 0) - start).toBeLessThan(MAX_HOLD + 20);
  });

  test("or as there is no writer, though a majority is heard", () => {
    const cluster = new Cluster();
    cluster.drops = ({ message }) => message.kind === "prepare";
    cluster.run(1_000);
    const ticket = cluster.submit(B, put("x"));
    cluster.run(MAX_HOLD + 50);
    expect(cluster.verdict(ticket)).toEqual({ status: "unserved", reason: "no-writer", missing: [] });
  });

  test("with less time than that it is given up just before its deadline, so that the client hears of it (I3)", () => {
    const cluster = new Cluster().isolate(A).run(1_000);
    const start = cluster.now;
    const ticket = cluster.submit(A, put("x"), 500);
    cluster.run(600);
    expect(cluster.verdict(ticket)).toMatchObject({ status: "unserved" });
    expect((cluster.verdictAt(ticket) ?? 0) - start).toBeLessThanOrEqual(500);
  });

  test("a read that finds no majority says so in time", () => {
    const cluster = new Cluster().elected();
    cluster.isolate(C).run(2_000);
    const start = cluster.now;
    const ticket = cluster.submit(C, read, 800);
    cluster.run(900);
    expect(cluster.verdict(ticket)).toEqual({ status: "refused", refusal: { reason: "no-quorum", missing: [A, B] } });
    expect((cluster.verdictAt(ticket) ?? 0) - start).toBeLessThan(800);
  });

  test("a not-writer answer is no end: it is held and tried again", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, put("x"));
    answerLast(cluster, { status: "refused", refusal: { reason: "not-writer", hint: A } });
    expect(cluster.verdict(ticket)).toBeUndefined();
    cluster.heal().run(50);
    expect(cluster.verdict(ticket)).toMatchObject({ status: "done" });
  });
});

describe("a write without an id", () => {
  test("leaves this node once: when the link breaks its outcome is unknown (I1)", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment());
    cluster.step(B, { kind: "link-lost", peer: A });
    expect(cluster.verdict(ticket)).toEqual(UNKNOWN);
    cluster.heal().run(2_000);
    expect(cluster.forwards(B)).toHaveLength(1);
  });

  test("is not asked again when no answer comes: at its deadline it may have run", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment(), 4_000);
    cluster.run(4_100);
    expect(cluster.verdict(ticket)).toEqual({ status: "deadline", mayHaveRun: true });
    expect(cluster.forwards(B)).toHaveLength(1);
  });

  test("is unknown when the writer says so", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment());
    answerLast(cluster, { status: "unknown", unknown: { reason: "outcome-unknown" } });
    expect(cluster.verdict(ticket)).toEqual(UNKNOWN);
  });

  test("may be sent again when its writer refused it: that copy did not run", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment());
    answerLast(cluster, { status: "refused", refusal: { reason: "not-writer", hint: A } });
    cluster.heal().run(50);
    expect(cluster.verdict(ticket)).toMatchObject({ answer: { number: 1n } });
    expect(cluster.forwards(B)).toHaveLength(2);
  });

  test("that no stream took was not sent: it goes to the next writer, once (I5)", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment());
    const [forward] = cluster.forwards(B);
    cluster.step(B, { kind: "unsent", id: forward?.id as number });
    expect(cluster.verdict(ticket)).toBeUndefined();
    // The stream to it was lost before, and that says nothing of what it never took.
    cluster.step(B, { kind: "link-lost", peer: A });
    expect(cluster.verdict(ticket)).toBeUndefined();
    cluster.heal().run(100);
    expect(cluster.verdict(ticket)).toMatchObject({ answer: { number: 1n } });
    expect(cluster.forwards(B)).toHaveLength(2);
  });

  test("that no stream took by its deadline was not executed", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment(), 1_000);
    for (let i = 0; i < 30; i++) {
      cluster.step(B, { kind: "unsent", id: cluster.forwards(B).at(-1)?.id as number });
      cluster.run(50);
    }
    expect(cluster.verdict(ticket)).toMatchObject({ status: "unserved" });
  });

  test("the loss of a link to somebody else does not concern it", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment());
    cluster.step(B, { kind: "link-lost", peer: C });
    expect(cluster.verdict(ticket)).toBeUndefined();
  });

  test("at its own writer that loses its office before deciding it was not executed", () => {
    const cluster = new Cluster().elected();
    cluster.isolate(A);
    const ticket = cluster.submit(A, increment());
    cluster.run(5_000);
    expect(cluster.verdict(ticket)).toMatchObject({ status: "unserved" });
  });

  test("at its own writer that loses its office after deciding it is unknown, never refused", () => {
    const cluster = new Cluster().elected();
    cluster.submit(A, increment());
    cluster.isolate(A);
    const ticket = cluster.submit(A, increment());
    cluster.run(5_000);
    expect(cluster.verdict(ticket)).toEqual(UNKNOWN);
  });
});

describe("a write with an id", () => {
  test("is asked again after a broken link, and runs once although both copies arrive", () => {
    const cluster = new Cluster().elected();
    cluster.drops = isForwarded;
    const ticket = cluster.submit(B, increment("id"));
    expect(valueAt(cluster, A)).toBe("1");
    cluster.heal().step(B, { kind: "link-lost", peer: A });
    cluster.run(50);
    expect(cluster.verdict(ticket)).toMatchObject({ status: "done", answer: { number: 1n } });
    expect(valueAt(cluster, A)).toBe("1");
    expect(cluster.forwards(B)).toHaveLength(2);
  });

  test("is asked again when no answer comes for long, each time as another forward", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment("id"), 20_000);
    cluster.run(10_000);
    const ids = cluster.forwards(B).map((forward) => forward.id);
    expect(ids.length).toBeGreaterThanOrEqual(3);
    expect(new Set(ids).size).toBe(ids.length);
    cluster.heal().run(4_000);
    expect(cluster.verdict(ticket)).toMatchObject({ status: "done" });
  });

  test("a late answer to an earlier forward does not count", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment("id"));
    const id = cluster.forwards(B)[0]?.id ?? 0;
    const refused: Result = { status: "refused", refusal: { reason: "request-id-reused" } };
    cluster.step(B, { kind: "link-lost", peer: A });
    cluster.run(50);
    cluster.step(B, { kind: "message", from: A, message: { kind: "forwarded", id, result: refused } });
    expect(cluster.verdict(ticket)).toBeUndefined();
  });

  test("once a copy may have run it is never refused nor unserved: overload is waited out … (I2)", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment("id"));
    cluster.step(B, { kind: "link-lost", peer: A });
    cluster.run(50);
    answerLast(cluster, OVERLOADED);
    expect(cluster.verdict(ticket)).toBeUndefined();
    cluster.heal().run(50);
    expect(cluster.verdict(ticket)).toMatchObject({ status: "done" });
  });

  test("… and without a writer it waits until its deadline, which says that it may have run", () => {
    const cluster = new Cluster().elected();
    cluster.drops = isForwarded;
    const ticket = cluster.submit(B, increment("id"), 6_000);
    cluster.isolate(A, C);
    cluster.step(B, { kind: "link-lost", peer: A });
    cluster.run(5_900);
    expect(cluster.verdict(ticket)).toBeUndefined();
    cluster.run(200);
    expect(cluster.verdict(ticket)).toEqual({ status: "deadline", mayHaveRun: true });
  });

  test("that no copy of was ever taken is refused as overloaded at once", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment("id"));
    answerLast(cluster, OVERLOADED);
    expect(cluster.verdict(ticket)).toEqual(OVERLOADED);
  });

  test("an unknown outcome is asked for again instead of being told", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment("id"));
    answerLast(cluster, { status: "unknown", unknown: { reason: "outcome-unknown" } });
    cluster.heal().run(50);
    expect(cluster.verdict(ticket)).toMatchObject({ status: "done", answer: { number: 1n } });
  });

  const expired: Result = { status: "unknown", unknown: { reason: "request-expired", revision: 7 as never } };
  const afterOf = (cluster: Cluster): (number | null)[] =>
    cluster.forwards(B).map(({ request }) => (request.kind === "write" ? request.write.after : null));

  test("whose client told what it had seen, an expired one is told as such: nobody can know more", () => {
    const cluster = unanswered();
    const asked = increment("id");
    if (asked.kind === "read") throw new Error("an increment is a write");
    const ticket = cluster.submit(B, { kind: "write", write: { ...asked.write, after: 3 as never } });
    answerLast(cluster, expired);
    expect(cluster.verdict(ticket)).toEqual(expired);
    expect(afterOf(cluster)).toEqual([3]);
  });

  test("whose client told nothing says from the first copy on what this node knew (I4)", () => {
    const cluster = new Cluster().elected();
    cluster.submit(A, increment());
    cluster.run(500);
    cluster.isolate(A);
    cluster.submit(B, increment("id"));
    expect(afterOf(cluster)).toEqual([1]);
    cluster.run(1_100);
    expect(new Set(afterOf(cluster))).toEqual(new Set([1]));
  });

  test("that came too late as the only copy, by what this node knew, did not run: it is sent again with what is known now", () => {
    const cluster = unanswered();
    const ticket = cluster.submit(B, increment("id"));
    answerLast(cluster, expired);
    expect(cluster.verdict(ticket)).toBeUndefined();
    cluster.run(100);
    expect(afterOf(cluster)).toEqual([0, 7]);
  });
});

describe("a node that stops", () => {
  test("tells who waits what is known: sent writes are unknown, the rest was not executed", () => {
    const cluster = unanswered();
    const sent = [cluster.submit(B, increment()), cluster.submit(B, increment("id"))];
    cluster.isolate(B).run(1_000);
    const held = cluster.submit(B, increment());
    const reading = cluster.submit(B, read);
    cluster.step(B, { kind: "give-up" });
    for (const ticket of sent) expect(cluster.verdict(ticket)).toEqual(UNKNOWN);
    for (const ticket of [held, reading]) expect(cluster.verdict(ticket)).toMatchObject({ status: "unserved" });
    expect(cluster.machine(B).router).toMatchObject({ pendingCount: 0, heldCount: 0 });
  });
});

describe("visitors", () => {
  const forward = (asked = put("x")) =>
    ({
      kind: "forward",
      id: 77,
      partition: P0,
      groupEpoch: groupEpoch(1),
      request: asked,
      remaining: 1_000 as never,
    }) as const;
  const answersTo = (cluster: Cluster, node: NodeId) =>
    cluster.sent.flatMap(({ to, message }) => (to === node && message.kind === "forwarded" ? [message] : []));

  test("a write at who is not the writer is turned away at once, with a hint", () => {
    const cluster = new Cluster().elected();
    cluster.step(C, { kind: "message", from: B, message: forward() });
    const hint = { id: 77, result: { status: "refused", refusal: { reason: "not-writer", hint: A } } };
    expect(answersTo(cluster, B)).toMatchObject([hint]);
    expect(cluster.forwards(C)).toEqual([]);
  });

  test("a write at the writer is answered by the id it came with", () => {
    const cluster = new Cluster().elected();
    cluster.step(A, { kind: "message", from: B, message: forward() });
    expect(answersTo(cluster, B)).toMatchObject([{ id: 77, result: { status: "done" } }]);
  });

  test("a forward of another group epoch is refused: it was placed by another view", () => {
    const cluster = new Cluster().elected();
    cluster.step(A, { kind: "message", from: B, message: { ...forward(), groupEpoch: groupEpoch(2) } });
    expect(answersTo(cluster, B)).toMatchObject([{ result: { refusal: { reason: "not-replica" } } }]);
    expect(valueAt(cluster, A)).toBeNull();
  });

  test("a read at a node without a copy is refused, not passed on again", () => {
    const cluster = new Cluster(3, 2).elected();
    cluster.step(C, { kind: "message", from: B, message: forward(read) });
    expect(answersTo(cluster, B)).toMatchObject([{ result: { refusal: { reason: "not-replica" } } }]);
    expect(cluster.forwards(C)).toEqual([]);
  });
});

describe("bounds", () => {
  test("beyond so many requests held more are refused as overload", () => {
    const cluster = new Cluster().isolate(A);
    for (let i = 0; i < MAX_HELD; i++) cluster.submit(A, put("x"));
    expect(cluster.verdict(cluster.submit(A, put("x")))).toEqual(OVERLOADED);
    expect(cluster.machine(A).router.heldCount).toBe(MAX_HELD);
  });

  test("beyond so many requests under way, too", () => {
    const cluster = unanswered();
    for (let i = 0; i < MAX_PENDING; i++) cluster.submit(B, increment());
    expect(cluster.verdict(cluster.submit(B, increment()))).toEqual(OVERLOADED);
    expect(cluster.machine(B).router.pendingCount).toBe(MAX_PENDING);
  });

  test("without requests the router asks for no attention", () => {
    const cluster = new Cluster().elected();
    expect(cluster.machine(B).router.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    cluster.submit(B, put("x"));
    cluster.run(50);
    expect(cluster.machine(B).router.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });
});
