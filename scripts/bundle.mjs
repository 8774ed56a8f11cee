/**
 * Makes dist/bin/onar.cjs, the program `onar`, quick to start: one file for what all commands need and a few more for
 * the rest in dist/chunks. Node.js would look for some hundred one by one otherwise (`npx tsx bench/main.ts start-up`
 * measures it). `make build` runs it after the compiler. dist/src/main.js starts the same program. Everything else in
 * dist, which programs import, is as the compiler made it.
 *
 * Left out are packages with native parts or workers, those that only a running node loads, and what no command ever
 * calls.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { grouped } from "./bundle-groups.mjs";
import { required } from "./bundle-required.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

// For packages in the older module format, which ask for Node.js's own modules by `require`.
const banner = 'import{createRequire as onarRequire}from"node:module";const require=onarRequire(import.meta.url);';
const { outputFiles: built, metafile } = await build({
  absWorkingDir: root,
  entryPoints: [{ in: "src/main.ts", out: "src/main" }],
  outdir: "dist",
  // Two levels below package.json, as version.ts expects.
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  // Names stay, for stack traces in reports of bugs.
  minifyWhitespace: true,
  minifySyntax: true,
  external: ["lmdb", "pino", "prom-client", "yaml", "@opentelemetry/*", "@grpc/proto-loader"],
  banner: { js: banner },
  metafile: true,
  write: false,
  logLevel: "warning",
});

const texts = new Map(built.map(({ path, text }) => [relative(root, path), text]));
const of = (source) => Object.keys(metafile.outputs).find((path) => metafile.outputs[path].entryPoint === source);
const groups = {
  early: [of("src/main.ts")],
  commands: [of("src/cli/process.ts"), of("src/cli/flags/target.ts")],
  calls: [of("src/cli/keys/commands.ts")],
  status: [of("src/cli/status/status.ts")],
  health: [of("src/cli/status/health.ts")],
};
const MAIN = "dist/src/main.js";
const PROGRAM = "dist/bin/onar.cjs";
const roots = Object.values(groups).flat();
const outputs = await required(
  await grouped(texts, metafile, groups, banner),
  roots,
  new Map([[MAIN, PROGRAM]]),
  banner,
);
// The folder of compiled code is that of exactly these files (src/cli/code-cache.ts).
const digest = createHash("sha256");
for (const [path, text] of outputs) digest.update(`${path}\0${text}\0`);
outputs.set(PROGRAM, outputs.get(PROGRAM).replace("onar-build-id", digest.digest("hex")));
outputs.set(MAIN, '#!/usr/bin/env node\nimport "../bin/onar.cjs";\n');
const outputFiles = [...outputs].map(([path, text]) => ({ path: join(root, path), contents: Buffer.from(text) }));

// Files that are there stay untouched, and new ones appear whole: a program of this build may be starting just now.
for (const { path, contents } of outputFiles) {
  mkdirSync(dirname(path), { recursive: true });
  if (isThere(path, contents)) continue;
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, contents, { mode: 0o755 });
  renameSync(partial, path);
}
// Chunks are named by what is in them: those of earlier builds are left over.
const made = new Set(outputFiles.map(({ path }) => basename(path)));
for (const name of readdirSync(join(root, "dist/chunks"))) {
  if (!made.has(name)) rmSync(join(root, "dist/chunks", name), { force: true });
}

function isThere(path, contents) {
  try {
    return readFileSync(path).equals(contents);
  } catch {
    return false;
  }
}
