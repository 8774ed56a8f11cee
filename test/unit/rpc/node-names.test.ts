/** Notices name nodes by their addresses: ids are drawn at random, and tell nobody which machine to look at. */
import { expect, test } from "vitest";
import { nodeId } from "../../../src/core/model/ids.js";
import { peerNamed } from "../../../src/rpc/naming/node-names.js";
import { ImplausibleNotices } from "../../../src/rpc/peers/implausible-notices.js";
import { judgeShown } from "../../../src/rpc/peers/own-position.js";
import { MemoryStorage } from "../../../src/storage/memory.js";
import { A, viewOf } from "../node/cluster.js";

const view = viewOf(3);
const at = view.members[0]?.peerAddress ?? expect.fail("there is no member");

test("a member is named with its peer address, a stranger by its id alone", () => {
  expect(peerNamed(view, A)).toBe(`node ${A} at ${at}`);
  expect(peerNamed(view, nodeId(99))).toBe("node 99");
});

test("who sent what cannot be is named with its address", () => {
  const told: string[] = [];
  const notices = new ImplausibleNotices(
    (text) => told.push(text),
    (id) => peerNamed(view, id),
  );
  notices.tell(A, "write", "the round leaps");
  expect(told).toEqual([`node ${A} at ${at} sent a write that cannot be, and it is left alone: the round leaps`]);
});

test("who has seen more of this node than there is, is named with its address", () => {
  const shown = judgeShown(new MemoryStorage(), peerNamed(view, A), 1_000, new Uint8Array());
  expect(shown).toMatchObject({ kind: "unproved", why: expect.stringContaining(`node ${A} at ${at} says`) });
});
