/**
 * Fills clients/typescript-stubs/dist with the compiled code of the contract: all of it but what nodes say to each
 * other. Run by `npm pack ./clients/typescript-stubs`, after `make build`.
 */
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const built = join(root, "dist/gen/ts");
const folder = join(root, "clients/typescript-stubs");
/** For the servers and clients in src alone. */
const OWN = /(^|\/)(descriptor|fields|field-number|request-fields)\./;
const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const { dependencies: pinned } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

for (const [name, version] of Object.entries(dependencies)) {
  if (pinned[name] !== version) throw new Error(`${name} is ${version} here, and ${pinned[name]} in package.json`);
}
if (!existsSync(join(built, "onar"))) throw new Error("nothing is built: run make build first");
rmSync(join(folder, "dist"), { recursive: true, force: true });
cpSync(built, join(folder, "dist"), {
  recursive: true,
  filter: (path) => {
    const name = relative(built, path);
    return !name.endsWith(".map") && !name.startsWith("onar/replication") && !OWN.test(name);
  },
});
