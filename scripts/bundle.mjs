/**
 * Makes dist/src/main.js, the program `onar`, quick to start: one file for what all commands need and a few more for the rest in dist/chunks,
 * in place of some hundred that Node.js would look for one by one (`npx tsx bench/main.ts start-up` measures it). `make build` runs it after
 * the compiler, whose own dist/src/main.js works, too. Everything else in dist, which programs import, is as the compiler made it.
 *
 * Left out are packages with native parts or workers, those that only a running node loads, and what no command ever calls.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { grouped } from "./bundle-groups.mjs";

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
  calls: ["keys/commands", "status/status", "status/health"].map((name) => of(`src/cli/${name}.ts`)),
};
const outputs = await grouped(texts, metafile, groups, banner);
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
