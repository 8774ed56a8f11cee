import { describe, expect, test } from "vitest";
import { View as WireView } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { decodeView, digestOf, encodeView, viewFromWire, viewToWire } from "../../../src/codec/api/view.js";
import { groupEpoch, nodeId, viewEpoch } from "../../../src/core/model/ids.js";
import type { View } from "../../../src/core/view/view.js";
import { A, B, viewOf } from "../node/cluster.js";

const view: View = {
  ...viewOf(3, 2, 8),
  epoch: viewEpoch(9),
  previousDigest: "ab".repeat(32),
  members: viewOf(3).members.map((member, i) => ({ ...member, zone: `zone-${i}` })),
};

describe("views", () => {
  test("come back as they were", () => {
    expect(decodeView(encodeView(view))).toEqual(view);
    expect(decodeView(encodeView(viewOf(1)))).toEqual(viewOf(1));
  });

  test("list partitions by their number, in whatever order they were sent", () => {
    const wire = viewToWire(view);
    expect(viewFromWire({ ...wire, partitions: wire.partitions.slice().reverse() })).toEqual(view);
  });

  test("have the same digest on every node, and after a round trip", () => {
    expect(digestOf(view)).toHaveLength(32);
    expect(digestOf(decodeView(encodeView(view))).equals(digestOf(view))).toBe(true);
  });

  test("have another digest when anything in them differs", () => {
    const [first, ...rest] = view.partitions;
    const [member, ...members] = view.members;
    if (first === undefined || member === undefined) throw new Error("an empty view");
    const others: View[] = [
      { ...view, epoch: viewEpoch(10) },
      { ...view, clusterId: "01".repeat(16) },
      { ...view, previousDigest: "" },
      { ...view, operationId: "01".repeat(16) },
      { ...view, replicationFactor: 3 },
      { ...view, voters: [A, B] },
      { ...view, members },
      { ...view, members: [{ ...member, zone: "elsewhere" }, ...members] },
      { ...view, partitions: [{ ...first, groupEpoch: groupEpoch(2) }, ...rest] },
      { ...view, partitions: [{ ...first, replicas: first.replicas.slice().reverse() }, ...rest] },
      { ...view, partitions: [{ ...first, replicas: [...first.replicas, nodeId(99)] }, ...rest] },
    ];
    const digests = new Set([view, ...others].map((of) => digestOf(of).toString("hex")));
    expect(digests.size).toBe(others.length + 1);
  });

  test("that are malformed are ordinary errors", () => {
    const wire = viewToWire(view);
    for (const count of [0, 3, 7]) {
      const bytes = WireView.encode({ ...wire, partitions: wire.partitions.slice(0, count) }).finish();
      expect(() => decodeView(bytes)).toThrow(`a view of ${count} partitions`);
    }
    expect(() => decodeView(Buffer.from([0xff, 0xff]))).toThrow(Error);
  });

  test("that name a partition twice, or skip one, are malformed: the list would be of other partitions", () => {
    const wire = viewToWire(view);
    const twice = wire.partitions.map((placement) => ({
      ...placement,
      partition: placement.partition === 5 ? 4 : placement.partition,
    }));
    expect(() => viewFromWire({ ...wire, partitions: twice })).toThrow("partition");
  });
});
