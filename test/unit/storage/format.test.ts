/** Directories of earlier formats open, and hold what they held. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Home } from "../../../src/storage/home.js";
import { MemoryStorage } from "../../../src/storage/memory.js";
import { intoTables, pictureOf, stateTexts } from "../../conformance/operations.js";
import { viewOf } from "../node/cluster.js";
import { FOLDED, LOGGED, layOut, openHome, SEEN, VOTES } from "./format-fixture.js";

const path = mkdtempSync(join(tmpdir(), "onar-format-"));
let home: Home | null = null;
afterEach(async () => {
  await home?.close();
  rmSync(path, { recursive: true, force: true });
});

test.each(["format-1.json"])("%s", async (fixture) => {
  const node = layOut(fixture, path);
  home = await openHome(path);
  expect(home.node).toBe(node);
  expect(home.view).toEqual(viewOf(3));
  expect(home.votes).toEqual(VOTES);
  const memory = new MemoryStorage();
  const entries = [...FOLDED, ...LOGGED];
  intoTables((p) => memory.table(p), entries);
  expect(pictureOf(home.storage).partitions).toEqual(pictureOf(memory).partitions);
  expect(stateTexts(home.storage.restored())).toEqual(stateTexts(entries));
  expect(home.storage.highestPosition(SEEN.node)).toBe(SEEN.position);
  expect(home.storage.position).toBe(entries.length + 2);
  // Part of it came from the checkpoint, part from the log.
  expect(home.figures()?.checkpointPosition).toBe(FOLDED.length + 2);
});
