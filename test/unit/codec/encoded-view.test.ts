import { describe, expect, test } from "vitest";
import { View as WireView } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { encodeView, viewToWire } from "../../../src/codec/api/view.js";
import { encodedView, encodedViewFrom } from "../../../src/codec/peer/encoded-view.js";
import { groupEpoch, nodeId, viewEpoch } from "../../../src/core/model/ids.js";
import { moved, recording } from "../../../src/core/view/move.js";
import type { Placement, View } from "../../../src/core/view/view.js";

const FIRST: View = {
  epoch: viewEpoch(1),
  clusterId: "00112233445566778899aabbccddeeff",
  previousDigest: "",
  operationId: "",
  replicationFactor: 2,
  members: [1, 2].map((id) => ({
    id: nodeId(id),
    clientAddress: `n${id}:4600`,
    peerAddress: `n${id}:4700`,
    zone: id === 1 ? "a" : "",
  })),
  partitions: [
    { replicas: [nodeId(1), nodeId(2)], groupEpoch: groupEpoch(1) },
    { replicas: [nodeId(2), nodeId(1)], groupEpoch: groupEpoch(1) },
  ],
  voters: [nodeId(1), nodeId(2)],
};

/** A member's and a view's field that no version knows yet: number 500, the text "later". */
const LATER = Buffer.from([0xa2, 0x1f, 5, ...Buffer.from("later")]);

interface Message {
  _unknownFields?: { [tag: number]: Uint8Array[] } | undefined;
}

/** The message and all in it. */
const messagesIn = (part: object): Message[] => [
  part,
  ...Object.values(part)
    .flat()
    .filter((value): value is object => typeof value === "object" && value !== null && !ArrayBuffer.isView(value))
    .flatMap(messagesIn),
];

describe("the bytes of a view", () => {
  test("of view 1 are these, for as long as there are clusters that began with them", () => {
    const { bytes, digest } = encodedView(FIRST);
    expect(Buffer.from(bytes).toString("hex")).toMatchInlineSnapshot(
      `"0801121000112233445566778899aabbccddeeff280230023a19080112076e313a343630301a076e313a3437303022016128013a16080212076e323a343630301a076e323a3437303028014206120201021801420808011202020118014a020102"`,
    );
    expect(digest).toMatchInlineSnapshot(`"a58b16800826c0cdd193f96b92daba0ff53b02f3a74afa9ef921b5cfa160801b"`);
  });

  test("of a view that moves a partition name the group before and who is ready, until the move is finished", () => {
    const [first, ...rest] = FIRST.partitions;
    if (first === undefined) throw new Error("no partition");
    const once = moved(first, { leaves: nodeId(2), comes: nodeId(3) }, viewEpoch(2));
    const recorded = recording(once, [
      { node: nodeId(1), bad: 0 },
      { node: nodeId(3), bad: 7 },
    ]);
    const bytesOf = (placement: Placement): string =>
      Buffer.from(encodedView({ ...FIRST, partitions: [placement, ...rest] }).bytes).toString("hex");
    expect(bytesOf(recorded)).toMatchInlineSnapshot(
      `"0801121000112233445566778899aabbccddeeff280230023a19080112076e313a343630301a076e313a3437303022016128013a16080212076e323a343630301a076e323a343730302801421812020103180222060801120201022a0208012a0408031007420808011202020118014a020102"`,
    );
    for (const placement of [once, recorded, recording(recorded, [{ node: nodeId(3), bad: 0 }])]) {
      const view = { ...FIRST, partitions: [placement, ...rest] };
      expect(encodedViewFrom(encodeView(view)).view).toEqual(view);
    }
  });

  test("with settings end in these; a view without them, as earlier versions made it, says nothing of any", () => {
    const view = { ...FIRST, settings: { movesPerNode: 4, transferRateMib: 64, replaceAfterMs: 0 } };
    const [before, bytes] = [encodeView(FIRST), encodeView(view)];
    expect(bytes.subarray(0, before.length).equals(before)).toBe(true);
    expect(bytes.subarray(before.length).toString("hex")).toMatchInlineSnapshot(`"6a06080418402800"`);
    expect(encodedViewFrom(bytes).view).toEqual(view);
    expect("settings" in encodedViewFrom(before).view).toBe(false);
  });

  test("stay as they came, with what this version does not know", () => {
    const bytes = Buffer.concat([encodeView(FIRST), LATER]);
    const got = encodedViewFrom(bytes);
    expect(got.view).toEqual(FIRST);
    expect(Buffer.from(got.bytes).equals(bytes)).toBe(true);
    expect(got.digest).not.toBe(encodedView(FIRST).digest);
    // A node that encoded it again would believe in another view than everybody else.
    expect(encodedView(got.view).digest).not.toBe(got.digest);
  });

  test("tell of what this version does not read, wherever in the view a later one put it", () => {
    const [first, ...rest] = FIRST.partitions;
    if (first === undefined) throw new Error("no partition");
    const moving = recording(moved(first, { leaves: nodeId(2), comes: nodeId(3) }, viewEpoch(2)), [
      { node: nodeId(1), bad: 0 },
    ]);
    const wish = { id: "ab".repeat(16), epoch: viewEpoch(1), kind: "leave", node: nodeId(2) } as const;
    const ledger = { wishes: [wish], done: [{ ...wish, doneIn: viewEpoch(2) }], forgotten: 0 };
    const view = { ...FIRST, partitions: [moving, ...rest], ledger, settings: { movesPerNode: 4 } };
    expect(encodedViewFrom(encodeView(view)).unread).toBeUndefined();
    let places = 0;
    for (let place = 0; ; place++) {
      const wire = viewToWire(view);
      const part = messagesIn(wire)[place];
      if (part === undefined) break;
      part._unknownFields = { 4002: [Buffer.from([5, ...Buffer.from("later")])] };
      const bytes = WireView.encode(wire).finish();
      expect(encodedViewFrom(bytes), `message ${place} of the view`).toMatchObject({ view, unread: true });
      places++;
    }
    // The view, two members, two partitions, a group before, a replica that is ready, a wish, an operation that is
    // done, and the settings.
    expect(places).toBe(10);
    const wire = viewToWire(view);
    const [later] = wire.wishes;
    if (later === undefined) throw new Error("no wish");
    // A kind of wish that no version has.
    Object.assign(later, { kind: 99 });
    expect(encodedViewFrom(WireView.encode(wire).finish()).unread).toBe(true);
  });

  test("are copied: what they lay in may be used again", () => {
    const chunk = Buffer.from(encodeView(FIRST));
    const got = encodedViewFrom(chunk);
    chunk.fill(0);
    expect(got.digest).toBe(encodedView(FIRST).digest);
    expect(Buffer.from(got.bytes).equals(encodeView(FIRST))).toBe(true);
  });
});
