/** Messages out of a stream of bytes: whole, bounded, and compressed as gRPC allows it. */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteBudget } from "../../../src/grpc/message/byte-budget.js";
import { accepts, compress, encodingOf } from "../../../src/grpc/message/compression.js";
import { Inflater } from "../../../src/grpc/message/inflater.js";
import { frameMessage, prefixOf } from "../../../src/grpc/message/message-frame.js";
import { MessageReader } from "../../../src/grpc/message/message-reader.js";
import { STATUS } from "../../../src/grpc/status.js";

const readerOf = (maxMessageBytes = 1_000, budget = new ByteBudget(100_000)): MessageReader =>
  new MessageReader(maxMessageBytes, budget);

describe("a reader of messages", () => {
  test("gives a message that came in one piece as a view of it", () => {
    const reader = readerOf();
    const bytes = frameMessage(Buffer.from("abc"), false);
    reader.push(bytes, 0, bytes.length);
    const message = reader.next();
    expect(message?.bytes.toString()).toBe("abc");
    expect(message?.bytes.buffer).toBe(bytes.buffer);
    expect(reader.credit()).toBe(8);
    expect(reader.next()).toBeUndefined();
    expect(reader.bytes).toBe(0);
  });

  test("refuses a length above the limit by its prefix alone", () => {
    const reader = readerOf(10);
    const prefix = prefixOf(11, false);
    reader.push(prefix, 0, prefix.length);
    expect(() => reader.next()).toThrow(
      expect.objectContaining({ code: STATUS.resourceExhausted, message: "a message of 11 bytes; the limit is 10" }),
    );
  });

  test("refuses lengths of 2 GiB and more, too, and flags that gRPC does not know", () => {
    const huge = readerOf();
    huge.push(Buffer.from("00ffffffff", "hex"), 0, 5);
    expect(() => huge.next()).toThrow("a message of 4294967295 bytes");
    const strange = readerOf();
    strange.push(Buffer.from("0200000000", "hex"), 0, 5);
    expect(() => strange.next()).toThrow(expect.objectContaining({ code: STATUS.internal }));
  });

  test("leaves messages that nobody takes unconsumed", () => {
    const reader = readerOf();
    const bytes = Buffer.concat([1, 2, 3].map((n) => frameMessage(Buffer.alloc(n), false)));
    reader.push(bytes, 0, bytes.length);
    expect(reader.credit()).toBe(0);
    reader.next();
    expect(reader.credit()).toBe(6);
    reader.next();
    reader.next();
    expect(reader.credit()).toBe(7 + 8);
  });

  test("consumes what it gathers of a wanted message, on the account of the budget until it is taken", () => {
    const budget = new ByteBudget(100);
    const reader = readerOf(1_000, budget);
    const bytes = frameMessage(Buffer.alloc(90), false);
    reader.push(bytes, 0, 50);
    expect(reader.next()).toBeUndefined();
    expect(reader.credit()).toBe(50);
    expect(budget.bytes).toBe(50);
    reader.push(bytes, 50, bytes.length);
    expect(reader.next()?.bytes.length).toBe(90);
    expect(reader.credit()).toBe(45);
    expect(budget.bytes).toBe(0);
  });

  test("fails when all readers together gather too much, and gives back what it held when it is closed", () => {
    const budget = new ByteBudget(100);
    const [one, two] = [readerOf(1_000, budget), readerOf(1_000, budget)];
    const bytes = frameMessage(Buffer.alloc(200), false);
    one.push(bytes, 0, 60);
    one.next();
    two.push(bytes, 0, 60);
    expect(() => two.next()).toThrow(expect.objectContaining({ code: STATUS.resourceExhausted }));
    two.close();
    expect(budget.bytes).toBe(60);
    one.close();
    expect(budget.bytes).toBe(0);
  });

  test("gives the same messages and asks for the same bytes, however they come and whenever they are wanted", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 12 });
    const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 900 })), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(messages, cuts, fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }), (sent, sizes, wants) => {
        const budget = new ByteBudget(10_000);
        const reader = readerOf(1_000, budget);
        const bytes = Buffer.concat(sent.map((one) => frameMessage(one, false)));
        const got: Buffer[] = [];
        let credit = 0;
        let step = 0;
        const take = (): void => {
          for (let next = reader.next(); next !== undefined; next = reader.next()) got.push(next.bytes);
          credit += reader.credit();
        };
        for (let at = 0; at < bytes.length; step++) {
          const end = Math.min(bytes.length, at + (sizes[step % sizes.length] ?? 1));
          reader.push(bytes, at, end);
          at = end;
          if (wants[step % wants.length]) take();
        }
        take();
        expect(got.map((one) => one.toString("hex"))).toEqual(sent.map((one) => Buffer.from(one).toString("hex")));
        expect(credit).toBe(bytes.length);
        expect([reader.bytes, budget.bytes]).toEqual([0, 0]);
      }),
    );
  });
});

