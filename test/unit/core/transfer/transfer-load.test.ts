import { afterEach, describe, expect, test } from "vitest";
import { type Instant, instant } from "../../../../src/base/time.js";
import { TRANSFER_BYTES } from "../../../../src/core/model/bounds.js";
import { SHORT_OF_TIME_PARTS, TransferLoad, type TransferPace } from "../../../../src/core/transfer/transfer-load.js";
import { plant } from "../../../planted/planted.js";

const PAGE = 32 * 1_024;
const FAST: TransferPace = { bytesPerSecond: 1_000_000, partitions: 4, room: true, shortOfTime: false };

/** Bytes got in so many seconds of ticks, each page at once. */
function got(load: TransferLoad, pace: TransferPace, seconds: number, from = 0): number {
  let bytes = 0;
  for (let ms = from; ms < from + seconds * 1_000; ms += 20) {
    const now: Instant = instant(ms);
    load.follow(now, pace);
    for (let pages = 0; pages < 100 && load.ask(now, PAGE); pages++) {
      load.came(PAGE, PAGE);
      bytes += PAGE;
    }
  }
  return bytes;
}

/** Within a page and what may be used at once. */
const expectRate = (bytes: number, expected: number): void => {
  expect(bytes).toBeLessThanOrEqual(expected + 2 * PAGE + 50_000);
  expect(bytes).toBeGreaterThanOrEqual(expected - 2 * PAGE);
};

afterEach(() => plant());

describe("the load of transfers", () => {
  test("keeps to its rate, and to a new one from the next tick on", () => {
    const load = new TransferLoad();
    expectRate(got(load, FAST, 2), 2_000_000);
    expectRate(got(load, { ...FAST, bytesPerSecond: 3_000_000 }, 2, 2_000), 6_000_000);
    expectRate(got(load, { ...FAST, bytesPerSecond: 500_000 }, 2, 4_000), 1_000_000);
  });

  test("H20.any-rate is caught: it asks for more than the rate allows", () => {
    plant("H20.any-rate");
    expect(got(new TransferLoad(), FAST, 1)).toBeGreaterThan(4_000_000);
  });

  test("goes on slowly while the node is short of time, and stands still without room", () => {
    const load = new TransferLoad();
    expectRate(got(load, { ...FAST, shortOfTime: true }, 4), 4_000_000 / SHORT_OF_TIME_PARTS);
    expect(got(load, { ...FAST, room: false }, 1, 4_000)).toBe(0);
  });

  test("has so much under way at most, and one page at least", () => {
    const load = new TransferLoad();
    let pages = 0;
    while (load.ask(instant(0), PAGE)) pages++;
    expect(pages).toBe(TRANSFER_BYTES / PAGE);
    expect(new TransferLoad().ask(instant(0), 2 * TRANSFER_BYTES)).toBe(true);
  });
});
