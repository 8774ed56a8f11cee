/** The prompt as a script, against a real cluster; and on a terminal where there is one to be had. */
import { spawn, spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, eventually, freePorts, HOST, PROGRAM } from "./harness.js";
import { onar } from "./programs.js";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 16 });
});
afterAll(() => cluster?.stop());

const env = (): Record<string, string> => ({ ONAR_ENDPOINT: cluster.addresses.join(","), ONAR_HISTORY: "off" });

describe("a script", () => {
  test("does all that the commands do, on connections that stay", async () => {
    const input = [
      "put greeting 'hello world'",
      "get greeting",
      "cas greeting 'hello again' --if-value 'hello world'",
      "get greeting",
      "add visits",
      "add visits 41",
      "add visits --times 20",
      "get visits",
      "delete greeting",
      "status",
    ].join("\n");
    const ran = await onar([], { input, env: env() });
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    const lines = ran.stdout.split("\n");
    expect([lines[1], lines[3], lines[7]]).toEqual(["hello world", "hello again", "62"]);
    expect(ran.stdout).toContain("16 partitions: 16 with a writer");
  });

  test("ends with the exit code of the first command that fails", async () => {
    expect(await onar([], { input: "get nothing-there\nput k v\n", env: env() })).toMatchObject({ code: 3 });
    expect(await onar([], { input: "frobnicate\n", env: env() })).toMatchObject({ code: 2 });
    const [port] = (await freePorts(1)) as [number];
    const nobody = { ONAR_ENDPOINT: `${HOST}:${port}`, ONAR_TIMEOUT: "2" };
    const ran = await onar([], { input: "put k v\n", env: nobody });
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toMatch(/^error: nothing listens at/);
  });

  test("that never comes, as standard input is closed, ends with 0", async () => {
    const child = spawn("sh", ["-c", `exec "${process.execPath}" "${PROGRAM}" <&-`], {
      env: { ...process.env, ...env() },
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(code).toBe(0);
  });
});

/** util-linux's: runs a command on a terminal of its own. */
const hasScript = spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux") === true;

describe.skipIf(!hasScript)(hasScript ? "on a terminal" : "on a terminal (there is no script of util-linux)", () => {
  test("the prompt runs what is typed, Ctrl-C gives up the line, Ctrl-D leaves with 0", async () => {
    const child = spawn("script", ["-qec", `"${process.execPath}" "${PROGRAM}"`, "/dev/null"], {
      env: { ...process.env, ...env(), TERM: "xterm" },
    });
    let shown = "";
    child.stdout.on("data", (chunk) => {
      shown += chunk;
    });
    const end = new Promise((resolve) => child.once("close", resolve));
    const shows = (text: string) =>
      eventually(`it shows ${text}: ${shown}`, 15_000, () => shown.includes(text) || undefined);
    await shows("onar> ");
    child.stdin.write("put typed 'by hand'\r");
    await shows("version ");
    child.stdin.write("get wrong\u0003");
    await shows("^C");
    child.stdin.write("get typed\r");
    await eventually("it shows the value", 15_000, () => /get typed[\s\S]*\nby hand/.test(shown) || undefined);
    await sleep(100);
    child.stdin.write("\u0004");
    expect(await end).toBe(0);
    expect(shown).not.toContain("no such key");
  });
});
