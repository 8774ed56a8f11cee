/** Imports point one way: each layer's lint rule bites on what it forbids and lets through what it allows. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const biome = fileURLToPath(new URL("../../node_modules/.bin/biome", import.meta.url));

/** What the linter says of a file at that path with one import. */
function lint(path: string, specifier: string): Promise<{ readonly passed: boolean; readonly said: string }> {
  const child = spawn(biome, ["lint", "--colors=off", `--stdin-file-path=${path}`], { cwd: root });
  let said = "";
  child.stdout.on("data", (text: Buffer) => {
    said += text;
  });
  child.stderr.on("data", (text: Buffer) => {
    said += text;
  });
  child.stdin.end(`import { something } from "${specifier}";\n\nexport const used = something;\n`);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ passed: code === 0, said }));
  });
}

/** A file of the layer, what its rule says, imports that it forbids, and one that it allows. */
const LAYERS: [string, string, string, readonly string[], string][] = [
  [
    "base",
    "src/base/x.ts",
    "base imports nothing.",
    ["../core/ids.js", "node:fs", "@grpc/grpc-js", "pino"],
    "./assert.js",
  ],
  [
    "core",
    "src/core/x.ts",
    "core imports base only",
    [
      "../codec/register.js",
      "../ports/clock.js",
      "../rpc/call.js",
      "node:crypto",
      "@bufbuild/protobuf",
      "../server.js",
    ],
    "../base/time.js",
  ],
  [
    "core, a folder deeper",
    "src/core/register/x.ts",
    "core imports base only",
    ["../../node/loop.js", "../../../gen/ts/onar/kv/v1/kv.js", "node:fs"],
    "../../base/time.js",
  ],
  [
    "ports",
    "src/ports/x.ts",
    "ports import core and base only.",
    ["../storage/memory.js", "../node/loop.js", "node:net"],
    "../core/ids.js",
  ],
  [
    "node",
    "src/node/x.ts",
    "node imports ports, core and base only",
    ["../codec/frame.js", "../rpc/link.js", "node:timers", "nice-grpc"],
    "../ports/clock.js",
  ],
  [
    "codec",
    "src/codec/x.ts",
    "codec imports core, base and generated code only.",
    ["../node/loop.js", "../rpc/link.js", "../storage/memory.js"],
    "../core/ids.js",
  ],
  [
    "storage",
    "src/storage/x.ts",
    "storage imports codec, ports, core and base only.",
    ["../rpc/link.js", "../node/loop.js", "../server.js"],
    "../codec/register.js",
  ],
  [
    "rpc",
    "src/rpc/x.ts",
    "rpc imports node, codec, ports, core and base only.",
    ["../storage/memory.js", "../cli/io.js", "../server.js"],
    "../node/loop.js",
  ],
  ["check", "src/check/x.ts", "check is a module of its own.", ["../core/ids.js", "nice-grpc"], "./history.js"],
  [
    "cli",
    "src/cli/x.ts",
    "cli speaks to nodes by the contract",
    ["../node/loop.js", "../core/core.js", "../storage/memory.js"],
    "../server.js",
  ],
];

describe.concurrent.each(LAYERS)("%s", (_name, path, rule, forbidden, allowed) => {
  test.each(forbidden)("must not import %s", async (specifier) => {
    const { passed, said } = await lint(path, specifier);
    expect(said).toContain("noRestrictedImports");
    expect(said).toContain(rule);
    expect(passed).toBe(false);
  });

  test("may import what it stands on", async () => {
    const { passed, said } = await lint(path, allowed);
    expect(said).not.toContain("noRestrictedImports");
    expect(passed).toBe(true);
  });
});
