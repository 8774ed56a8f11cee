import { setTimeout as sleep } from "node:timers/promises";
import { Status } from "nice-grpc";
import { afterEach, describe, expect, test } from "vitest";
import { Consistency } from "../../../gen/ts/onar/kv/v1/common.js";
import { Execution } from "../../../gen/ts/onar/kv/v1/error.js";
import type { AddRequest } from "../../../gen/ts/onar/kv/v1/kv.js";
import { span } from "../../../src/cli/status/status.js";
import type { Io } from "../../../src/cli/terminal/io.js";
import { paintOf } from "../../../src/cli/terminal/paint.js";
import { showProgress } from "../../../src/cli/terminal/progress.js";
import { fail, fakeNode, onar, stopFakeNodes } from "./fake-node.js";

afterEach(stopFakeNodes);

const header = (revision: bigint) => ({
  clusterId: Buffer.alloc(16, 7),
  nodeId: 5,
  viewEpoch: 1n,
  revision: { partition: 0, revision },
  groupEpoch: 1n,
  writerNodeId: 6,
});

describe("a value on a terminal", () => {
  const holding = (value: Buffer) =>
    fakeNode({
      get: async () => ({ header: header(1n), entry: { value, version: 1n }, consistency: Consistency.LINEARIZABLE }),
    });

  test.each([Buffer.from([0xff, 0x00]), Buffer.from("\u001b[31mred"), Buffer.from("a\0b")])(
    "that no terminal can show is base64, with a note; a pipe gets it raw",
    async (value) => {
      const { address } = await holding(value);
      const shown = await onar(["get", "k", "--endpoint", address], { terminal: true });
      expect(shown).toMatchObject({ code: 0, out: `${value.toString("base64")}\n` });
      expect(shown.error).toContain(`${value.length} bytes that are no text, shown as base64`);
      const piped = await onar(["get", "k", "--endpoint", address]);
      expect(piped).toMatchObject({ code: 0, error: "" });
      expect(piped.bytes).toEqual(value);
    },
  );

  test.each(["two\nlines\tand tabs", "é 漢 🙂", ""])("that is text is shown as it is", async (text) => {
    const { address } = await holding(Buffer.from(text));
    const shown = await onar(["get", "k", "--endpoint", address], { terminal: true });
    expect(shown).toMatchObject({ code: 0, out: `${text}\n`, error: "" });
  });
});

describe("colours", () => {
  test("are for terminals that want them", () => {
    const red = (terminal: boolean, env: Record<string, string>): string => paintOf({ terminal, env }).bad("x");
    expect(red(true, {})).toBe("\u001b[31mx\u001b[39m");
    expect(red(true, { NO_COLOR: "" })).toBe("\u001b[31mx\u001b[39m");
    for (const plain of [red(false, {}), red(true, { NO_COLOR: "1" }), red(true, { TERM: "dumb" })])
      expect(plain).toBe("x");
  });
});

describe("progress", () => {
  const at = (errorTerminal: boolean): { readonly io: Io; readonly lines: string[] } => {
    const lines: string[] = [];
    const io = { errorTerminal, progress: (line: string) => void lines.push(line) } as Partial<Io> as Io;
    return { io, lines };
  };

  test("is shown after a second and taken away again, with what came of it", async () => {
    const { io, lines } = at(true);
    expect(await showProgress(io, () => "waiting", sleep(1_600, "done"))).toBe("done");
    expect(lines[0]).toBe("waiting … 1 s");
    expect(lines.at(-1)).toBe("");
    await expect(showProgress(io, () => "waiting", Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  test("is not shown for what is quick, or where standard error is no terminal", async () => {
    const quick = at(true);
    await showProgress(quick.io, () => "waiting", sleep(10));
    const piped = at(false);
    await showProgress(piped.io, () => "waiting", sleep(1_300));
    expect([quick.lines, piped.lines]).toEqual([[], []]);
  });
});

describe("add --times", () => {
  test("gives each addition its own id and, as after, the revision of the last answer; both are kept for retries", async () => {
    const seen: { id: string; after: bigint | undefined }[] = [];
    const run = new Set<string>();
    let sum = 0n;
    const node = await fakeNode({
      get: async () => ({ header: header(40n), consistency: Consistency.LOCAL }),
      add: async (request: AddRequest, context) => {
        const id = request.requestId.toString("hex");
        seen.push({ id, after: request.after?.revision });
        if (!run.has(id)) {
          run.add(id);
          sum += request.delta;
          // It ran, and the answer is lost.
          if (run.size === 2)
            fail(context, { code: Status.UNKNOWN, reason: "OUTCOME_UNKNOWN", execution: Execution.UNKNOWN });
        }
        // Refused before it ran, once.
        if (run.size === 3 && seen.length === 4)
          fail(context, { code: Status.UNAVAILABLE, reason: "NO_WRITER", execution: Execution.NOT_EXECUTED });
        return { header: header(40n + BigInt(run.size)), version: BigInt(run.size), number: sum };
      },
    });
    const ran = await onar(["add", "k", "2", "--times", "4", "--endpoint", node.address]);
    expect(ran).toMatchObject({ code: 0, out: "added 4 times, number 8, version 4\n" });
    const ids = [...run];
    expect(seen).toEqual([
      { id: ids[0], after: 40n },
      { id: ids[1], after: 41n },
      { id: ids[1], after: 41n },
      { id: ids[2], after: 42n },
      { id: ids[2], after: 42n },
      { id: ids[3], after: 43n },
    ]);
  });

  test("says how many were done when one is refused for good", async () => {
    let count = 0;
    const node = await fakeNode({
      get: async () => ({ header: header(1n), consistency: Consistency.LOCAL }),
      add: async (_, context) => {
        if (++count === 3)
          fail(context, { code: Status.OUT_OF_RANGE, reason: "OVERFLOW", execution: Execution.NOT_EXECUTED });
        return { header: header(1n), version: 1n, number: 1n };
      },
    });
    const ran = await onar(["add", "k", "--times", "5", "--endpoint", node.address]);
    expect(ran).toMatchObject({ code: 1, error: expect.stringMatching(/^error: after 2 of 5 times: .*OVERFLOW/) });
    expect(await onar(["add", "k", "--times", "0"])).toMatchObject({
      code: 2,
      error: 'error: --times must be a whole number from 1 to 1000000000; it is "0"',
    });
  });
});

test.each<[bigint | undefined, string]>([
  [undefined, "-"],
  [59_000n, "59 s"],
  [119_000n, "119 s"],
  [121_000n, "2 min"],
  [7_300_000n, "2 h"],
  [400_000_000n, "4 d"],
])("%s ms are %s for people", (ms, text) => {
  expect(span(ms)).toBe(text);
});
