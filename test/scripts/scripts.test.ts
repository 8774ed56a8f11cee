/**
 * Every script under traces/ is played again and compared with itself. `vitest run test/scripts -u` writes them anew.
 */
import { readdirSync, readFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { plant } from "../planted/planted.js";
import { play } from "./language.js";

const traces = new URL("traces/", import.meta.url);

beforeEach(() => plant());

for (const file of readdirSync(traces).sort()) {
  const script = readFileSync(new URL(file, traces), "utf8");
  const title = (script.split("\n")[0] ?? file).replace(/^# /, "");
  test(title, async () => {
    await expect(play(script)).toMatchFileSnapshot(new URL(file, traces).pathname);
  });
}
