/**
 * A process that begins, fills and drops copies is killed, again and again. Nothing that was durable is lost, and no
 * copy has another one's keys.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Prng } from "../../../src/base/prng.js";
import { openDirectory, wrongIn } from "../../conformance/drops.js";

const KILLS = 6;
const script = (path: string): string => `
  const { dropForever, openDirectory } = await import(${JSON.stringify(fileURLToPath(new URL("../../conformance/drops.ts", import.meta.url)))});
  setInterval(() => {}, 1000);
  await dropForever(await openDirectory(${JSON.stringify(path)}), (line) => process.stdout.write(line + "\\n"));
`;

/** Until it has said so many lines. */
async function livedAndKilled(path: string, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script(path)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  await new Promise<void>((ended) => {
    child.once("close", () => ended());
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.split("\n").length > lines) child.kill("SIGKILL");
    });
  });
  return said.split("\n").slice(0, -1);
}

test("kill -9 at any moment of a drop leaves what was durable, and the next life goes on", {
  timeout: 180_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "onar-killed-"));
  const chance = new Prng(5);
  try {
    const path = join(folder, "node");
    const said: string[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      // The drop of a copy comes with each fourteenth line.
      said.push(...(await livedAndKilled(path, 14 * (1 + chance.below(3)) + chance.below(4))));
      const home = await openDirectory(path);
      expect(wrongIn(home, said), `kill ${kill}`).toEqual([]);
      await home.close();
    }
    expect(said.filter((line) => line.startsWith("dropped")).length).toBeGreaterThanOrEqual(KILLS);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
