/**
 * Attacks of peers on a server of src/grpc over real sockets: no crash, and memory is bounded. The offender is closed
 * with the right code and not read from again, and honest calls are answered meanwhile. How fast these are: `npx tsx
 * bench/main.ts abuse`.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { descriptors } from "../../bench/process/procfs.js";
import { ATTACKS, attackOf } from "../abuse/attacks/all.js";
import { Ring } from "../abuse/bout.js";
import { TEST_CERTIFICATE, TEST_KEY } from "../unit/http2/support/tls.js";

const KEYS = { key: TEST_KEY, cert: TEST_CERTIFICATE };
const MIB = 1_048_576;
/** A collector and an allocator may take this more than is needed, before they give it back. */
const GROWTH_MIB = 96;
/** Kept when all have gone, beyond noise of the collector. */
const KEPT_BYTES = 8 * MIB;
/** Bytes that reads of the operating system had brought already may be counted. */
const READ_AFTER_BYTES = 200_000;
/** Connections of attacks that are a matter of number, and descriptors for everything else. */
const SCALE = Math.min(2_000, descriptors() - 500);

let ring: Ring;
beforeAll(async () => {
  ring = await Ring.open(KEYS);
});
afterAll(() => ring?.close());

test.each(ATTACKS.map((attack) => [attack.name, attack.what, attack] as const))(
  "%s: %s",
  async (name, _what, attack) => {
    const { tally, honest, target } = await ring.attack(name, SCALE);
    const { ending } = attack;
    const growth = (target.peakBytes - target.baseBytes) / MIB;
    expect(honest.failures).toEqual([]);
    expect(growth).toBeLessThan(attack.maxGrowthMiB ?? GROWTH_MIB);
    expect(target.keptBytes).toBeLessThan(KEPT_BYTES);
    expect(target.open).toBeLessThanOrEqual(1);
    if (ending.kind === "answered") {
      const statuses = Object.keys(tally.statuses);
      const resets = Object.keys(tally.resets)
        .map(Number)
        .filter((code) => code !== 0);
      expect(statuses.length + resets.length).toBeGreaterThan(0);
      expect([...(ending.statuses ?? [])]).toEqual(expect.arrayContaining(statuses));
      expect([...(ending.resets ?? [])]).toEqual(expect.arrayContaining(resets));
      expect(tally.closed).toBe(0);
      return;
    }
    expect(tally.closed).toBe(tally.connections);
    expect(Math.max(0, ...target.ended.map(({ readAfter }) => readAfter))).toBeLessThan(READ_AFTER_BYTES);
    if (ending.kind === "goaway") {
      // The offender may be cut off before it has read why: the target knows.
      expect(new Set(target.ended.map(({ code }) => code))).toEqual(new Set([ending.code]));
      expect(
        Object.keys(tally.goAways)
          .map(Number)
          .filter((code) => code !== ending.code),
      ).toEqual([]);
    }
  },
);

test("a target that keeps four times as many unsent bytes is noticed", async () => {
  const careless = await Ring.open({ ...KEYS, limits: { maxUnsentBytes: 64 * MIB } });
  try {
    const { target } = await careless.attack("no-window", SCALE);
    expect((target.peakBytes - target.baseBytes) / MIB).toBeGreaterThan(
      attackOf("no-window").maxGrowthMiB ?? GROWTH_MIB,
    );
  } finally {
    await careless.close();
  }
});
