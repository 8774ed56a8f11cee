import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseSettings, readSettingsFile } from "../../../src/config/file.js";
import { MAX_NODES } from "../../../src/config/values.js";

const folder = mkdtempSync(join(tmpdir(), "onar-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const problems = (text: string) => parseSettings("o.yaml", text).problems;

describe("a file of settings", () => {
  test("gives values as they are written, with file and line", () => {
    const file = parseSettings(
      "o.yaml",
      'listen: "[::1]:4600"\n\n# why\ncluster-id: 00000000000000000000000000000012\n',
    );
    expect(file.problems).toEqual([]);
    expect(file.given("listen")).toEqual({ text: "[::1]:4600", origin: "file", label: "listen (o.yaml line 1)" });
    expect(file.given("clusterId")).toMatchObject({
      text: "00000000000000000000000000000012",
      label: "cluster-id (o.yaml line 4)",
    });
    expect(file.given("zone")).toBeNull();
  });

  test("takes a list as a list or with commas", () => {
    for (const text of ["join: [a:1, b:2]", "join:\n  - a:1\n  - b:2", "join: a:1,b:2"])
      expect(parseSettings("o.yaml", text).given("join")?.text).toBe("a:1,b:2");
  });

  test("may be empty", () => {
    for (const text of ["", "# nothing yet\n", "---\n"]) expect(problems(text)).toEqual([]);
  });

  test("with an unknown name is an error with its line and what was meant", () => {
    expect(problems("zone: a\npeer-listn: a:1\n")).toEqual([
      'o.yaml line 2: there is no setting "peer-listn"; did you mean peer-listen?',
    ]);
    expect(problems("peerListen: a:1")).toEqual([expect.stringContaining("did you mean peer-listen?")]);
    expect(problems("max_key_bytes: 5")).toEqual([expect.stringContaining("did you mean max-key-bytes?")]);
    expect(problems("frobnicate: 5")).toEqual([expect.stringContaining("onar start --help lists them")]);
    expect(problems("config: b.yaml")).toEqual([expect.stringContaining("a file names no other file")]);
  });

  test("tells everything that is wrong in it at once, in the order of the lines", () => {
    expect(problems(`expect: ${MAX_NODES + 1}\nzone: a b\nmemory: yes\nlisten: {host: a}\n`)).toEqual([
      `o.yaml line 1: expect must be a whole number from 1 to ${MAX_NODES}; it is "32"`,
      'o.yaml line 2: zone must be 1 to 64 visible ASCII characters without spaces; it is "a b"',
      'o.yaml line 3: memory must be one of true, false; it is "yes"',
      "o.yaml line 4: listen must be HOST:PORT; it is a structure",
    ]);
  });

  test.each<[string, string, string]>([
    ["a name twice", "zone: a\nzone: b\n", "line 2"],
    ["broken YAML", 'zone: a\nlisten: "a:1\n', "line "],
    ["two documents", "zone: a\n---\nzone: b\n", "line 2"],
    ["a list of settings", "- zone: a\n", "line 1: a file of settings has one"],
    ["plain text", "hello\n", "line 1: a file of settings has one"],
    ["a tab for an indent", "join:\n\t- a:1\n", "line 2"],
    ["an alias", "zone: &a x\ncluster-id: *a\n", "line 2"],
  ])("with %s is refused with the line", (_, text, where) => {
    expect(problems(text).join("\n")).toContain(where);
    expect(problems(text).join("\n")).not.toContain("undefined");
  });

  test.each<[string, (path: string) => string, string]>([
    ["that is not there", (path) => `${path}-none`, "there is no such file"],
    ["that is a folder", () => folder, "it is a folder"],
    [
      "that is not text",
      (path) => {
        writeFileSync(path, Buffer.from([0xff, 0xfe, 0]));
        return path;
      },
      "is not UTF-8 text",
    ],
    [
      "that is too long",
      (path) => {
        writeFileSync(path, Buffer.alloc(1_048_577, 0x20));
        return path;
      },
      "must have at most 1048576 bytes; it has 1048577",
    ],
  ])("%s is refused, and who asked for it is named", (_, make, why) => {
    expect(() => readSettingsFile("--config", make(join(folder, "o.yaml")))).toThrow(/^--config: /);
    expect(() => readSettingsFile("--config", make(join(folder, "o.yaml")))).toThrow(why);
  });
});
