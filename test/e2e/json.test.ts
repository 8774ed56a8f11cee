/**
 * Every command's output with -o json has one shape (docs/operating.md, "JSON"), and nothing else is printed with it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FOREIGN_WORDS } from "../../src/cli/tree/foreign-words.js";
import { onarTree } from "../../src/cli/tree.js";
import { Cluster } from "./harness.js";
import { onar } from "./programs.js";

let cluster: Cluster;
let empty: Cluster;
const folder = mkdtempSync(join(tmpdir(), "onar-json-"));
const path = (name: string): string => join(folder, name);
beforeAll(async () => {
  [cluster, empty] = await Promise.all([
    Cluster.start({ nodes: 1, replicas: 1, partitions: 16 }),
    Cluster.start({ nodes: 1, replicas: 1, partitions: 16 }),
  ]);
  writeFileSync(path("good.yaml"), "zone: a\n");
  writeFileSync(path("bad.yaml"), "zones: a\n");
});
afterAll(async () => {
  await Promise.all([cluster?.stop(), empty?.stop()]);
  rmSync(folder, { recursive: true });
});

/** In arguments: the address of the node that is asked. */
const NODE = "the node";

/** They print no answer, or a script, or something else than what they run prints. */
const WITHOUT = ["start", "cluster", "demo", "prompt", "config", "completion", "lock", "help", ...FOREIGN_WORDS];

interface Case {
  readonly args: readonly string[];
  readonly code?: number;
  readonly to?: () => Cluster | null;
  /** The object is on standard error. */
  readonly aside?: true;
}

const CASES: Readonly<Record<string, readonly Case[]>> = {
  version: [{ args: ["version"], to: () => null }],
  put: [{ args: ["put", "k", "v"] }],
  get: [{ args: ["get", "k"] }, { args: ["get", "missing"], code: 3 }, { args: ["get", "k", "--local"] }],
  cas: [{ args: ["cas", "k", "w", "--if-value", "v"] }, { args: ["cas", "k", "w", "--if-absent"], code: 3 }],
  add: [{ args: ["add", "n"] }, { args: ["add", "n", "2", "--times", "3"] }],
  delete: [{ args: ["delete", "k"] }, { args: ["delete", "k"], code: 3 }],
  status: [{ args: ["status"] }],
  view: [{ args: ["view"] }],
  nodes: [{ args: ["nodes"] }],
  "transfer-writer": [{ args: ["transfer-writer", "--all", "--to", NODE, "--dry-run"] }],
  rebalance: [{ args: ["rebalance", "--dry-run"] }, { args: ["rebalance", "--wait"] }],
  settings: [
    { args: ["settings"] },
    { args: ["settings", "transfer-rate=64", "--dry-run"] },
    { args: ["settings", "transfer-rate=64", "replace-after=default"] },
  ],
  operations: [{ args: ["operations"] }, { args: ["operations", "ab".repeat(16)], code: 4 }],
  wait: [{ args: ["wait", "--ready"] }],
  health: [{ args: ["health"] }, { args: ["health", "--live"] }],
  doctor: [{ args: ["doctor"], code: -1 }],
  backup: [{ args: ["backup", path("b")] }, { args: ["backup", "-"], aside: true }],
  restore: [{ args: ["restore", path("b"), "--check"] }, { args: ["restore", path("b")], to: () => empty }],
  "config check": [
    { args: ["config", "check", path("good.yaml")], to: () => null },
    { args: ["config", "check", path("bad.yaml")], code: 2, to: () => null },
  ],
  "config show": [{ args: ["config", "show"], to: () => null }],
};

describe("with -o json", () => {
  test("every command that has an answer prints one object on one line", async () => {
    for (const [name, cases] of Object.entries(CASES)) {
      for (const { args, code = 0, to = () => cluster, aside } of cases) {
        const asked = to();
        const endpoint = asked === null ? [] : ["--endpoint", asked.addresses.join(",")];
        const named = args.map((arg) => (arg === NODE ? (asked?.addresses[0] ?? "") : arg));
        const ran = await onar([...named, ...endpoint, "-o", "json"]);
        const text = aside === true ? ran.stderr : ran.stdout;
        if (code !== -1) expect(ran.code, `${name}: ${ran.stderr}`).toBe(code);
        if (aside !== true) expect(ran.stderr, name).toBe("");
        expect(text, name).toMatch(/^\{.*\}\n$/);
        expectShape(JSON.parse(text), name);
      }
    }
  }, 120_000);

  test("wrong usage, a node that is not there, and what a node refuses are errors of one shape", async () => {
    await onar(["put", "text", "none", "--endpoint", cluster.addresses.join(",")]);
    const errors: [string[], number, object][] = [
      [["get", "-o", "json"], 2, { outcome: "usage", status: "", reason: "" }],
      [["get", "k", "--no-such", "-o", "json"], 2, { outcome: "usage", status: "", reason: "" }],
      [["nothing", "-o", "json"], 2, { outcome: "usage", status: "", reason: "" }],
      [["get", "k", "--timeout", "x", "-o", "json"], 2, { outcome: "usage", status: "", reason: "" }],
      [["get", "k", "-e", "127.0.0.1:1", "-o", "json"], 1, { outcome: "notDone", status: "", reason: "UNREACHABLE" }],
      [
        ["add", "text", "-e", cluster.addresses.join(","), "-o", "json"],
        1,
        { outcome: "notDone", status: "FAILED_PRECONDITION", reason: "NOT_A_NUMBER" },
      ],
      [["inspect", path("nowhere"), "-o", "json"], 1, { outcome: "notDone", status: "", reason: "" }],
    ];
    for (const [args, code, error] of errors) {
      const ran = await onar(args);
      expect(ran, args.join(" ")).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(/^\{.*\}\n$/) });
      expect(JSON.parse(ran.stderr), args.join(" ")).toEqual({ error: { ...error, message: expect.any(String) } });
    }
  });

  test("no command is forgotten here", () => {
    const io = {
      out: () => {},
      error: () => {},
      terminal: false,
      onReaderGone: () => {},
      stdin: process.stdin,
      env: {},
    };
    const tree = onarTree({ io, program: "", ends: () => async () => {} });
    const names = tree.commands.flatMap((command) =>
      command.commands.length === 0
        ? [command.name()]
        : command.commands.map((sub) => `${command.name()} ${sub.name()}`),
    );
    // inspect and recover read directories of nodes that are stopped: backup.test.ts and recover.test.ts have them. The
    // others take a member to spare: operations.test.ts, moves.test.ts and replication.test.ts.
    expect(names.filter((name) => !WITHOUT.includes(name)).toSorted()).toEqual(
      [
        ...Object.keys(CASES),
        "inspect",
        "recover",
        "leave",
        "drain",
        "replace",
        "remove",
        "set-replication",
      ].toSorted(),
    );
  });
});

/** Names in camel case; no number that a reader of JSON could round; ids of clusters in hexadecimal. */
function expectShape(value: unknown, at: string): void {
  if (typeof value === "number") expect(Number.isInteger(value) ? Number.isSafeInteger(value) : true, at).toBe(true);
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) expect(name, at).toMatch(/^[a-z][A-Za-z0-9]*$/);
    if (name === "clusterId") expect(inner, `${at}.${name}`).toMatch(/^[0-9a-f]{32}$/);
    expectShape(inner, `${at}.${name}`);
  }
}