describe("a budget", () => {
  test("that is part of a larger one is bounded by both, and takes nothing where one of them is full", () => {
    const whole = new ByteBudget(10);
    const [one, two] = [new ByteBudget(8, whole), new ByteBudget(8, whole)];
    expect([one.take(8), one.take(1), two.take(3), two.take(2)]).toEqual([true, false, false, true]);
    one.give(8);
    expect([whole.bytes, one.bytes, two.bytes]).toEqual([2, 0, 2]);
  });
});

describe("compression", () => {
  const inflate = (bytes: Buffer, maxBytes: number): Buffer | Promise<Buffer> =>
    new Inflater().inflate(bytes, maxBytes, new ByteBudget(2 ** 32), () => true);

  test("knows identity and gzip, and nothing else", () => {
    expect([undefined, "identity", "gzip", "deflate", "snappy", ""].map(encodingOf)).toEqual([
      "identity",
      "identity",
      "gzip",
      undefined,
      undefined,
      undefined,
    ]);
    expect(accepts("deflate, gzip", "gzip")).toBe(true);
    expect([accepts(undefined, "gzip"), accepts("xgzip", "gzip"), accepts(undefined, "identity")]).toEqual([
      false,
      false,
      true,
    ]);
  });

  test.each([0, 1, 100, 16_384, 16_385, 300_000])("gives back %i bytes", async (length) => {
    const bytes = Buffer.alloc(length, "abc");
    expect(Buffer.compare(await inflate(await compress(bytes), length), bytes)).toBe(0);
  });

  test("does not inflate at all what says that it is too long", () => {
    const bomb = gzipSync(Buffer.alloc(1_000_001));
    expect(() => inflate(bomb, 1_000_000)).toThrow("a message of 1000001 bytes; the limit is 1000000");
  });

  test.each([10_000, 1_000_000])("stops at the %i bytes that a gzip with more in it says that it has", async (said) => {
    const liar = gzipSync(Buffer.alloc(4_000_000));
    liar.writeUInt32LE(said, liar.length - 4);
    await expect((async () => inflate(liar, 2_000_000))()).rejects.toThrow("says a wrong length");
  });

  test("fails for what is no gzip, short or long", async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(17), Buffer.alloc(30, 1), Buffer.alloc(30)]) {
      await expect((async () => inflate(bytes, 2 ** 31))()).rejects.toMatchObject({ code: STATUS.internal });
    }
  });

  test("of long messages waits for its turn, on the account of a budget, and is left out where nobody wants it", async () => {
    const inflater = new Inflater();
    const budget = new ByteBudget(100_000);
    const bytes = gzipSync(Buffer.alloc(40_000, "a"));
    const asked: number[] = [];
    const results = [1, 2].map((turn) =>
      inflater.inflate(bytes, 50_000, budget, () => {
        asked.push(turn);
        return turn === 1;
      }),
    );
    expect(budget.bytes).toBe(80_000);
    expect(() => inflater.inflate(bytes, 50_000, budget, () => true)).toThrow("too many bytes");
    expect((await Promise.all(results)).map(({ length }) => length)).toEqual([40_000, 0]);
    expect([asked, budget.bytes]).toEqual([[1, 2], 0]);
  });

  test("that fails keeps nobody from their turn", async () => {
    const inflater = new Inflater();
    const budget = new ByteBudget(100_000);
    const broken = Buffer.alloc(30);
    broken.writeUInt32LE(30_000, 26);
    const failed = inflater.inflate(broken, 50_000, budget, () => true);
    const whole = inflater.inflate(gzipSync(Buffer.alloc(40_000)), 50_000, budget, () => true);
    await expect((async () => failed)()).rejects.toMatchObject({ code: STATUS.internal });
    expect((await whole).length).toBe(40_000);
    expect(budget.bytes).toBe(0);
  });
});
