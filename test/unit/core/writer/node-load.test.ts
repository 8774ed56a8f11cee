/** Bounds in bytes for all writers of a node together: what goes when there is too much. */
import { describe, expect, test } from "vitest";
import { instant, never } from "../../../../src/base/time.js";
import { FLIGHT_BYTES, RETAINED_BYTES, WRITER_MEMORY_BYTES } from "../../../../src/core/model/bounds.js";
import { type Key, key, revision } from "../../../../src/core/model/ids.js";
import type { Register } from "../../../../src/core/model/register.js";
import { Waiter } from "../../../../src/core/quorum/waiter.js";
import { Flights } from "../../../../src/core/writer/flights.js";
import { NodeLoad } from "../../../../src/core/writer/node-load.js";
import { plant } from "../../../planted/planted.js";
import { b, groupOf, PATIENCE, put, register, request, ts } from "./harness.js";
import { Office } from "./office.js";

const KIB = 1_024;
const VALUE = 64 * KIB;
const BIG = "v".repeat(VALUE);
const now = instant(0);

const big = (k: Key, seq: number): Register => register({ key: k, at: ts(b(1), seq), value: BIG });
const waiter = (): Waiter => new Waiter({ kind: "client", ticket: 1, deadline: never }, null, null, revision(0), true);

/** A write that all but the replica at place 2 hold. */
function missed(flights: Flights, k: Key, seq: number): void {
  flights.depart(now, [], big(k, seq), waiter());
  flights.acknowledge(seq, 0);
  flights.acknowledge(seq, 1);
}

describe("registers kept for a replica that lacks them", () => {
  const fill = 2 * Math.ceil(RETAINED_BYTES / VALUE);

  test("are bounded in bytes for all partitions together: the oldest is left to catch-up", () => {
    const load = new NodeLoad();
    const partitions = [0, 1, 2, 3].map(() => new Flights(groupOf(3), load));
    for (let i = 0; i < fill; i++) missed(partitions[i % 4] as Flights, key(`k${i}`), i + 1);
    expect(load.retainedBytes).toBeLessThanOrEqual(RETAINED_BYTES);
    expect(load.retainedBytes).toBeGreaterThan(RETAINED_BYTES - 2 * VALUE);
    const kept = partitions.reduce((sum, { unreplicated }) => sum + unreplicated, 0);
    expect(kept + load.left).toBe(fill);
    for (const flights of partitions) flights.drain();
    expect([load.retainedBytes, load.flightBytes]).toEqual([0, 0]);
  });

  test("bounded in number only, they would be far more (B1.retained-by-number)", () => {
    plant("B1.retained-by-number");
    const load = new NodeLoad();
    const flights = new Flights(groupOf(3), load);
    for (let i = 0; i < fill; i++) missed(flights, key(`k${i}`), i + 1);
    plant();
    expect(load.retainedBytes).toBeGreaterThan(1.5 * RETAINED_BYTES);
  });

  test("are sent again so much at a look", () => {
    const load = new NodeLoad();
    const flights = new Flights(groupOf(3), load);
    for (let i = 0; i < 40; i++) missed(flights, key(`k${i}`), i + 1);
    const sent: Register[] = [];
    const resend = (ms: number): void => flights.resend(instant(ms), 0b111, PATIENCE, (again) => sent.push(again));
    resend(5_000);
    expect(sent.length).toBeGreaterThan(10);
    expect(sent.length).toBeLessThan(20);
    for (let look = 1; look < 5; look++) {
      load.look();
      resend(5_000 + 20 * look);
    }
    expect(new Set(sent.map((again) => again.key)).size).toBe(40);
  });

  test("are let go once the replica is not heard: it catches up when it is back", () => {
    const load = new NodeLoad();
    const flights = new Flights(groupOf(3), load);
    for (let i = 0; i < 40; i++) missed(flights, key(`k${i}`), i + 1);
    flights.resend(instant(20), 0b011, PATIENCE, () => {});
    expect([flights.unreplicated, load.retainedBytes]).toEqual([0, 0]);
  });
});

describe("what the writers of a node hold", () => {
  test("of settled registers is bounded in bytes: the oldest are forgotten, and recovered when they are touched again", () => {
    const office = new Office().elect();
    const { load } = office.writer;
    const keys = 2 * Math.ceil(WRITER_MEMORY_BYTES / VALUE);
    for (let i = 0; i < keys; i++) office.ask(request(put(BIG, key(`k${i}`))));
    expect(load.memoryBytes).toBeLessThanOrEqual(WRITER_MEMORY_BYTES);
    expect(load.memoryBytes).toBeGreaterThan(WRITER_MEMORY_BYTES / 2);
    office.submit(request(put("again", key("k0"))));
    expect(office.waiting(1)).toContain("recover");
    office.settle();
    office.writer.resign(office.out);
    expect([load.memoryBytes, load.flightBytes, load.retainedBytes]).toEqual([0, 0, 0]);
  });

  test("of writes under way is bounded: more are refused as overload", () => {
    const office = new Office().elect();
    for (let i = 0; i < FLIGHT_BYTES / VALUE; i++) {
      office.submit(request(put(BIG, key(`k${i}`))));
      // Recovered; the Write that follows gets lost.
      office.deliver(0, 1, 2).lose(0, 1, 2);
    }
    expect(office.writer.load.full).toBe(true);
    const ticket = office.submit(request(put("one more", key("k0"))));
    expect(office.result(ticket)).toMatchObject({ refusal: { reason: "overloaded" } });
  });
});
