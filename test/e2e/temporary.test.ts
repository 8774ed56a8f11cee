/** Commands with temporary files, told to stop the moment these appear: nothing is left behind. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { layOut } from "../unit/storage/format-fixture.js";
import { buildIfStale, freePorts } from "./harness.js";
import { onar } from "./programs.js";

beforeAll(() => buildIfStale());

/** A temporary folder of Onar's brings a signal with it, as if it came in the moment after. */
const SIGNAL = `
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
const { mkdtempSync } = fs;
const { mkdtemp } = fs.promises;
const signal = (path) => {
  if (path.includes("onar-")) process.kill(process.pid, "SIGTERM");
  return path;
};
fs.mkdtempSync = (...args) => signal(mkdtempSync(...args));
fs.promises.mkdtemp = async (...args) => signal(await mkdtemp(...args));
syncBuiltinESMExports();
`;

let folder: string;
let temporary: string;
let env: Readonly<Record<string, string>>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "onar-temporary-"));
  temporary = mkdtempSync(join(folder, "tmp-"));
  const preload = join(folder, "signal.mjs");
  writeFileSync(preload, SIGNAL);
  env = { TMPDIR: temporary, NODE_OPTIONS: `--import ${pathToFileURL(preload)}` };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a signal that comes just after a temporary folder was made leaves nothing behind", () => {
  test.each<[string, () => Promise<readonly string[]>, number]>([
    ["demo", async () => ["demo"], 130],
    ["cluster --memory", async () => ["cluster", "--memory", "--base-port", String((await freePorts(1))[0])], 0],
    ["restore -", async () => ["restore", "-"], 1],
    ["inspect", async () => ["inspect", inspected()], 130],
  ])("onar %s", { timeout: 60_000 }, async (_, args, code) => {
    const ran = await onar(await args(), { env, timeoutMs: 50_000 });
    expect(ran, ran.stderr).toMatchObject({ code });
    expect(readdirSync(temporary)).toEqual([]);
  });
});

function inspected(): string {
  const path = join(folder, "node");
  layOut("format-3.json", path);
  return path;
}
