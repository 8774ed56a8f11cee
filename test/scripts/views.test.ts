/** Scripts of how views are decided, in a small language of their own (views.ts). */
import { readdirSync, readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { plant } from "../planted/planted.js";
import { playViews } from "./views.js";

const folder = new URL("views/", import.meta.url);
const scriptOf = (file: string): string => readFileSync(new URL(file, folder), "utf8");

beforeEach(() => plant());

for (const file of readdirSync(folder).sort()) {
  const script = scriptOf(file);
  const title = (script.split("\n")[0] ?? file).replace(/^# /, "");
  test(title, async () => {
    await expect(playViews(script)).toMatchFileSnapshot(new URL(file, folder).pathname);
  });
}

describe("a script shows what a planted bug breaks", () => {
  test.each([
    ["V1.prepare-early", "S16-own-promise-first.txt"],
    ["V7.leave-at-once", "S17-voters-stay-until-held.txt"],
    ["V1.no-adopt", "adopted.txt"],
    ["V1.no-adopt", "13-quorum-loss-during-a-change.txt"],
    ["V1.two-voters", "refused-proposals.txt"],
    ["V7.not-asked-for", "refused-proposals.txt"],
    ["V1.stale-wish", "wish-of-its-epoch.txt"],
    ["V1.unread", "V1-two-versions.txt"],
  ])("%s: %s", (bug, file) => {
    plant(bug);
    expect(playViews(scriptOf(file))).not.toBe(scriptOf(file));
  });
});
