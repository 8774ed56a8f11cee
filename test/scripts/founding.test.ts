/** Scripts of how a cluster is founded, in a small language of their own (founding.ts). */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { playFounding } from "./founding.js";

const folder = new URL("founding/", import.meta.url);

for (const file of readdirSync(folder).sort()) {
  const script = readFileSync(new URL(file, folder), "utf8");
  const title = (script.split("\n")[0] ?? file).replace(/^# /, "");
  test(title, async () => {
    await expect(playFounding(script)).toMatchFileSnapshot(new URL(file, folder).pathname);
  });
}
