/**
 * The views that a node keeps: the bytes that were decided, with what this version does not know in them, and its
 * votes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodedView, encodedViewFrom } from "../../../src/codec/peer/encoded-view.js";
import { decodeFrame, encodeFrames, messagesOf } from "../../../src/codec/peer/frame.js";
import { ballot } from "../../../src/core/model/ballot.js";
import { groupEpoch, nodeId, viewEpoch } from "../../../src/core/model/ids.js";
import { isViewEntry, type NodeEntry } from "../../../src/core/model/node-entry.js";
import type { NodeMessage } from "../../../src/core/model/node-message.js";
import type { EncodedView } from "../../../src/core/view/encoded-view.js";
import type { ViewEntry } from "../../../src/core/view/message.js";
import { memberOf, type View } from "../../../src/core/view/view.js";
import type { Home } from "../../../src/storage/home.js";
import { bugNamed, plant } from "../../planted/planted.js";
import { viewOf } from "../node/cluster.js";
import { openHome } from "./format-fixture.js";

/** A view's field that no version knows yet: number 500, the text "later". */
const LATER = Buffer.from([0xa2, 0x1f, 5, ...Buffer.from("later")]);
const withLater = ({ bytes }: EncodedView): EncodedView => encodedViewFrom(Buffer.concat([bytes, LATER]));

const NAMED: View = { ...viewOf(3), clusterId: "ab".repeat(16), operationId: "cd".repeat(16) };
const FIRST = encodedView(NAMED);
const following = (before: EncodedView): EncodedView =>
  withLater(encodedView({ ...before.view, epoch: viewEpoch(before.view.epoch + 1), previousDigest: before.digest }));

let path = "";
let home: Home | null = null;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "onar-views-"));
});
afterEach(async () => {
  plant();
  await home?.close();
  rmSync(path, { recursive: true, force: true });
});

async function opened(): Promise<Home> {
  await home?.close();
  home = await openHome(path);
  return home;
}

const append = (to: Home, entries: readonly NodeEntry[]): Promise<void> =>
  new Promise((resolve) => to.storage.append(entries, resolve));

const kept = (from: Home): ViewEntry[] => [...from.storage.restored()].filter(isViewEntry);

describe("a view with fields that this version does not know", () => {
  test("is what it was after it was stored in the directory, in the log and in the checkpoint", async () => {
    const first = withLater(FIRST);
    const second = following(first);
    const fresh = await opened();
    await fresh.saveView(first);
    await append(fresh, [{ kind: "view", decided: second }]);
    const fromLog = await opened();
    expect(fromLog.view?.digest).toBe(second.digest);
    await fromLog.fold();
    const fromCheckpoint = await opened();
    expect(fromCheckpoint.view?.digest).toBe(second.digest);
    expect(fromCheckpoint.wasMember).toBe(memberOf(first.view, fromCheckpoint.node) !== undefined);
  });

  test("is what it was after it was sent", () => {
    const decided = following(FIRST);
    const got: NodeMessage[] = [];
    encodeFrames(viewEpoch(1), [{ kind: "view-news", decided }], (frame) =>
      messagesOf(decodeFrame(frame), (message) => got.push(message)),
    );
    expect(got).toMatchObject([{ kind: "view-news", decided: { digest: decided.digest } }]);
  });

  test("V1.re-encoded is caught: it has another digest than everywhere else", async () => {
    const decided = following(FIRST);
    const there = await opened();
    await append(there, [{ kind: "view", decided }]);
    plant(bugNamed("V1.re-encoded"));
    expect((await opened()).view?.digest).not.toBe(decided.digest);
  });
});

describe("votes", () => {
  const of = (epoch: number, round: number) => ballot(groupEpoch(epoch), round, nodeId(10));

  test("come back after a restart, from the log and from the checkpoint", async () => {
    const next = following(FIRST);
    const entries: ViewEntry[] = [
      { kind: "view-promise", ballot: of(1, 1) },
      { kind: "view-vote", vote: { ballot: of(1, 1), next } },
      { kind: "view-promise", ballot: of(1, 4) },
    ];
    await append(await opened(), entries);
    const expected = [
      { kind: "view-vote", vote: { ballot: of(1, 1), next: { digest: next.digest } } },
      { kind: "view-promise", ballot: of(1, 4) },
    ];
    const fromLog = await opened();
    expect(kept(fromLog)).toMatchObject(expected);
    await fromLog.fold();
    expect(kept(await opened())).toMatchObject(expected);
  });

  test("on the successor of a view are void once a later view is known", async () => {
    const second = following(FIRST);
    const there = await opened();
    await append(there, [
      { kind: "view-vote", vote: { ballot: of(1, 1), next: second } },
      { kind: "view", decided: second },
      { kind: "view-promise", ballot: of(1, 9) },
    ]);
    expect(kept(await opened())).toMatchObject([{ kind: "view", decided: { digest: second.digest } }]);
  });
});

test("a directory remembers the cluster that its node has left", async () => {
  const there = await opened();
  expect(there.left).toBeNull();
  await there.saveLeft("ab".repeat(16));
  expect((await opened()).left).toBe("ab".repeat(16));
});
