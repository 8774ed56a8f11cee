import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { onar } from "./fake-node.js";

const folder = mkdtempSync(join(tmpdir(), "onar-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (text: string): string => {
  const path = join(folder, "onar.yaml");
  writeFileSync(path, text);
  return path;
};

describe("config check", () => {
  test("says that a good file is good, and what it leaves to others", async () => {
    const path = file("listen: 127.0.0.1:4600\nzone: a\n");
    expect(await onar(["config", "check", path])).toMatchObject({
      code: 0,
      out: `${path}: 2 settings, all good\nleft to flags or the environment: peer-listen, expect, data or memory\n`,
    });
  });

  test("tells everything that is wrong, each with its line, and ends with 2", async () => {
    const path = file("listen: here\nzon: a\nexpect: none\n");
    const ran = await onar(["config", "check", path]);
    expect(ran).toMatchObject({ code: 2, out: "" });
    expect(ran.error.split("\n")).toEqual([
      `error: ${path} line 1: listen must be HOST:PORT, for example 127.0.0.1:4600; it is "here"`,
      `error: ${path} line 2: there is no setting "zon"; did you mean zone?`,
      `error: ${path} line 3: expect must be a whole number from 1 to 31; it is "none"`,
    ]);
  });

  test("finds what only shows when settings are seen together", async () => {
    const path = file("listen: a:1\npeer-listen: a:1\nexpect: 1\nmemory: true\n");
    expect(await onar(["config", "check", path])).toMatchObject({
      code: 2,
      error: `error: listen (${path} line 1) and peer-listen (${path} line 2) must be different; both are at port 1`,
    });
  });

  test("does not mind what nodes that share a file say each for itself", async () => {
    const path = file("listen: 0.0.0.0:1\npeer-listen: 0.0.0.0:2\ninsecure: true\nexpect: 3\nmemory: true\n");
    expect(await onar(["config", "check", path])).toMatchObject({
      code: 0,
      out: expect.stringContaining("left to flags or the environment: advertise, peer-advertise, join\n"),
    });
    const data = file("listen: a:1\npeer-listen: a:2\ncluster-secret-file: /s\ndata: /somewhere\n");
    expect(await onar(["config", "check", data])).toMatchObject({ code: 0, out: `${data}: 4 settings, all good\n` });
  });

  test("of a file that is not there ends with 2", async () => {
    expect(await onar(["config", "check", join(folder, "none.yaml")])).toMatchObject({
      code: 2,
      error: expect.stringContaining("there is no such file"),
    });
  });
});

describe("config show", () => {
  test("shows each value with where it came from", async () => {
    const path = file("listen: a:1\nzone: file\n");
    const ran = await onar(["config", "show", "--config", path, "--expect", "3", "-o", "json"], {
      env: { ONAR_ZONE: "env" },
    });
    expect(ran.code).toBe(0);
    const { settings } = JSON.parse(ran.out);
    expect(settings).toContainEqual({ name: "listen", value: "a:1", from: `${path} line 1` });
    expect(settings).toContainEqual({ name: "zone", value: "env", from: "ONAR_ZONE (environment)" });
    expect(settings).toContainEqual({ name: "expect", value: "3", from: "--expect" });
    expect(settings).toContainEqual({ name: "partitions", value: "256", from: "default" });
    const table = await onar(["config", "show"], { env: { ONAR_CONFIG: path } });
    expect(table.out).toMatch(/zone\s+│ file\s+│ .*line 2/);
  });

  test("refuses what start would refuse", async () => {
    expect(await onar(["config", "show"], { env: { ONAR_EXPECT: "x" } })).toMatchObject({
      code: 2,
      error: expect.stringContaining("ONAR_EXPECT (environment) must be a whole number"),
    });
  });
});

describe("start", () => {
  test("takes settings from a file and the environment, and names the first problem of a broken file", async () => {
    const path = file("listen: a:1\nzon: a\nexpct: 3\n");
    expect(await onar(["start", "--config", path])).toMatchObject({
      code: 2,
      error: `error: ${path} line 2: there is no setting "zon"; did you mean zone?; 1 more: onar config check ${path}`,
    });
    expect(await onar(["start"], { env: { ONAR_CONFIG: `${path}.none` } })).toMatchObject({
      code: 2,
      error: expect.stringMatching(/^error: ONAR_CONFIG \(environment\): the file .* there is no such file$/),
    });
    expect(await onar(["start"], { env: { ONAR_LISTEN: "a:1" } })).toMatchObject({
      code: 2,
      error: expect.stringMatching(/--peer-listen HOST:PORT is required .*ONAR_PEER_LISTEN/),
    });
  });
});
