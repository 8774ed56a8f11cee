/**
 * Fills clients/typescript/dist with what the client alone consists of: the compiled client and all that it imports,
 * with their types. Run by `npm pack ./clients/typescript`, after `make build`. Another package than those that it
 * depends on is an error. Only the module for @grpc/grpc-js may import that one, as nobody has to install it.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const built = join(root, "dist");
const folder = join(root, "clients/typescript");
const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const { dependencies: pinned } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

for (const [name, version] of Object.entries(dependencies)) {
  if (pinned[name] !== version) throw new Error(`${name} is ${version} here, and ${pinned[name]} in package.json`);
}
/** Statements, and what declarations say in the middle of a type. */
const IMPORTS = /^(?:import|export)\s(?:[^"';=]*?\sfrom\s)?"([^"]+)";|\bimport\("([^"]+)"\)/gm;
const starts = ["client", "grpc-js"].map((name) => join(built, "src/client", name));
if (!starts.every((start) => existsSync(`${start}.js`))) throw new Error("nothing is built: run make build first");
rmSync(join(folder, "dist"), { recursive: true, force: true });

const files = new Set(starts.flatMap((start) => [`${start}.js`, `${start}.d.ts`]));
for (const file of files) {
  const text = readFileSync(file, "utf8");
  for (const [, stated, asked] of text.matchAll(IMPORTS)) {
    const specifier = stated ?? asked;
    if (specifier.startsWith(".")) {
      const target = resolve(dirname(file), specifier);
      files.add(file.endsWith(".d.ts") ? target.replace(/\.js$/, ".d.ts") : target);
      continue;
    }
    const name = specifier
      .split("/")
      .slice(0, specifier.startsWith("@") ? 2 : 1)
      .join("/");
    const peer = name in peerDependencies && file.startsWith(`${starts[1]}.`);
    const own = peer || name.startsWith("node:") || builtinModules.includes(name) || name in dependencies;
    if (!own) throw new Error(`${relative(root, file)} imports ${name}, which the package does not depend on`);
  }
  const to = join(folder, "dist", relative(built, file));
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(file, to);
}
