/**
 * The examples of the manual are run as they stand there, against a real cluster: test/e2e/pages.ts says what is an
 * example.
 */
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { Cluster, PROGRAM, ROOT } from "./harness.js";
import { type Block, blocksIn, blocksOf, type Command, commandsOf, isAsShown } from "./pages.js";
import { findGrpcurl } from "./programs.js";

/** How many blocks of each page are not run. Each has its reason in the page. */
const NOT_RUN: Readonly<Record<string, number>> = {
  "README.md": 2,
  "docs/README.md": 0,
  "docs/start.md": 1,
  "docs/concepts.md": 0,
  "docs/checking.md": 0,
  "docs/errors.md": 0,
  "docs/api.md": 0,
  "docs/operating.md": 9,
  "docs/configuration.md": 0,
  "docs/security.md": 1,
};

/** Pages whose examples are run by other tests, or are no commands. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "docs/clients.md": "test/e2e/recipes.test.ts",
  "docs/recipes.md": "test/e2e/recipes.test.ts",
  "docs/clients-go.md": "test/clients/go/docs_test.go",
  "docs/clients-python.md": "test/clients/python/test_docs.py",
  "docs/stubs.md": "test/clients/go/docs_test.go and test/clients/python/test_docs.py",
  "docs/backup.md": "test/e2e/backup.test.ts: clusters at addresses that are not here",
  "docs/testing.md": "make targets that take minutes; test/unit/docs.test.ts looks whether they are there",
};

const CHECK = join(ROOT, "dist/src/check/main.js");
const grpcurl = findGrpcurl();
const noGrpcurl = "missing" in grpcurl ? grpcurl.missing : null;
const COMMAND_MS = 120_000;
/**
 * A page's own --timeout counts before it: only where other work keeps the machine busy does a command need longer than
 * usual.
 */
const PATIENT = { ONAR_TIMEOUT: "50" };

let cluster: Cluster;
let folder: string;
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3 });
  // As a checkout in which everything is built, except for what is written there.
  folder = mkdtempSync(join(tmpdir(), "onar-docs-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules/onar"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  mkdirSync(join(folder, "bin"));
  program("npx", [
    'name=$1; shift; case "$name" in',
    // A node would run forever: its flags are checked.
    `  onar) if [ "$1" = start ]; then shift; set -- config show "$@"; fi; exec ${quoted(process.execPath)} ${quoted(PROGRAM)} "$@";;`,
    `  tsx) exec ${quoted(process.execPath)} --import ${quoted(join(ROOT, "node_modules/tsx/dist/loader.mjs"))} "$@";;`,
    `  onar-check) exec ${quoted(process.execPath)} ${quoted(CHECK)} "$@";;`,
    '  *) echo "npx $name is not known to the test" >&2; exit 1;;',
    "esac",
  ]);
  if ("path" in grpcurl) program("grpcurl", [`exec ${quoted(grpcurl.path)} "$@"`]);
});
afterAll(async () => {
  await cluster?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

const quoted = (path: string): string => `'${path}'`;

const program = (name: string, lines: readonly string[]): void =>
  writeFileSync(join(folder, "bin", name), `#!/usr/bin/env bash\n${lines.join("\n")}\n`, { mode: 0o755 });

/** With this cluster in place of the one in the text. */
const here = (text: string): string =>
  text.replaceAll(/127\.0\.0\.1:460([0-2])/g, (_, i) => cluster.node(Number(i)).address);

interface Ran {
  readonly code: number | string;
  readonly stdout: string;
  /** Both outputs, in the order in which they came. */
  readonly printed: string;
}

function run(command: string): Promise<Ran> {
  const { address } = cluster.node(0);
  const child = spawn("bash", ["-c", command], {
    cwd: folder,
    env: {
      ...process.env,
      PATH: `${join(folder, "bin")}:${process.env.PATH}`,
      ONAR_ENDPOINT: address,
      NO_COLOR: "1",
      ...PATIENT,
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: COMMAND_MS,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    printed += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code: code ?? signal ?? "", stdout, printed }));
  });
}

