/** The client's small machines: patience, turns, revisions, frames, where keys lie. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Patience, UnderWay } from "../../../src/client/patience.js";
import { partitionOf } from "../../../src/client/placement.js";
import { Revisions } from "../../../src/client/revisions.js";
import { MAX_WRITES_PER_KEY, Turns } from "../../../src/client/writes-per-key.js";
import { Unframer } from "../../../src/wire/grpc-frames.js";
import { framed } from "../../e2e/raw.js";

describe("patience", () => {
  test("ends at the deadline, when the signal is raised, and when the client is closed", async () => {
    const underWay = new UnderWay();
    const never = (): undefined => undefined;
    const late = new Patience(10, undefined, underWay);
    expect(await late.wait(never)).toBeNull();
    expect(late.over).toBe("DEADLINE_EXCEEDED");
    const controller = new AbortController();
    const cancelled = new Patience(10_000, controller.signal, underWay);
    const waiting = cancelled.wait(never);
    controller.abort();
    expect(await waiting).toBeNull();
    expect(cancelled.over).toBe("CANCELLED");
    const closed = new Patience(10_000, undefined, underWay);
    underWay.endAll("CLOSED");
    expect(closed.over).toBe("CLOSED");
    for (const patience of [late, cancelled, closed]) patience.release();
    await underWay.idle();
  });

  test("a deadline that is past is over from the start", () => {
    const patience = new Patience(0, undefined, new UnderWay());
    expect(patience).toMatchObject({ over: "DEADLINE_EXCEEDED", lasted: false });
    patience.release();
  });

  test("stops what was waited for when it is over first, once", async () => {
    const underWay = new UnderWay();
    const patience = new Patience(10_000, undefined, underWay);
    let stopped = 0;
    const waiting = patience.wait(() => () => void stopped++);
    patience.end("CANCELLED");
    patience.end("CLOSED");
    expect(await waiting).toBeNull();
    expect(stopped).toBe(1);
    patience.release();
  });
});

describe("turns", () => {
  test("at most so many writes on one key are under way, further ones follow in order, other keys do not wait", () => {
    const turns = new Turns();
    const begun: number[] = [];
    for (let i = 0; i < MAX_WRITES_PER_KEY + 3; i++) turns.take("a", () => begun.push(i));
    expect(begun).toHaveLength(MAX_WRITES_PER_KEY);
    turns.take("b", () => begun.push(-1));
    expect(begun.at(-1)).toBe(-1);
    turns.pass("a");
    turns.pass("a");
    expect(begun.slice(-2)).toEqual([MAX_WRITES_PER_KEY, MAX_WRITES_PER_KEY + 1]);
  });

  test("after a write was expired, writes on its key go one at a time", () => {
    const turns = new Turns();
    let begun = 0;
    for (let i = 0; i < MAX_WRITES_PER_KEY + 5; i++) turns.take("a", () => begun++);
    turns.expired("a");
    for (let i = 1; i < MAX_WRITES_PER_KEY; i++) turns.pass("a");
    expect(begun).toBe(MAX_WRITES_PER_KEY);
    turns.pass("a");
    expect(begun).toBe(MAX_WRITES_PER_KEY + 1);
  });

  test("who gives up waiting is passed over", () => {
    const turns = new Turns();
    const begun: string[] = [];
    for (let i = 0; i < MAX_WRITES_PER_KEY; i++) turns.take("a", () => {});
    const giveUp = turns.take("a", () => begun.push("first"));
    turns.take("a", () => begun.push("second"));
    giveUp();
    turns.pass("a");
    expect(begun).toEqual(["second"]);
  });
});

describe("revisions", () => {
  const told = (revision: bigint) => ({ partition: 3, revision });

  test("the highest told counts, and a lower one is no news", () => {
    const revisions = new Revisions();
    expect(revisions.after(3)).toBeUndefined();
    expect(revisions.fresh(3, 0)).toBe(false);
    revisions.hear(told(7n), 0);
    revisions.hear(told(5n), 900);
    expect(revisions.after(3)).toEqual(told(7n));
    expect(revisions.fresh(3, 1_000)).toBe(true);
    expect(revisions.fresh(3, 1_001)).toBe(false);
  });

  test("after a request that expired, an older one is not trusted for a while", () => {
    const revisions = new Revisions();
    revisions.hear(told(7n), 0);
    revisions.expired(3, 0);
    expect(revisions.fresh(3, 100)).toBe(false);
    revisions.hear(told(8n), 20_000);
    expect(revisions.fresh(3, 20_100)).toBe(true);
  });
});

test("messages are found in a stream of bytes however it is cut", () => {
  const message = fc.uint8Array({ maxLength: 40 });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat({ max: 30 })), (messages, cuts) => {
      const bytes = Buffer.concat(messages.map(framed));
      const unframer = new Unframer();
      const found: Buffer[] = [];
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        unframer.push(bytes.subarray(at, at + cut));
        for (let one = unframer.next(); one !== null; one = unframer.next()) found.push(Buffer.from(one));
        at = Math.min(at + cut, bytes.length);
      }
      expect(found).toEqual(messages.map((one) => Buffer.from(one)));
    }),
  );
});

test("keys lie where the test vectors say", () => {
  const path = fileURLToPath(new URL("../../../docs/vectors/placement.json", import.meta.url));
  const { vectors } = JSON.parse(readFileSync(path, "utf8"));
  expect(vectors.length).toBeGreaterThan(10);
  for (const { key, partition } of vectors) {
    for (const [count, expected] of Object.entries(partition)) {
      expect(partitionOf(Buffer.from(key, "hex"), Number(count)), key).toBe(expected);
    }
  }
});
