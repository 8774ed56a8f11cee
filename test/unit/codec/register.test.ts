/** Registers travel and rest as the bytes they were first encoded to. */
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { Register as WireRegister } from "../../../gen/ts/onar/replication/v1/register.js";
import { decodeFrame, encodeFrames, messagesOf } from "../../../src/codec/peer/frame.js";
import { decodeRegister, encodeRegister } from "../../../src/codec/register/register.js";
import { CompletionRecords } from "../../../src/core/model/completion-records.js";
import { attempt, key, revision, viewEpoch } from "../../../src/core/model/ids.js";
import type { NodeMessage } from "../../../src/core/model/node-message.js";
import { plant } from "../../planted/planted.js";
import { b, K, P, record, register, rid, ts } from "../core/writer/harness.js";
import { anyRegister } from "./arbitraries.js";

afterEach(() => plant());

/** Field 200, two bytes: what a newer version may add. */
const EXTRA = Buffer.from([0xc2, 0x0c, 0x02, 0xab, 0xcd]);

const bareOf = (r: ReturnType<typeof register>) => ({
  ...r,
  value: r.value === null ? null : [...r.value],
  records: [...r.records],
  // How it is kept.
  ...{ source: null, encoded: null, given: null, valueStart: 0, valueEnd: 0 },
});

describe("round trips", () => {
  test("any register comes back as it was", () => {
    fc.assert(
      fc.property(anyRegister, (r) => {
        expect(bareOf(decodeRegister(Buffer.from(encodeRegister(r))))).toEqual(bareOf(r));
      }),
    );
  });

  test("registers that share records are encoded as if each had its own", () => {
    const step = fc.record({ forget: fc.integer({ min: 0, max: 3 }), encode: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let records: CompletionRecords = CompletionRecords.none;
        for (const [i, { forget, encode }] of steps.entries()) {
          records = records.with(record(`r${i}`, { revision: revision(i * 1_000) })).without(forget);
          if (!encode) continue;
          expect(
            encodeRegister(register({ records })).equals(encodeRegister(register({ records: [...records] }))),
          ).toBe(true);
        }
        const back = decodeRegister(encodeRegister(register({ records, revision: 60_000 }))).records;
        expect([...back.with(record("next"))]).toEqual([...records, record("next")]);
      }),
    );
  });

  test("an empty value is not a tombstone", () => {
    expect(decodeRegister(encodeRegister(register({ value: "" }))).value).toHaveLength(0);
    expect(decodeRegister(encodeRegister(register({ value: null }))).value).toBeNull();
  });

  test("what a client cannot see travels, too: records, floor and revision", () => {
    const records = [record("r", { fingerprint: 2 ** 32 - 1, outcome: "overflow", version: revision(0) })];
    const back = decodeRegister(encodeRegister(register({ records, floor: 8, version: 9, revision: 12 })));
    expect(back).toMatchObject({ floor: 8, version: 9, revision: 12 });
    expect([...back.records]).toEqual(records);
    expect(back.records.at(0)?.requestId).toBe(rid("r"));
  });
});