async function check(block: Block, { command, shown }: Command): Promise<void> {
  const ran = await run(here(command));
  const told = `${command}\n${ran.printed}`;
  if (block.language === "sh") expect(ran.code, told).toBe(0);
  if (shown === null) return;
  const printed = block.language === "sh" ? ran.stdout : ran.printed;
  expect(isAsShown(printed, here(shown)), `the page shows\n${here(shown)}\nand it is\n${told}`).toBe(true);
}

async function runBlock(block: Block): Promise<void> {
  switch (block.language) {
    case "sh":
    case "console":
      for (const command of commandsOf(block)) await check(block, command);
      return;
    case "ts":
      // Written already; a command of the page runs it.
      expect(block.name, "a block of ts has a file name behind it").not.toBe("");
      return;
    case "jsonl":
      for (const line of block.text.trim().split("\n")) JSON.parse(line);
      return;
    case "yaml":
      parse(block.text, { strict: true });
      return;
    case "json":
      JSON.parse(block.text);
      return;
    case "mermaid":
      return;
    default:
      throw new Error(`line ${block.line}: nobody knows how to run ${block.language || "a block without language"}`);
  }
}

describe.each(Object.keys(NOT_RUN))("%s", (page) => {
  const blocks = blocksOf(page);
  beforeAll(() => {
    // A command may come before the file that it works on.
    for (const { name, text } of blocks) if (name !== "") writeFileSync(join(folder, name), here(text));
  });
  for (const block of blocks.filter(({ notRun }) => notRun === "")) {
    const skipped = noGrpcurl !== null && /\bgrpcurl\b/.test(block.text);
    const name = `line ${block.line}, ${block.language}${block.name === "" ? "" : ` ${block.name}`}`;
    test.skipIf(skipped)(skipped ? `${name} (${noGrpcurl})` : name, { timeout: 300_000 }, () => runBlock(block));
  }
  test("says of each block that is not run why", () => {
    expect(blocks.filter(({ notRun }) => notRun !== "").length).toBe(NOT_RUN[page]);
  });
});

test("every page of the manual with code is run by a test", () => {
  const pages = ["README.md", ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`)];
  const unknown = pages.filter(
    (page) =>
      page.endsWith(".md") &&
      !(page in NOT_RUN) &&
      !(page in ELSEWHERE) &&
      blocksOf(page).some(({ language, notRun }) => language !== "mermaid" && notRun === ""),
  );
  expect(unknown).toEqual([]);
  for (const tester of Object.values(ELSEWHERE).flatMap((testers) => testers.split(" and "))) {
    if (tester.startsWith("test/") && !tester.includes(" ")) expect(existsSync(join(ROOT, tester)), tester).toBe(true);
  }
});

describe("pages", () => {
  const text = readFileSync(join(ROOT, "README.md"), "utf8");

  test("a fence that is not found would be a block that nobody runs", () => {
    expect(blocksIn(text).length * 2).toBe(text.match(/^```/gm)?.length);
  });

  test("what is shown must be what is printed", () => {
    expect(isAsShown("version 17\n", "version …")).toBe(true);
    expect(isAsShown("version 17\n", "version 18")).toBe(false);
    expect(isAsShown("a\nb\nc\n", "a\n…\nc")).toBe(true);
    expect(isAsShown("a\nb\nd\n", "a\n…\nc")).toBe(false);
    expect(isAsShown("axb", "a.b")).toBe(false);
  });

  test("a block with what is printed is commands, each with its own", () => {
    const [block] = blocksIn("```sh\none\n#> 1\ntwo \\\n  three\n```\n");
    expect(commandsOf(block as Block)).toEqual([
      { command: "one", shown: "1\n" },
      { command: "two    three", shown: "" },
    ]);
    const [document] = blocksIn("```sh\ncat <<END\na\nEND\n#> a\n```\n");
    expect(commandsOf(document as Block)).toEqual([{ command: "cat <<END\na\nEND", shown: "a\n" }]);
  });
});
