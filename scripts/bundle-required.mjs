/**
 * Makes the files that a command begins with ones that Node.js loads by `require`. Its loader of modules takes some 7
 * ms to begin. Each of Node.js's own modules that is imported there takes longer than one that is required. Files that
 * are asked for later stay modules, and import these.
 */
import { dirname, join, posix } from "node:path";
import { transform } from "esbuild";

const IMPORT = /(?:\bfrom|\bimport)"(\.[^"]+)"/g;
const CALL = /\bimport\("(\.[^"]+)"\)/g;
/** Calls `import` for the others, which cannot when their compiled code was kept (src/cli/code-cache.ts). */
const IMPORTER = "dist/bin/import.cjs";
const IMPORTER_TEXT = "exports.load=(path)=>import(path);\n";
const ASKED = /(\bfrom|\bimport|\bimport\()"(\.[^"]+)"/g;

/**
 * `outputs`: texts by path from the root. `roots`: those to be required, with all that they import by statements.
 * `moved`: new paths of some. `banner` is taken off: it gives modules a `require`. Gives the outputs as they are then.
 */
export async function required(outputs, roots, moved, banner) {
  const members = new Set(roots);
  for (const path of members) for (const [, asked] of outputs.get(path).matchAll(IMPORT)) members.add(to(path, asked));
  const placed = (path) => moved.get(path) ?? (members.has(path) ? path.replace(/\.js$/, ".cjs") : path);
  const results = new Map();
  for (const [path, text] of outputs) {
    const at = placed(path);
    const asking = text.replaceAll(ASKED, (_, word, asked) => `${word}"${from(at, placed(to(path, asked)))}"`);
    results.set(at, members.has(path) ? await requiring(at, asking.replace(banner, "")) : asking);
  }
  results.set(IMPORTER, IMPORTER_TEXT);
  return results;

  async function requiring(at, text) {
    const called = text.replaceAll(CALL, (_, asked) =>
      asked.endsWith(".cjs")
        ? `Promise.resolve().then(()=>require("${asked}"))`
        : `require("${from(at, IMPORTER)}").load("${from(IMPORTER, to(at, asked))}")`,
    );
    if (called.includes("import(")) throw new Error(`${at} calls import for something else than a file of the program`);
    const usesUrl = called.includes("import.meta.url");
    const { code } = await transform(called, {
      format: "cjs",
      platform: "node",
      target: "node20",
      minifyWhitespace: true,
      minifySyntax: true,
      define: { "import.meta.url": "onarUrl" },
      ...(usesUrl ? { banner: 'const onarUrl=require("node:url").pathToFileURL(__filename).href;' } : {}),
      sourcefile: at,
      logLevel: "warning",
    });
    return code;
  }
}

const to = (path, asked) => posix.normalize(join(dirname(path), asked));
const from = (path, asked) => {
  const way = posix.relative(dirname(path), asked);
  return way.startsWith(".") ? way : `./${way}`;
};
