/**
 * Getting it as people do: packages that npm, go and pip really install into an empty folder. Each comes with its first
 * program, which calls a node. packages.test.ts looks at what is packed. Dependencies come from the caches of the
 * package managers, or from the registries as configured.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OnarNode, startNode } from "../../src/index.js";
import { buildIfStale, ROOT } from "./harness.js";
import { blocksOf } from "./pages.js";
import { run } from "./programs.js";

/** A git dependency installs all that building it needs. */
const LONG_MS = 400_000;

let node: OnarNode;
const folder = mkdtempSync(join(tmpdir(), "onar-installs-"));
beforeAll(async () => {
  buildIfStale();
  node = await startNode({ listen: "127.0.0.1:0", peerListen: "127.0.0.1:0", expect: 1, partitions: 16, memory: true });
  await node.serving;
}, LONG_MS);
afterAll(async () => {
  await node?.close({ drain: false });
  rmSync(folder, { recursive: true, force: true });
});

/** The file that `npm init` makes keeps npm from looking for a project in the folders above. */
function emptyFolder(name: string, project?: "npm"): string {
  const at = join(folder, name);
  mkdirSync(at);
  if (project === "npm") execFileSync("npm", ["init", "--yes"], { cwd: at, stdio: "ignore" });
  return at;
}

async function done(at: string, command: string): Promise<string> {
  const ran = await run("bash", ["-c", `cd '${at}' && ${command}`], { timeoutMs: LONG_MS - 20_000, env: { CI: "" } });
  expect(ran.code, `${command}\n${ran.stdout}\n${ran.stderr}`).toBe(0);
  return ran.stdout;
}

const INSTALL = "npm install --prefer-offline --no-audit --no-fund --loglevel error";

/** The packed file of a package of the checkout. */
async function packed(path: string, options = ""): Promise<string> {
  return join(folder, (await done(ROOT, `npm pack ${path} ${options} --silent --pack-destination '${folder}'`)).trim());
}

const here = (text: string): string =>
  text.replace(/"127\.0\.0\.1:4600"(, "127\.0\.0\.1:460[12]")*/, `"${node.clientAddress}"`);

const HELLO = `
import { OnarClient } from "PACKAGE";
const client = new OnarClient({ endpoints: ["127.0.0.1:4600"] });
await client.put("greeting", "hello");
console.log((await client.get("greeting")).entry?.text());
await client.close();
`;

async function firstProgram(at: string, name: string): Promise<void> {
  writeFileSync(join(at, "hello.mjs"), here(HELLO.replace("PACKAGE", name)));
  expect(await done(at, "node hello.mjs")).toBe("hello\n");
}

describe("npm install into an empty folder", () => {
  test("of the packed program: a client, and the command line by npx", { timeout: LONG_MS }, async () => {
    const at = emptyFolder("packed", "npm");
    // The package holds what is built.
    await done(at, `${INSTALL} '${await packed(".", "--ignore-scripts")}'`);
    await firstProgram(at, "onar/client");
    expect(await done(at, "npx onar version")).toMatch(/^onar \d/);
    expect(await done(at, `npx onar get greeting -e ${node.clientAddress}`)).toBe("hello");
  });

  test("of the client alone", { timeout: LONG_MS }, async () => {
    const at = emptyFolder("client", "npm");
    await done(at, `${INSTALL} '${await packed("./clients/typescript")}'`);
    await firstProgram(at, "@onar/client");
  });

  test("of the stubs alone, with the program of their README", { timeout: LONG_MS }, async () => {
    const at = emptyFolder("stubs", "npm");
    const pinned = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).dependencies["nice-grpc"];
    await done(at, `${INSTALL} '${await packed("./clients/typescript-stubs")}' nice-grpc@${pinned}`);
    const [program] = blocksOf("clients/typescript-stubs/README.md");
    writeFileSync(join(at, "stubs.mjs"), here(program?.text ?? ""));
    expect(await done(at, "node stubs.mjs")).toBe("hello\n");
  });

  test("of a git dependency, which builds itself", { timeout: LONG_MS }, async () => {
    const at = emptyFolder("git", "npm");
    execFileSync("git", ["clone", "--quiet", "--bare", ROOT, join(folder, "onar.git")]);
    await done(at, `${INSTALL} 'git+file://${folder}/onar.git'`);
    await firstProgram(at, "onar/client");
    expect(await done(at, "npx onar version")).toMatch(/^onar \d/);
  });
});

/** Where a language is missing, only CI fails. */
async function has(command: string, skip: (why: string) => void): Promise<void> {
  const { code } = await run("bash", ["-c", command]);
  if (code !== 0 && process.env.CI !== "true") skip(`${command} fails here`);
}

describe("a first program in another language, from an empty folder", () => {
  test("Go: by path, as docs/clients-go.md shows it", { timeout: LONG_MS }, async ({ skip }) => {
    await has("go version", skip);
    const at = emptyFolder("go");
    const blocks = blocksOf("docs/clients-go.md");
    const modules = blocks.find(({ language }) => language === "text")?.text ?? "";
    writeFileSync(join(at, "go.mod"), `module hello\n\ngo 1.23.0\n\n${modules.replaceAll("../onar/", ROOT)}`);
    writeFileSync(join(at, "main.go"), here(blocks.find(({ language }) => language === "go")?.text ?? ""));
    await done(at, "go mod tidy && go vet .");
    expect(await done(at, "go run .")).toContain("hello");
  });

  test("Python: pip install, as docs/clients-python.md shows it", { timeout: LONG_MS }, async ({ skip }) => {
    await has("python3 -c 'import venv, ensurepip'", skip);
    const at = emptyFolder("python");
    const pip = "venv/bin/pip install --quiet --disable-pip-version-check";
    await done(at, `python3 -m venv venv && ${pip} '${join(ROOT, "clients/python")}'`);
    const [program] = blocksOf("docs/clients-python.md").filter(({ language }) => language === "python");
    writeFileSync(join(at, "hello.py"), here(program?.text ?? ""));
    expect(await done(at, "venv/bin/python hello.py")).toContain("hello\n");
    expect(execFileSync("git", ["status", "--porcelain", "clients/python"], { cwd: ROOT, encoding: "utf8" })).toBe("");
  });
});