describe("encoded once", () => {
  test("what was received is passed on as it came", () => {
    const bytes = Buffer.concat([encodeRegister(register()), EXTRA]);
    const received = decodeRegister(bytes);
    expect(encodeRegister(received).equals(bytes)).toBe(true);
  });

  test("a field that this version does not know survives two hops in every message that carries a register", () => {
    const bytes = Buffer.concat([encodeRegister(register({ at: ts(b(1), 1) })), EXTRA]);
    const received = decodeRegister(bytes);
    const settledRevision = revision(0);
    const inGroup = { partition: P, groupEpoch: b(1).groupEpoch, attempt: attempt(1) };
    const messages: NodeMessage[] = [
      { kind: "write", partition: P, register: received, settledSeq: 0, settledRevision },
      { kind: "impose", partition: P, attempt: attempt(1), register: received },
      { kind: "recovered", partition: P, ballot: b(1), attempt: attempt(1), register: received, floor: revision(0) },
      {
        kind: "read-answer",
        ...inGroup,
        timestamp: received.timestamp,
        register: received,
        settled: true,
        promised: b(1),
        settledRevision,
      },
      { kind: "handed-over", ...inGroup, done: true, ballot: b(1), register: received, settledRevision },
    ];
    const hop = (sent: readonly NodeMessage[]): NodeMessage[] => {
      const arrived: NodeMessage[] = [];
      encodeFrames(viewEpoch(1), sent, (frame) => messagesOf(decodeFrame(frame), (message) => arrived.push(message)));
      return arrived;
    };
    const twice = hop(hop(messages));
    expect(twice).toHaveLength(messages.length);
    for (const message of twice) {
      if (!("register" in message) || message.register === null) throw new Error("it lost its register");
      expect(encodeRegister(message.register).equals(bytes)).toBe(true);
    }
  });

  test("the bytes are the register's own: a network buffer that is used again does not change them", () => {
    const frames: Buffer[] = [];
    const write: NodeMessage = {
      kind: "write",
      partition: P,
      register: register({ value: "kept" }),
      settledSeq: 0,
      settledRevision: revision(0),
    };
    encodeFrames(viewEpoch(1), [write], (frame) => void frames.push(Buffer.from(frame)));
    const chunk = frames[0] as Buffer;
    let arrived: NodeMessage | undefined;
    messagesOf(decodeFrame(chunk), (message) => {
      arrived = message;
    });
    const before = arrived?.kind === "write" ? Buffer.from(encodeRegister(arrived.register)) : Buffer.alloc(0);
    chunk.fill(0xff);
    if (arrived?.kind !== "write") throw new Error("it did not arrive");
    expect(encodeRegister(arrived.register).equals(before)).toBe(true);
    expect(Buffer.from(arrived.register.value ?? []).toString()).toBe("kept");
  });

  test("what is kept of a register keeps no other memory alive", () => {
    const sent = register({ value: "small" });
    expect(encodeRegister(sent).buffer.byteLength).toBe(encodeRegister(sent).length);
    const write: NodeMessage = {
      kind: "write",
      partition: P,
      register: sent,
      settledSeq: 0,
      settledRevision: revision(0),
    };
    encodeFrames(viewEpoch(1), [write], (frame) =>
      messagesOf(decodeFrame(frame), (arrived) => {
        if (arrived.kind !== "write") throw new Error("it did not arrive");
        const { encoded, value } = arrived.register;
        expect(encoded?.buffer.byteLength).toBe(encoded?.length);
        expect(value?.buffer).toBe(encoded?.buffer);
      }),
    );
  });

  test("encoding one register does not change another's bytes", () => {
    const first = encodeRegister(register({ value: "first" }));
    const copy = Buffer.from(first);
    encodeRegister(register({ value: "x".repeat(10_000) }));
    expect(first.equals(copy)).toBe(true);
  });
});

describe("malformed", () => {
  const wire = WireRegister.decode(encodeRegister(register({ records: [record("r")] })));
  const encode = (parts: Partial<WireRegister>): Buffer =>
    Buffer.from(WireRegister.encode({ ...wire, ...parts }).finish());

  test("a register without key or timestamp is an ordinary error", () => {
    expect(() => decodeRegister(encode({ key: Buffer.alloc(0) }))).toThrow("without key or timestamp");
    expect(() => decodeRegister(encode({ timestamp: undefined }))).toThrow("without key or timestamp");
    expect(() => decodeRegister(Buffer.from([0x0a, 0x7f]))).toThrow(Error);
  });

  test("a record with an outcome of a newer version is kept as it came and told by nobody", () => {
    const odd = { ...wire.records[0], outcome: 77 } as unknown as (typeof wire.records)[number];
    const decoded = decodeRegister(encode({ records: [odd] }));
    expect([...decoded.records].map(({ outcome }) => outcome)).toEqual(["untold"]);
    const next = register({ records: decoded.records });
    expect(WireRegister.decode(encodeRegister(next)).records.map(({ outcome }) => Number(outcome))).toEqual([77]);
  });

  test("records that cannot be read, or are of what was not decided yet, are left out when somebody looks", () => {
    const [good] = wire.records;
    const bad = (over: object) => ({ ...good, ...over }) as (typeof wire.records)[number];
    const odd = [bad({ revision: 8 }), bad({ requestId: Buffer.alloc(0) }), bad({ requestId: Buffer.alloc(17) })];
    const bytes = encode({ revision: 7, records: [...odd, bad({ revision: 7 })] });
    // A record whose id is longer than itself.
    const cut = Buffer.concat([bytes, Buffer.from([0x42, 0x02, 0x0a, 0x7f])]);
    expect([...decodeRegister(cut).records].map((one) => one.revision)).toEqual([7]);
    plant("R9.records-end-nodes");
    expect(() => decodeRegister(cut).records).toThrow("cut short");
  });

  test("a register with more records than any node keeps is an ordinary error", () => {
    const [good] = wire.records;
    const records = (count: number) => new Array<(typeof wire.records)[number]>(count).fill(good as never);
    expect(decodeRegister(encode({ records: records(128) })).key).toBe(K);
    expect(() => decodeRegister(encode({ records: records(129) }))).toThrow("129 completion records");
  });

  test("keys keep every byte", () => {
    const k = key(Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join(""));
    expect(decodeRegister(encodeRegister(register({ key: k }))).key).toBe(k);
  });
});
