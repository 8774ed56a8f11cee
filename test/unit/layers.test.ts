/** Imports point one way: each layer's lint rule bites on what it forbids and lets through what it allows. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const fromRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface Diagnostic {
  readonly category: string;
  readonly message: string;
  readonly location: { readonly path: string };
}

/** A file of the layer, what its rule says, imports that it forbids, and one that it allows. */
const LAYERS: [string, string, string, readonly string[], string][] = [
  [
    "base",
    "src/base/x.ts",
    "base imports nothing.",
    ["../core/model/ids.js", "node:fs", "@grpc/grpc-js", "pino", "@opentelemetry/api"],
    "./assert.js",
  ],
  [
    "wire",
    "src/wire/x.ts",
    "wire imports generated code only.",
    ["../base/time.js", "../codec/register/register.js", "node:fs"],
    "./bytes.js",
  ],
  [
    "core",
    "src/core/x.ts",
    "core imports base only",
    [
      "../codec/register/register.js",
      "../wire/protobuf.js",
      "../ports/clock.js",
      "../rpc/call/call.js",
      "node:crypto",
      "@bufbuild/protobuf",
      "../server/server.js",
    ],
    "../base/time.js",
  ],
  [
    "core, a folder deeper",
    "src/core/writer/x.ts",
    "core imports base only",
    ["../../node/loop.js", "../../../gen/ts/onar/kv/v1/kv.js", "node:fs"],
    "../../base/time.js",
  ],
  [
    "ports",
    "src/ports/x.ts",
    "ports import core and base only.",
    ["../storage/memory.js", "../node/loop.js", "node:net"],
    "../core/model/ids.js",
  ],
  [
    "node",
    "src/node/x.ts",
    "node imports ports, core and base only",
    ["../codec/frame.js", "../rpc/peers/link.js", "../observe/calls.js", "node:timers", "nice-grpc"],
    "../ports/clock.js",
  ],
  [
    "codec",
    "src/codec/x.ts",
    "codec imports core, base, wire and generated code only.",
    ["../node/loop.js", "../rpc/peers/link.js", "../storage/memory.js"],
    "../core/model/ids.js",
  ],
  [
    "storage",
    "src/storage/x.ts",
    "storage imports codec, ports, core and base only.",
    ["../rpc/peers/link.js", "../node/loop.js", "../server/server.js"],
    "../codec/register/register.js",
  ],
  [
    "rpc",
    "src/rpc/x.ts",
    "rpc imports node, grpc, codec, ports, core and base only.",
    ["../storage/memory.js", "../observe/calls.js", "../cli/io.js", "../server/server.js"],
    "../node/loop.js",
  ],
  [
    "config",
    "src/config/x.ts",
    "config imports core/placement and base only.",
    ["../rpc/peers/link.js", "../cli/exit.js", "../server/server.js", "commander"],
    "../core/placement/position.js",
  ],
  [
    "observe",
    "src/observe/x.ts",
    "nothing below knows of it",
    ["../storage/memory.js", "../cli/io.js", "../server/server.js"],
    "../rpc/services/serving.js",
  ],
  [
    "client",
    "src/client/x.ts",
    "client imports gen, base, wire, core/placement, grpc and http2 only; nothing of servers.",
    [
      "../core/model/ids.js",
      "../core/writer/writer.js",
      "../codec/api/position.js",
      "../rpc/call/call.js",
      "../server/server.js",
      "../grpc/server/server.js",
      "../http2/hpack/decoder.js",
      "nice-grpc",
    ],
    "../grpc/client/client.js",
  ],
  [
    "embed",
    "src/embed/x.ts",
    "embed puts client and server together",
    ["../storage/memory.js", "../cli/start.js", "../testing/cluster.js"],
    "../rpc/services/key-value.js",
  ],
  [
    "drivers",
    "src/drivers/x.ts",
    "drivers import client only.",
    ["../server/server.js", "../embed/node.js", "../../gen/ts/onar/kv/v1/kv.js", "../core/model/ids.js", "keyv"],
    "../client/client.js",
  ],
  [
    "testing",
    "src/testing/x.ts",
    "testing imports embed, client and base only.",
    ["../server/server.js", "../rpc/services/serving.js", "../core/model/ids.js", "../../gen/ts/onar/kv/v1/kv.js"],
    "../embed/node.js",
  ],
  [
    "http2",
    "src/http2/x.ts",
    "http2 imports nothing outside its folder",
    ["../base/assert.js", "../../gen/ts/onar/kv/v1/kv.js", "node:net", "pino", "@grpc/grpc-js"],
    "./error.js",
  ],
  [
    "http2, its machines",
    "src/http2/connection/x.ts",
    "only its sockets know Node.js",
    ["../../base/assert.js", "../socket/server.js", "node:net", "node:timers", "pino", "@grpc/grpc-js"],
    "../hpack/decoder.js",
  ],
  [
    "http2, its sockets",
    "src/http2/socket/x.ts",
    "http2 imports nothing outside its folder",
    ["../../base/assert.js", "../../rpc/link.js", "pino", "@grpc/grpc-js"],
    "node:tls",
  ],
  [
    "grpc",
    "src/grpc/server/x.ts",
    "grpc imports http2 and Node.js only.",
    ["../../base/assert.js", "../../wire/grpc-frames.js", "../../rpc/call/call.js", "pino", "@grpc/grpc-js"],
    "../../http2/error.js",
  ],
  [
    "grpc, what all of it shares",
    "src/grpc/x.ts",
    "grpc imports http2 and Node.js only.",
    ["../base/assert.js", "../../gen/ts/onar/kv/v1/kv.js", "node:net", "nice-grpc"],
    "./metadata/metadata.js",
  ],
  ["check", "src/check/x.ts", "check is a module of its own.", ["../core/model/ids.js", "nice-grpc"], "./history.js"],
  [
    "cli",
    "src/cli/x.ts",
    "cli speaks to nodes by the contract",
    ["../node/loop.js", "../core/core.js", "../storage/memory.js"],
    "../server/server.js",
  ],
];

