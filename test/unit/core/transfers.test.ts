/** The rate of transfers that the newest view has counts at the next tick, without a restart. */
import { expect, test } from "vitest";
import { instant } from "../../../src/base/time.js";
import { nodeId } from "../../../src/core/model/ids.js";
import { Attempts } from "../../../src/core/quorum/attempts.js";
import { Transfers, type TransfersOptions } from "../../../src/core/transfers.js";
import { transferPace } from "../../../src/server/transfer-pace.js";
import { cluster } from "./view/ways.js";

const MIB = 1_024 * 1_024;

test("transfers follow what each newest view says of their rate, and the configuration when none does", () => {
  const { view } = cluster(3, 3, 4);
  const none = new Map();
  const transfers = new Transfers({
    self: nodeId(1),
    copies: { newest: none } as unknown as TransfersOptions["copies"],
    detector: { hears: () => true } as unknown as TransfersOptions["detector"],
    roundTrips: {} as TransfersOptions["roundTrips"],
    attempts: new Attempts(1),
    pace: (settings) => transferPace(settings, { rateMib: 8, partitions: 4 }, true, false),
  });
  const rateIn = (settings: object): number => {
    transfers.tick(instant(1), { ...view, settings }, {} as Parameters<Transfers["tick"]>[2]);
    return transfers.load.bytesPerSecond;
  };
  expect(rateIn({})).toBe(8 * MIB);
  expect(rateIn({ transferRateMib: 64 })).toBe(64 * MIB);
  expect(rateIn({ transferRateMib: 1, transferPartitions: 2 })).toBe(MIB);
  expect(transfers.load.partitions).toBe(2);
  expect(rateIn({})).toBe(8 * MIB);
});
