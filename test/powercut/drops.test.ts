/** The power of a disk goes on which copies of a partition are begun, filled and dropped all the time. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openDirectory, wrongIn } from "../conformance/drops.js";
import { type Disk, Rack, whyNoPowerCuts } from "./disk.js";

const CUTS = 4;
const LIMIT_MS = 120_000;

const why = whyNoPowerCuts();
const skipped = why === null ? "" : ` (skipped: this machine cannot cut the power of a disk: ${why})`;
const module = fileURLToPath(new URL("../conformance/drops.ts", import.meta.url));
const script = (path: string): string => `
  const { dropForever, openDirectory } = await import(${JSON.stringify(module)});
  setInterval(() => {}, 1000);
  await dropForever(await openDirectory(${JSON.stringify(path)}), (line) => process.stdout.write(line + "\\n"));
`;

test.skipIf(why !== null)(
  `power cuts: of copies that are dropped all the time, what was durable is there, and nothing else${skipped}`,
  { timeout: LIMIT_MS },
  async () => {
    const rack = await Rack.make(1);
    try {
      const disk = rack.disks[0] as Disk;
      const path = join(disk.path, "node");
      const said: string[] = [];
      for (let round = 0; round < CUTS; round++) {
        const cache = round % 2 === 0 ? "lost" : "kept";
        const args = ["--import", "tsx", "--input-type=module", "-e", script(path)];
        const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
        const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
        let text = "";
        await new Promise<void>((enough) => {
          void ended.then(enough);
          child.stdout.on("data", (chunk: Buffer) => {
            text += chunk.toString();
            if (text.split("\n").length > 30 + 5 * round) enough();
          });
        });
        let durable = text;
        const swap = await rack.cut([disk], cache, () => {
          child.kill("SIGKILL");
          durable = text;
        });
        await ended;
        await swap();
        said.push(...durable.split("\n").slice(0, -1));
        const home = await openDirectory(path);
        expect(wrongIn(home, said), `cut ${round}, the disk's cache ${cache}`).toEqual([]);
        await home.close();
      }
      expect(said.some((line) => line.startsWith("dropped"))).toBe(true);
    } finally {
      rack.remove();
    }
  },
);
