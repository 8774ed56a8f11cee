/**
 * Each package is whole, and no more than that. A first program runs in an empty folder that has only the package and
 * what it depends on.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OnarNode, startNode } from "../../src/index.js";
import { ROOT } from "./harness.js";
import { type Ran, run } from "./programs.js";

const LONG_MS = 120_000;

let node: OnarNode;
let folder: string;
beforeAll(async () => {
  const ports = { listen: "127.0.0.1:0", peerListen: "127.0.0.1:0" };
  node = await startNode({ ...ports, expect: 1, partitions: 16, memory: true });
  await node.serving;
  folder = mkdtempSync(join(tmpdir(), "onar-packages-"));
}, LONG_MS);
afterAll(async () => {
  await node?.close({ drain: false });
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

/**
 * Packs a package of the checkout and puts it into a folder of its own, with links to those that it depends on. Returns
 * the files in it.
 */
function install(path: string, name: string): { readonly at: string; readonly files: readonly string[] } {
  const at = join(folder, name.replaceAll(/\W/g, "-"));
  const own = join(at, "node_modules", name);
  mkdirSync(own, { recursive: true });
  // The checkout is built already: what is packed is what is there.
  const options = path === "." ? ["--ignore-scripts"] : [];
  const args = ["pack", ...options, "--json", "--pack-destination", at];
  const packed = spawnSync("npm", args, { cwd: join(ROOT, path), encoding: "utf8", timeout: LONG_MS });
  expect(packed.status, packed.stderr).toBe(0);
  const [{ filename, files }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf("[")));
  const unpacked = spawnSync("tar", ["xzf", join(at, filename), "-C", own, "--strip-components", "1"]);
  expect(unpacked.status).toBe(0);
  const { dependencies } = JSON.parse(readFileSync(join(own, "package.json"), "utf8"));
  for (const dependency of Object.keys(dependencies)) {
    const link = join(at, "node_modules", dependency);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", dependency), link);
  }
  writeFileSync(join(at, "package.json"), '{ "type": "module" }');
  return { at, files: files.map((file: { readonly path: string }) => file.path) };
}

function runIn(at: string, code: string): Promise<Ran> {
  const file = join(at, "hello.js");
  writeFileSync(file, code);
  return run(process.execPath, [file], { timeoutMs: LONG_MS });
}

const hello = (client: string): string => `
  import { OnarClient } from "${client}";
  const client = new OnarClient({ endpoints: ["${node.clientAddress}"] });
  await client.put("greeting", "hello");
  console.log((await client.get("greeting")).entry?.text());
  await client.close();
`;

const FREE = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;

describe("@onar/client", () => {
  test("is the client alone, and a first program runs", { timeout: LONG_MS }, async () => {
    const { at, files } = install("clients/typescript", "@onar/client");
    expect(
      files.filter(
        (file) =>
          !FREE.test(file) &&
          !/^dist\/(src\/((client|base|wire|http2|grpc|core\/placement)\/|core\/model\/ids\.)|gen\/ts\/)/.test(file),
      ),
    ).toEqual([]);
    expect(files.filter((file) => /src\/(grpc\/server|http2\/socket\/server)/.test(file))).toEqual([]);
    expect(await runIn(at, hello("@onar/client"))).toMatchObject({ code: 0, stdout: "hello\n", stderr: "" });
  });

  test("has a way over grpc-js for those who install it, and says so to others", { timeout: LONG_MS }, async () => {
    const at = join(folder, "-onar-client");
    const code = `
      import { OnarClient } from "@onar/client";
      import { overGrpcJs } from "@onar/client/grpc-js";
      const client = new OnarClient({ endpoints: ["${node.clientAddress}"], transport: overGrpcJs() });
      await client.put("greeting", "over grpc-js");
      console.log((await client.get("greeting")).entry?.text());
      await client.close();
    `;
    expect((await runIn(at, code)).stderr).toContain("Cannot find package '@grpc/grpc-js'");
    mkdirSync(join(at, "node_modules/@grpc"), { recursive: true });
    symlinkSync(join(ROOT, "node_modules/@grpc/grpc-js"), join(at, "node_modules/@grpc/grpc-js"));
    expect(await runIn(at, code)).toMatchObject({ code: 0, stdout: "over grpc-js\n", stderr: "" });
  });

  test("has types for all that it has", { timeout: LONG_MS }, () => {
    const at = join(folder, "-onar-client");
    writeFileSync(
      join(at, "typed.ts"),
      'import { OnarClient } from "@onar/client";\nconst n: Promise<bigint | undefined> = new OnarClient({ endpoints: ["a:1"] }).add("k", 1).then((a) => a.number);\nvoid n;\n',
    );
    symlinkSync(join(ROOT, "node_modules/@types"), join(at, "node_modules/@types"));
    const args = [
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2023",
      "--lib",
      "es2023,esnext.disposable",
    ];
    const checked = spawnSync(join(ROOT, "node_modules/.bin/tsc"), [...args, "--types", "node", "typed.ts"], {
      cwd: at,
      encoding: "utf8",
    });
    expect(checked.stdout).toBe("");
    expect(checked.status).toBe(0);
  });
});

describe("onar", () => {
  test("has programs and declarations only; nodes, clients and the command line run", {
    timeout: LONG_MS,
  }, async () => {
    const { at, files } = install(".", "onar");
    expect(
      files.filter(
        (file) =>
          !FREE.test(file) &&
          !/^dist\/((src|gen\/ts)\/.*\.(js|d\.ts)|chunks\/[^/]*\.c?js|bin\/(onar|import)\.cjs)$/.test(file),
      ),
    ).toEqual([]);
    expect(await runIn(at, hello("onar/client"))).toMatchObject({ code: 0, stdout: "hello\n", stderr: "" });
    const embedded = `
      import { startNode } from "onar";
      const node = await startNode({ listen: "127.0.0.1:0", peerListen: "127.0.0.1:0", expect: 1, memory: true });
      console.log((await node.client().add("visits", 1)).number);
      await node.close({ drain: false });
    `;
    expect(await runIn(at, embedded)).toMatchObject({ code: 0, stdout: "1n\n", stderr: "" });
    const program = join(at, "node_modules/onar/dist/bin/onar.cjs");
    expect(await run(process.execPath, [program, "version"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^onar \d/),
    });
  });
});
