import { describe, expect, test } from "vitest";
import { droppedLines } from "../../../src/observe/log.js";
import { type Destination, LogSink, MAX_LOG_BYTES, MAX_LOG_LINES } from "../../../src/observe/log-sink.js";

type Done = (error: Error | null, written: number) => void;

/** Takes a write when the test says so. */
class Slow implements Destination {
  readonly writes: { readonly bytes: Buffer; readonly done: Done }[] = [];
  text = "";

  write(bytes: Buffer, done: Done): void {
    this.writes.push({ bytes, done });
  }

  /** Takes everything that comes, until nothing more does. */
  drain(): void {
    for (let next = this.writes.shift(); next !== undefined; next = this.writes.shift()) {
      this.text += next.bytes.toString();
      next.done(null, next.bytes.length);
    }
  }

  fail(written: number): void {
    const next = this.writes.shift();
    this.text += next?.bytes.toString("utf8", 0, written) ?? "";
    next?.done(Object.assign(new Error("no space"), { code: "ENOSPC" }), written);
  }
}

const news = (lines: number, why: string): string => `(${lines} dropped: ${why})\n`;

describe("a log that is written slowly", () => {
  test("writes one thing at a time, in order", () => {
    const slow = new Slow();
    const sink = new LogSink(slow, news);
    for (const line of ["a\n", "b\n", "c\n"]) sink.push(line);
    expect(slow.writes).toHaveLength(1);
    slow.drain();
    expect(slow.text).toBe("a\nb\nc\n");
    expect(sink.dropped).toBe(0);
  });

  test("keeps a bounded number of lines, and says where the others are missing", () => {
    const slow = new Slow();
    const sink = new LogSink(slow, news);
    for (let i = 0; i < MAX_LOG_LINES + 11; i++) sink.push(`${i}\n`);
    // One is being written.
    expect(sink.dropped).toBe(10);
    slow.drain();
    sink.push("later\n");
    slow.drain();
    expect(slow.text.endsWith(`\n${MAX_LOG_LINES}\n(10 dropped: nobody read it fast enough)\nlater\n`)).toBe(true);
  });

  test("keeps a bounded number of bytes", () => {
    const sink = new LogSink(new Slow(), news);
    const line = "x".repeat(1024);
    for (let i = 0; i < 2 * (MAX_LOG_BYTES / 1024); i++) sink.push(line);
    expect(sink.dropped).toBe(MAX_LOG_BYTES / 1024 - 1);
  });
});

describe("a log that cannot be written", () => {
  test("goes on where it stopped when there is space again, with no line in parts", async () => {
    const slow = new Slow();
    const sink = new LogSink(slow, news);
    sink.push("first line\n");
    slow.fail(5);
    sink.push("second\n");
    expect(slow.writes).toHaveLength(0);
    // Whoever ends the process tries once more.
    const finished = sink.finish(10_000);
    slow.drain();
    await finished;
    expect(slow.text).toBe("first line\nsecond\n");
  });

  test("does not hold up the end of the process", async () => {
    const slow = new Slow();
    const sink = new LogSink(slow, news);
    sink.push("a\n");
    slow.fail(0);
    const finished = sink.finish(60_000);
    slow.fail(0);
    await finished;
    await new LogSink(new Slow(), news).finish(60_000);
    const stuck = new LogSink(new Slow(), news);
    stuck.push("a\n");
    await stuck.finish(1);
  });

  test("says why lines are missing", () => {
    const slow = new Slow();
    const sink = new LogSink(slow, news);
    sink.push("a\n");
    slow.fail(0);
    for (let i = 0; i < MAX_LOG_LINES + 1; i++) sink.push("b\n");
    void sink.finish(10_000);
    slow.drain();
    expect(slow.text).toContain("(1 dropped: there is no space left on the disk)\n");
  });
});

test("the line about dropped lines is as all others of its log", () => {
  expect(droppedLines("text", "info")(3, "why")).toBe("warning: 3 lines of the log were dropped here: why\n");
  expect(JSON.parse(droppedLines("json", "info")(3, "why"))).toMatchObject({
    level: "warn",
    event: "log-dropped",
    lines: 3,
  });
  expect(droppedLines("json", "error")(3, "why")).toBe("");
});