/** Two files that import each other's types. */
const CIRCLE = [
  ["round", "about"],
  ["about", "round"],
] as const;

/** Where the import of that number is tried: beside the layer's file. */
const fileOf = (path: string, number: number): string => path.replace(/x\.ts$/, `try${number}.ts`);

let folder: string;
let diagnostics: readonly Diagnostic[];

/** All of them in one run: the linter with this project's rules over a tree that has nothing but the imports to try. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "onar-layers-"));
  const { vcs: _vcs, $schema: _schema, ...config } = JSON.parse(readFileSync(fromRoot("biome.json"), "utf8"));
  writeFileSync(join(folder, "biome.json"), JSON.stringify(config));
  for (const [, path, , forbidden, allowed] of LAYERS) {
    for (const [i, specifier] of [...forbidden, allowed].entries()) {
      const file = join(folder, fileOf(path, i));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `import { something } from "${specifier}";\n\nexport const used = something;\n`);
    }
  }
  for (const [name, other] of CIRCLE)
    writeFileSync(
      join(folder, `src/base/${name}.ts`),
      `import type { T } from "./${other}.js";\n\nexport type { T };\n`,
    );
  const args = ["lint", "--reporter=json", "--max-diagnostics=none", "."];
  const { stdout } = spawnSync(fromRoot("node_modules/.bin/biome"), args, { cwd: folder, encoding: "utf8" });
  diagnostics = JSON.parse(stdout.slice(stdout.indexOf("{"))).diagnostics;
}, 20_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(LAYERS)("%s", (_name, path, rule, forbidden, allowed) => {
  const of = (number: number) => diagnostics.filter(({ location }) => location.path === fileOf(path, number));

  test.each(forbidden.map((specifier, i) => [specifier, i] as const))("must not import %s", (_specifier, i) => {
    expect(of(i)).toMatchObject([
      { category: "lint/style/noRestrictedImports", message: expect.stringContaining(rule) },
    ]);
  });

  test(`may import ${allowed}`, () => {
    expect(of(forbidden.length)).toEqual([]);
  });
});

test("no two files may import each other, not even types", () => {
  const circle = diagnostics.filter(({ category }) => category === "lint/suspicious/noImportCycles");
  expect(circle.map(({ location }) => location.path).toSorted()).toEqual(["src/base/about.ts", "src/base/round.ts"]);
});
