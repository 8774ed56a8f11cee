/** Notices name nodes by their addresses: ids are drawn at random, and tell nobody which machine to look at. */
import { afterEach, expect, test } from "vitest";
import { nodeId } from "../../../src/core/model/ids.js";
import { peerNamed } from "../../../src/rpc/naming/node-names.js";
import { judgeShown } from "../../../src/rpc/peers/own-position.js";
import { PeerNotices } from "../../../src/rpc/peers/peer-notices.js";
import { MemoryStorage } from "../../../src/storage/memory.js";
import { plant } from "../../planted/planted.js";
import { A, viewOf } from "../node/cluster.js";

afterEach(() => plant());

const view = viewOf(3);
const at = view.members[0]?.peerAddress ?? expect.fail("there is no member");

test("a member is named with its peer address, a stranger by its id alone", () => {
  expect(peerNamed(view, A)).toBe(`node ${A} at ${at}`);
  expect(peerNamed(view, nodeId(99))).toBe("node 99");
});

test("what a member does that it should not is told three times a minute for each kind, with how often it was done", () => {
  const told: string[] = [];
  let now = 0;
  const notices = new PeerNotices(
    (text) => told.push(text),
    () => now,
  );
  for (let i = 0; i < 1_000; i++) notices.tell(A, "implausible", `a leap of ${i}`);
  notices.tell(A, "unreadable", "no frame");
  notices.tell(nodeId(98), "unreadable", "no frame either");
  expect(told).toEqual(["a leap of 0", "a leap of 1", "a leap of 2", "no frame", "no frame either"]);
  now = 60_000;
  notices.tell(A, "implausible", "a leap again");
  expect(told.at(-1)).toBe("a leap again (and 997 more before)");
});

test("who has seen more of this node than there is, is named with its address", () => {
  const shown = () => judgeShown(new MemoryStorage(), peerNamed(view, A), 1_000, new Uint8Array());
  expect(shown()).toMatchObject({ kind: "unproved", why: expect.stringContaining(`node ${A} at ${at} says`) });
  plant("W2.anybodys-proof");
  expect(shown().kind).toBe("lost");
});
