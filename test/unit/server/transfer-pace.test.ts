import { expect, test } from "vitest";
import { transferPace } from "../../../src/server/transfer-pace.js";

const MIB = 1_024 * 1_024;
const OWN = { rateMib: 8, partitions: 4 };

test("a transfer keeps the pace of the node's configuration, as far as the view says nothing of it", () => {
  expect(transferPace({}, OWN, true, false)).toEqual({
    bytesPerSecond: 8 * MIB,
    partitions: 4,
    room: true,
    shortOfTime: false,
  });
  expect(transferPace({ transferRateMib: 64 }, OWN, false, true)).toEqual({
    bytesPerSecond: 64 * MIB,
    partitions: 4,
    room: false,
    shortOfTime: true,
  });
  expect(transferPace({ transferPartitions: 1 }, OWN, true, false)).toMatchObject({
    bytesPerSecond: 8 * MIB,
    partitions: 1,
  });
});
