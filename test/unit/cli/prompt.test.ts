import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { Consistency } from "../../../gen/ts/onar/kv/v1/common.js";
import type { PutRequest } from "../../../gen/ts/onar/kv/v1/kv.js";
import { run } from "../../../src/cli/program.js";
import { History, historyFile } from "../../../src/cli/prompt/history.js";
import type { Io } from "../../../src/cli/terminal/io.js";
import { complete } from "../../../src/cli/tree/complete.js";
import { root } from "../../../src/cli/tree/root.js";
import { addKeyCommands } from "../../../src/cli/tree/tree-keys.js";
import { type FakeNode, fakeNode, onar, stopFakeNodes } from "./fake-node.js";

const folder = mkdtempSync(join(tmpdir(), "onar-prompt-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(stopFakeNodes);

const header = {
  clusterId: Buffer.alloc(16, 7),
  nodeId: 5,
  viewEpoch: 1n,
  revision: { partition: 9, revision: 3n },
  groupEpoch: 1n,
  writerNodeId: 6,
};

/** A node that keeps what is put, in a map. */
async function keeper(puts: PutRequest[] = []): Promise<FakeNode> {
  const values = new Map<string, Buffer>();
  return fakeNode({
    put: async (request) => {
      puts.push(request);
      values.set(request.key.toString(), request.value);
      return { header, version: BigInt(puts.length) };
    },
    get: async ({ key }) => {
      const value = values.get(key.toString());
      const entry = value === undefined ? undefined : { value, version: 1n };
      return { header, entry, consistency: Consistency.LINEARIZABLE };
    },
  });
}

describe("a script on standard input", () => {
  const script = (node: FakeNode, text: string) => onar([], { stdin: text, env: { ONAR_ENDPOINT: node.address } });

  test("runs a command a line, with comments and blank lines, and ends with 0", async () => {
    const node = await keeper();
    const ran = await script(node, "# a comment\n\nput greeting 'hello world'\nonar get greeting\nget greeting\n");
    expect(ran).toMatchObject({ code: 0, out: "version 1\nhello world\nhello world\n", error: "" });
    expect(await onar(["prompt"], { stdin: "get greeting", env: { ONAR_ENDPOINT: node.address } })).toMatchObject({
      code: 0,
      out: "hello world\n",
    });
  });

  test("stops at the first command that fails, ends with its exit code and says where", async () => {
    const puts: PutRequest[] = [];
    const ran = await script(await keeper(puts), "get missing\nput k v\n");
    expect(ran).toMatchObject({ code: 3, out: "" });
    expect(ran.error).toContain("line 1 of the script ended with 3");
    expect(puts).toEqual([]);
  });

  test.each([
    ["nonsense\n", "unknown command 'nonsense'"],
    ["get\n", "missing required argument"],
    ["put k 'v\n", "the line ends within"],
    ["put k -\n", "standard input holds the commands here"],
    ["start\n", "unknown command 'start'"],
    ["get k --timeout 0\n", "--timeout must be"],
  ])("%j is wrong usage and says why, without a stack trace", async (text, why) => {
    const ran = await script(await keeper(), text);
    expect(ran.error).toContain(why);
    expect(ran.error).not.toMatch(/\n\s+at /);
    expect(ran.code).toBe(2);
  });

  test("that is empty or closed does nothing and ends with 0", async () => {
    expect(await onar([], {})).toMatchObject({ code: 0, out: "", error: "" });
    expect(await onar([], { stdin: "exit\nnonsense\n" })).toMatchObject({ code: 0 });
  });

  test("has help", async () => {
    const ran = await onar([], { stdin: "help\nhelp cas\n" });
    expect(ran.code).toBe(0);
    for (const word of ["get", "put", "cas", "delete", "add", "status", "--if-absent"]) expect(ran.out).toContain(word);
  });
});

/** Movements of the cursor are none of these tests' business. */
const withoutEscapes = (text: string): string =>
  text
    .split("\u001b[")
    .map((part, i) => (i === 0 ? part : part.replace(/^\d*[A-Za-z]/, "")))
    .join("");

/** A terminal that a test types at. */
class Terminal {
  readonly keys = new PassThrough();
  shown = "";
  readonly ended: Promise<number>;

  constructor(env: Record<string, string>) {
    const io: Io = {
      out: (chunk) => {
        this.shown += chunk.toString();
      },
      error: (line) => {
        this.shown += `${line}\n`;
      },
      onReaderGone: () => {},
      terminal: true,
      inputTerminal: true,
      screen: new Writable({
        write: (chunk, _, done) => {
          this.shown += String(chunk);
          done();
        },
      }),
      stdin: this.keys,
      env: { NO_COLOR: "1", ONAR_HISTORY: "off", ...env },
    };
    this.ended = run([], io, "main.js");
  }

  async types(keys: string, until: string | RegExp): Promise<void> {
    const from = this.shown.length;
    this.keys.write(keys);
    await this.shows(until, from);
  }

  async shows(what: string | RegExp, from = 0): Promise<void> {
    const giveUp = Date.now() + 10_000;
    for (;;) {
      const text = withoutEscapes(this.shown.slice(from));
      if (typeof what === "string" ? text.includes(what) : what.test(text)) return;
      if (Date.now() > giveUp) throw new Error(`it does not show ${what}: ${JSON.stringify(text)}`);
      await sleep(10);
    }
  }
}

const [CTRL_C, CTRL_D, TAB, UP] = ["\u0003", "\u0004", "\t", "\u001b[A"];

describe("the prompt on a terminal", () => {
  test("runs what is typed, and Ctrl-D leaves with 0", async () => {
    const node = await keeper();
    const terminal = new Terminal({ ONAR_ENDPOINT: node.address });
    await terminal.shows("onar> ");
    await terminal.types("put k v\r", "version 1");
    await terminal.types("get k\r", /v\n.*onar> /s);
    await terminal.types("nonsense\r", /unknown command.*onar> /s);
    terminal.keys.write(CTRL_D);
    expect(await terminal.ended).toBe(0);
  });

  test("Ctrl-C gives the line up and nothing of it is run", async () => {
    const puts: PutRequest[] = [];
    const node = await keeper(puts);
    const terminal = new Terminal({ ONAR_ENDPOINT: node.address });
    await terminal.shows("onar> ");
    await terminal.types(`put wrong v${CTRL_C}`, /\^C[\s\S]*onar> $/);
    await terminal.types("put right v\r", "version 1");
    expect(puts.map(({ key }) => key.toString())).toEqual(["right"]);
    await terminal.types("exit\r", "exit");
    expect(await terminal.ended).toBe(0);
  });

  test("Ctrl-C gives a running command up: a write that was sent is unknown, and the prompt goes on", async () => {
    let sent = 0;
    const node = await fakeNode({
      put: () => {
        sent++;
        return new Promise(() => {});
      },
    });
    const terminal = new Terminal({ ONAR_ENDPOINT: node.address });
    await terminal.shows("onar> ");
    terminal.keys.write("put k v\r");
    while (sent === 0) await sleep(10);
    await terminal.types(CTRL_C, /unknown: it is not known whether[\s\S]*interrupted[\s\S]*onar> /);
    terminal.keys.write(CTRL_D);
    expect(await terminal.ended).toBe(0);
  });

  test("Tab completes commands and options, the arrow up brings back what was typed", async () => {
    const node = await keeper();
    const terminal = new Terminal({ ONAR_ENDPOINT: node.address });
    await terminal.shows("onar> ");
    await terminal.types(`pu${TAB}`, "put ");
    await terminal.types("k v\r", "version 1");
    await terminal.types(`${UP}\r`, "version 2");
    await terminal.types(`get k --lo${TAB}`, "--local ");
    await terminal.types("\r", /v\n/);
    terminal.keys.write(CTRL_D);
    await terminal.ended;
  });

  test("history is kept from one prompt to the next, for its user's eyes only, without lines that begin with a blank", async () => {
    const node = await keeper();
    const path = join(folder, "state", "history");
    const env = { ONAR_ENDPOINT: node.address, ONAR_HISTORY: path };
    const first = new Terminal(env);
    await first.shows("onar> ");
    await first.types("put k v\r", "version 1");
    await first.types(" put secret v\r", "version 2");
    first.keys.write(CTRL_D);
    await first.ended;
    expect(readFileSync(path, "utf8")).toBe("put k v\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const second = new Terminal(env);
    await second.shows("onar> ");
    await second.types(`${UP}\r`, "version 3");
    second.keys.write(CTRL_D);
    await second.ended;
  });
});

describe("history", () => {
  test("lies in the user's state folder unless it is elsewhere or off", () => {
    expect(historyFile({ HOME: "/h" })).toBe("/h/.local/state/onar/history");
    expect(historyFile({ HOME: "/h", XDG_STATE_HOME: "/s" })).toBe("/s/onar/history");
    expect(historyFile({ HOME: "/h", ONAR_HISTORY: "/x" })).toBe("/x");
    expect(historyFile({ HOME: "/h", ONAR_HISTORY: "off" })).toBeNull();
    expect(historyFile({})).toBeNull();
  });

  test("that cannot be read or written is none", () => {
    writeFileSync(join(folder, "file"), "");
    const history = new History(join(folder, "file", "history"));
    expect(history.load()).toEqual([]);
    history.keep("put k v");
  });

  test("is bounded", () => {
    const path = join(folder, "long");
    writeFileSync(path, Array.from({ length: 2_500 }, (_, i) => `get ${i}\n`).join(""));
    const history = new History(path);
    expect(history.load()).toHaveLength(1_000);
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(1_001);
    expect(history.load().at(-1)).toBe("get 2499");
  });
});

test.each<[string, string[]]>([
  ["", ["get ", "put ", "cas ", "delete ", "add ", "status ", "health ", "help "]],
  ["st", ["status "]],
  ["help c", ["cas "]],
  ["get --lo", ["--local "]],
  ["cas k v --if-", ["--if-version ", "--if-value ", "--if-absent ", "--if-present "]],
  ["get k", []],
])("%j completes to %j", (line, candidates) => {
  const io: Io = {
    out: () => {},
    error: () => {},
    onReaderGone: () => {},
    terminal: false,
    stdin: new PassThrough(),
    env: {},
  };
  const tree = root(io);
  addKeyCommands(tree, { io, ends: () => async () => {} });
  expect(complete(tree, line)[0]).toEqual(candidates);
});
