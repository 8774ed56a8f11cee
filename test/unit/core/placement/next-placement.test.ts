import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeId } from "../../../../src/core/model/ids.js";
import { firstPlacement } from "../../../../src/core/placement/first-placement.js";
import type { Seat } from "../../../../src/core/placement/layout.js";
import { evenPlacement, type PlacedPartition } from "../../../../src/core/placement/next-placement.js";

const seatsOf = (ids: readonly number[], zoneOf: (id: number) => string = () => ""): Seat[] =>
  ids.map((id) => ({ id: nodeId(id), zone: zoneOf(id) }));

/** As a cluster of these nodes is founded. */
function founded(seats: readonly Seat[], replicationFactor: number, partitions: number): PlacedPartition[] {
  const members = seats.map(({ id, zone }) => ({ id, zone, clientAddress: `c${id}:1`, peerAddress: `p${id}:1` }));
  return firstPlacement(members, replicationFactor, partitions).map(({ replicas }) => ({
    replicas: [...replicas].sort((a, b) => a - b),
    preferred: replicas[0] ?? nodeId(1),
  }));
}

function loadsOf(placement: readonly PlacedPartition[], seats: readonly Seat[]): Map<number, number> {
  const loads = new Map<number, number>(seats.map(({ id }) => [id, 0]));
  for (const { replicas } of placement) for (const id of replicas) loads.set(id, (loads.get(id) ?? 0) + 1);
  return loads;
}

function officesOf(placement: readonly PlacedPartition[], seats: readonly Seat[]): Map<number, number> {
  const offices = new Map<number, number>(seats.map(({ id }) => [id, 0]));
  for (const { preferred } of placement) offices.set(preferred, (offices.get(preferred) ?? 0) + 1);
  return offices;
}

const spreadOf = (loads: ReadonlyMap<number, number>): number =>
  Math.max(...loads.values()) - Math.min(...loads.values());

/** Replicas that are where none was before. */
function moved(before: readonly PlacedPartition[], after: readonly PlacedPartition[]): number {
  let count = 0;
  for (const [partition, { replicas }] of after.entries())
    for (const id of replicas) if (before[partition]?.replicas.includes(id) !== true) count++;
  return count;
}

/** No placement that is even moves less: what nobody keeps any more, and what the lightest nodes lack. */
function leastMoves(before: readonly PlacedPartition[], seats: readonly Seat[], factor: number): number {
  const total = before.length * factor;
  const kept = loadsOf(before, seats);
  let lost = total;
  let lacking = 0;
  for (const { id } of seats) {
    const load = kept.get(id) ?? 0;
    lost -= load;
    lacking += Math.max(0, Math.floor(total / seats.length) - load);
  }
  return Math.max(lost, lacking);
}

/**
 * Even loads as far as zones allow, as fractions: zones that cannot take their share are full, and the others share the
 * rest.
 */
function idealLoads(seats: readonly Seat[], partitions: number, factor: number): Map<string, number> {
  const zones = new Map<string, number>();
  for (const { zone } of seats) zones.set(zone, (zones.get(zone) ?? 0) + 1);
  const limit = limitOf([...zones.values()], factor);
  const ideal = new Map<string, number>();
  let left = partitions * factor;
  let nodes = seats.length;
  for (let full = true; full; ) {
    full = false;
    for (const [zone, size] of zones) {
      const room = partitions * Math.min(size, limit);
      if (ideal.has(zone) || (left / nodes) * size <= room) continue;
      ideal.set(zone, room / size);
      left -= room;
      nodes -= size;
      full = true;
    }
  }
  for (const zone of zones.keys()) if (!ideal.has(zone)) ideal.set(zone, left / nodes);
  return ideal;
}

function limitOf(sizes: readonly number[], factor: number): number {
  let limit = 1;
  while (sizes.reduce((room, size) => room + Math.min(size, limit), 0) < factor) limit++;
  return limit;
}

function mostInAZone(replicas: readonly number[], seats: readonly Seat[]): number {
  const zones = new Map<string, number>();
  for (const id of replicas) {
    const zone = seats.find((seat) => seat.id === id)?.zone ?? "?";
    zones.set(zone, (zones.get(zone) ?? 0) + 1);
  }
  return Math.max(...zones.values());
}

type Step = { readonly kind: "join" | "leave"; readonly pick: number };

/** Clusters that grow and shrink: the ids that are there after each step, never fewer than `least`. */
function histories(least: number): fc.Arbitrary<number[][]> {
  const step: fc.Arbitrary<Step> = fc.record({ kind: fc.constantFrom("join", "leave"), pick: fc.nat() });
  return fc
    .record({ start: fc.integer({ min: least, max: 9 }), steps: fc.array(step, { minLength: 1, maxLength: 12 }) })
    .map(({ start, steps }) => {
      let ids = Array.from({ length: start }, (_, index) => index + 1);
      let next = start + 1;
      const all = [ids];
      for (const { kind, pick } of steps) {
        if (kind === "join" && ids.length < 12) ids = [...ids, next++];
        else if (ids.length > least) ids = ids.filter((_, at) => at !== pick % ids.length);
        all.push(ids);
      }
      return all;
    });
}

