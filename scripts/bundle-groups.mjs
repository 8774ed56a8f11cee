/**
 * Puts chunks of a build that are always loaded together into one file. The bundler cuts a chunk for each set of
 * commands that share something. So a command would load some twenty small files, which takes Node.js longer than
 * compiling them.
 */
import { createHash } from "node:crypto";
import { basename, dirname, relative } from "node:path";
import { build } from "esbuild";

/**
 * `outputs`: texts by path from the root, as `metafile` has them. `groups`: by name, the outputs whose static imports
 * belong together; a chunk belongs to the first group that reaches it. Gives the outputs as they are then, a file for
 * each group among them.
 */
export async function grouped(outputs, metafile, groups, banner) {
  const groupOf = new Map();
  for (const [name, roots] of Object.entries(groups)) {
    for (const path of roots.flatMap((root) => reachedFrom(root, metafile))) {
      if (basename(dirname(path)) === "chunks" && !groupOf.has(path)) groupOf.set(path, name);
    }
  }
  const members = [...groupOf.keys()];
  const made = new Map();
  for (const name of Object.keys(groups)) {
    const own = members.filter((path) => groupOf.get(path) === name);
    const { outputFiles } = await build({
      stdin: { contents: own.map((path) => exportsOf(path, members, metafile)).join(""), resolveDir: "/" },
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      minifyWhitespace: true,
      minifySyntax: true,
      banner: { js: banner },
      write: false,
      logLevel: "warning",
      plugins: [chunksOf(own, outputs, banner)],
    });
    const [{ text }] = outputFiles;
    made.set(name, { file: `${name}-${createHash("sha256").update(text).digest("hex").slice(0, 8)}.js`, text });
  }
  const rewritten = (path, text) => {
    let result = text;
    for (const member of members) {
      const asked = `"${importPath(path, member)}"`;
      if (!result.includes(asked)) continue;
      const { file } = made.get(groupOf.get(member));
      const instead = `"${importPath(path, `dist/chunks/${file}`)}"`;
      const statement = new RegExp(`(import|export)(?:\\{([^}]*)\\}from)?${escaped(asked)}`, "g");
      result = result.replaceAll(statement, (_, word, names) =>
        names === undefined
          ? `${word}${instead}`
          : `${word}{${names.split(",").map((one) => renamed(one, members.indexOf(member)))}}from${instead}`,
      );
    }
    return result;
  };
  const results = new Map();
  for (const [path, text] of outputs) if (!groupOf.has(path)) results.set(path, rewritten(path, text));
  for (const { file, text } of made.values()) {
    const path = `dist/chunks/${file}`;
    results.set(path, rewritten(path, text));
  }
  // A chunk that is imported by a call to `import` keeps its name, for those who call.
  for (const path of members) {
    if (metafile.outputs[path].entryPoint === undefined) continue;
    const names = metafile.outputs[path].exports.map((name) => `${prefix(members.indexOf(path))}${name} as ${name}`);
    results.set(path, `export{${names}}from"./${made.get(groupOf.get(path)).file}";\n`);
  }
  return results;
}

const prefix = (index) => `c${index}_`;
const escaped = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
const importPath = (from, to) => {
  const path = relative(dirname(from), to);
  return path.startsWith(".") ? path : `./${path}`;
};

/** "a as b" and "a", with a's name in the group's file. */
function renamed(name, index) {
  const [outer, inner = outer] = name.trim().split(/\s+as\s+/);
  return `${prefix(index)}${outer} as ${inner}`;
}

/** The output itself and all that it imports by statements. */
function reachedFrom(root, { outputs }) {
  const reached = new Set([root]);
  for (const path of reached) {
    for (const { path: imported, kind } of outputs[path]?.imports ?? []) {
      if (kind === "import-statement" && imported in outputs) reached.add(imported);
    }
  }
  return [...reached];
}

function exportsOf(path, members, metafile) {
  const names = metafile.outputs[path].exports.map((name) => `${name} as ${prefix(members.indexOf(path))}${name}`);
  const from = JSON.stringify(`./${basename(path)}`);
  return names.length === 0 ? `import ${from};\n` : `export{${names}}from${from};\n`;
}

/** Chunks of the group come from memory; everything else stays outside. */
function chunksOf(own, outputs, banner) {
  const byName = new Map(own.map((path) => [basename(path), path]));
  return {
    name: "chunks",
    setup(pass) {
      pass.onResolve({ filter: /.*/ }, ({ path, kind }) =>
        byName.has(basename(path)) && kind === "import-statement"
          ? { path: byName.get(basename(path)), namespace: "chunk" }
          : { path, external: true },
      );
      pass.onLoad({ filter: /.*/, namespace: "chunk" }, ({ path }) => ({
        contents: outputs.get(path).replace(banner, ""),
        loader: "js",
      }));
    },
  };
}
