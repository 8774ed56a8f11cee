/** The unit file in deploy/: systemd understands it, and what it starts is a node that stops in order. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildIfStale, eventually, freePorts, HOST, PROGRAM, ROOT } from "./harness.js";

const UNIT = readFileSync(join(ROOT, "deploy/systemd/onar.service"), "utf8");
const root = mkdtempSync(join(tmpdir(), "onar-systemd-"));
beforeAll(() => buildIfStale());
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The settings of each section, in order. */
function parsed(unit: string): Map<string, (readonly [string, string])[]> {
  const sections = new Map<string, (readonly [string, string])[]>();
  let section: (readonly [string, string])[] | undefined;
  for (const line of unit.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const begins = /^\[(\w+)\]$/.exec(line)?.[1];
    const setting = /^(\w+)=(.*)$/.exec(line);
    if (begins !== undefined) sections.set(begins, (section = []));
    else if (setting !== null && section !== undefined) section.push([setting[1] ?? "", setting[2] ?? ""]);
    else throw new Error(`this is no line of a unit file: ${line}`);
  }
  return sections;
}

const setting = (name: string): string => {
  const found = (parsed(UNIT).get("Service") ?? []).filter(([key]) => key === name);
  expect(found, name).toHaveLength(1);
  return found[0]?.[1] ?? "";
};

describe("the unit file", () => {
  test("has the sections and lines of one, and stops what it starts by SIGTERM", () => {
    expect([...parsed(UNIT).keys()]).toEqual(["Unit", "Service", "Install"]);
    expect(setting("ExecStart")).not.toMatch(/npx|npm/);
    expect([setting("KillSignal"), setting("KillMode")]).toEqual(["SIGTERM", "mixed"]);
    expect(Number(setting("TimeoutStopSec"))).toBeGreaterThan(15);
  });

  const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
  test.skipIf(!analyze)("is one that systemd verifies without a word", () => {
    const path = join(root, "onar.service");
    writeFileSync(path, UNIT.replace("/usr/bin/node", process.execPath));
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", path], { encoding: "utf8" });
    const about = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("onar.service"));
    expect([about, status]).toEqual([[], 0]);
  });

  test("starts a node by its file of settings, which ends with 0 by the signal that the unit names", async () => {
    const [port, peerPort] = (await freePorts(2)) as [number, number];
    const config = join(root, "onar.yaml");
    const lines = {
      listen: `${HOST}:${port}`,
      "peer-listen": `${HOST}:${peerPort}`,
      expect: 1,
      data: join(root, "data"),
    };
    writeFileSync(
      config,
      Object.entries(lines)
        .map(([key, value]) => `${key}: ${value}\n`)
        .join(""),
    );
    const [program = "", ...args] = setting("ExecStart")
      .split(" ")
      .map((word) => {
        if (word === "/usr/bin/node") return process.execPath;
        if (word === "/etc/onar/onar.yaml") return config;
        return word.replace("/opt/onar", ROOT.replace(/\/$/, ""));
      });
    expect(args[0]).toBe(PROGRAM);
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (chunk) => (said += chunk));
    const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve(signal ?? code)));
    try {
      await eventually("the node is ready", 30_000, () => said.includes('"event":"ready"') || undefined);
      // A service has no terminal that could hang up.
      child.kill("SIGHUP");
      await eventually("it says what it makes of it", 10_000, () => said.includes('"event":"hang-up"') || undefined);
    } finally {
      child.kill(setting("KillSignal") as NodeJS.Signals);
    }
    expect(await ended).toBe(0);
    expect(said).toContain('"event":"stopped"');
  });
});