const PARTITIONS = 64;

describe("the next placement", () => {
  test("is even within one replica after every join, leave and death; all moves together are at most 1.1 times the least (next-placement I3, I4)", () => {
    fc.assert(
      fc.property(histories(3), fc.integer({ min: 1, max: 3 }), (history, factor) => {
        let now = founded(seatsOf(history[0] ?? []), factor, PARTITIONS);
        let all = 0;
        let least = 0;
        for (const ids of history) {
          const seats = seatsOf(ids);
          const next = evenPlacement(now, { seats, replicationFactor: factor });
          for (const { replicas } of next) expect(new Set(replicas).size).toBe(factor);
          expect(spreadOf(loadsOf(next, seats))).toBeLessThanOrEqual(1);
          all += moved(now, next);
          least += leastMoves(now, seats, factor);
          now = next;
        }
        // In so small a cluster some replica may go two steps, as its groups leave no other way.
        expect(all).toBeLessThanOrEqual(1.1 * least + 6);
      }),
      { numRuns: 60 },
    );
  });

  test("spreads the offices within one, at replicas of the partition", () => {
    fc.assert(
      fc.property(histories(3), fc.integer({ min: 2, max: 3 }), (history, factor) => {
        let now = founded(seatsOf(history[0] ?? []), factor, PARTITIONS);
        for (const ids of history) {
          const seats = seatsOf(ids);
          now = evenPlacement(now, { seats, replicationFactor: factor });
          for (const { replicas, preferred } of now) expect(replicas).toContain(preferred);
          expect(spreadOf(officesOf(now, seats))).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("keeps to zones whatever their sizes, and is as even as they allow (next-placement I2)", () => {
    fc.assert(
      fc.property(
        histories(3),
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.nat({ max: 3 }), { minLength: 40, maxLength: 40 }),
        (history, factor, zones) => {
          const zoneOf = (id: number): string => `z${zones[id % zones.length]}`;
          let now = founded(seatsOf(history[0] ?? [], zoneOf), factor, PARTITIONS);
          for (const ids of history) {
            const seats = seatsOf(ids, zoneOf);
            now = evenPlacement(now, { seats, replicationFactor: factor });
            const sizes = new Map<string, number>();
            for (const { zone } of seats) sizes.set(zone, (sizes.get(zone) ?? 0) + 1);
            const limit = limitOf([...sizes.values()], factor);
            for (const { replicas } of now) expect(mostInAZone(replicas, seats)).toBeLessThanOrEqual(limit);
            const ideal = idealLoads(seats, PARTITIONS, factor);
            const loads = loadsOf(now, seats);
            for (const { id, zone } of seats) {
              const wanted = ideal.get(zone) ?? 0;
              expect(Math.abs((loads.get(id) ?? 0) - wanted)).toBeLessThan(1 + 1e-9);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("changes nothing once it is as it should be (next-placement I4)", () => {
    fc.assert(
      fc.property(histories(3), (history) => {
        let now = founded(seatsOf(history[0] ?? []), 3, PARTITIONS);
        for (const ids of history) now = evenPlacement(now, { seats: seatsOf(ids), replicationFactor: 3 });
        const again = evenPlacement(now, { seats: seatsOf(history.at(-1) ?? []), replicationFactor: 3 });
        expect(again).toEqual(now);
      }),
      { numRuns: 50 },
    );
  });

  test("fills and thins when δ changes, and moves no replica that may stay (next-placement I1)", () => {
    const seats = seatsOf([1, 2, 3, 4, 5]);
    let now = founded(seats, 3, PARTITIONS);
    for (const factor of [5, 3, 1, 2, 4]) {
      const next = evenPlacement(now, { seats, replicationFactor: factor });
      expect(spreadOf(loadsOf(next, seats))).toBeLessThanOrEqual(1);
      const grown = factor - (now[0]?.replicas.length ?? 0);
      expect(moved(now, next)).toBeLessThanOrEqual(Math.max(0, grown) * PARTITIONS * 1.1);
      now = next;
    }
  });

  test("keeps groups few: growth from five nodes makes far fewer than there are partitions", () => {
    const partitions = 1_024;
    let now = founded(seatsOf([1, 2, 3, 4, 5]), 3, partitions);
    const ids = [1, 2, 3, 4, 5];
    for (let id = 6; id <= 30; id++) {
      ids.push(id);
      now = evenPlacement(now, { seats: seatsOf(ids), replicationFactor: 3 });
    }
    const groups = new Set(now.map(({ replicas }) => replicas.join())).size;
    expect(groups).toBeLessThan(partitions / 2);
  });
});
