/** The parts of the harness that can be tested without a cluster: plans, and telling who dialed. */
import { describe, expect, test } from "vitest";
import { Frame, Handshake, Hello } from "../../gen/ts/onar/replication/v1/replication.js";
import { Prng } from "../../src/base/prng.js";
import { encodeAuthentication, encodeHandshake } from "../../src/codec/peer/frame.js";
import { type Dialer, DialerReader } from "./dialer.js";
import { planEpoch } from "./plan.js";

const LASTS_MS = 14_000;

describe("a plan", () => {
  const plans = Array.from({ length: 300 }, (_, i) =>
    planEpoch(new Prng(1 + (i % 100)), Math.floor(i / 100), LASTS_MS),
  );

  test("is the same for the same seed and epoch, and another for another", () => {
    expect(planEpoch(new Prng(7), 2, LASTS_MS)).toEqual(planEpoch(new Prng(7), 2, LASTS_MS));
    expect(planEpoch(new Prng(7), 2, LASTS_MS)).not.toEqual(planEpoch(new Prng(8), 2, LASTS_MS));
  });

  test("has every fault that heals, ends them all in time, and names nodes that exist", () => {
    for (const { faults, nodes } of plans) {
      const kinds = new Set(faults.map(({ kind }) => kind));
      for (const kind of ["cut", "one-way cut", "delay", "reset", "pause", "clock jump"] as const)
        expect(kinds).toContain(kind);
      for (const fault of faults) {
        expect(fault.until).toBeGreaterThanOrEqual(fault.at);
        expect(fault.until).toBeLessThanOrEqual(LASTS_MS);
        const named = "node" in fault ? [fault.node] : "directions" in fault ? fault.directions.flat() : [];
        for (const node of named) expect(node).toBeLessThan(nodes);
        if ("directions" in fault) for (const [from, to] of fault.directions) expect(from).not.toBe(to);
      }
    }
  });

  test("in memory ends no more nodes than a minority of a group", () => {
    for (const { faults, replicas } of plans.filter(({ disk }) => !disk)) {
      const ended = faults.filter(({ kind }) => kind === "kill" || kind === "drain");
      expect(ended.length).toBeLessThan(replicas / 2);
      expect(ended.length).toBeGreaterThan(0);
      for (const { at, until } of ended) expect(until).toBe(at);
    }
  });

  test("on disk kills and drains, and starts again what it ended", () => {
    for (const { faults } of plans.filter(({ disk }) => disk)) {
      const ended = faults.filter(({ kind }) => kind === "kill" || kind === "drain" || kind === "blackout");
      expect(new Set(ended.map(({ kind }) => kind)).size).toBeGreaterThan(1);
      for (const { at, until } of ended) expect(until).toBeGreaterThan(at);
    }
  });

  test("has members that join and leave, in every epoch, while other faults last", () => {
    for (const { faults, nodes } of plans) {
      const visits = faults.filter(({ kind }) => kind === "join");
      expect(visits.length).toBe(nodes === 3 ? 2 : 1);
      for (const { at, until } of visits) expect(until).toBeGreaterThan(at);
    }
  });

  test("over three epochs has all sizes and all that can be planned, in memory and on disk", () => {
    for (let seed = 0; seed < 100; seed++) {
      const three = [0, 1, 2].map((epoch) => plans[epoch * 100 + seed]);
      expect(new Set(three.map((plan) => `${plan?.nodes}/${plan?.replicas}`)).size).toBe(3);
      expect(three.map((plan) => plan?.disk)).toEqual([false, true, true]);
      const kinds = three.flatMap((plan) => plan?.faults.map(({ kind }) => kind) ?? []);
      for (const kind of ["kill", "drain", "blackout"] as const) expect(kinds).toContain(kind);
    }
  });
});

describe("who dialed", () => {
  const frame = (type: number, payload: Buffer): Buffer => {
    const header = Buffer.alloc(9);
    header.writeUIntBE(payload.length, 0, 3);
    header[3] = type;
    return Buffer.concat([header, payload]);
  };
  const message = (bytes: Uint8Array): Buffer => {
    const header = Buffer.alloc(5);
    header.writeUInt32BE(bytes.length, 1);
    return Buffer.concat([header, bytes]);
  };
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
  const opening = Buffer.concat([preface, frame(4, Buffer.alloc(6)), frame(1, Buffer.alloc(40))]);
  const handshake = message(encodeHandshake(Handshake.fromPartial({ protocolVersion: 1, nodeId: 4_000_000_001 })));

  const readIn = (bytes: Buffer, pieceBytes: number): Dialer => {
    const reader = new DialerReader();
    for (let at = 0; at < bytes.length; at += pieceBytes) reader.read(bytes.subarray(at, at + pieceBytes));
    return reader.dialer;
  };

  test.each([1, 7, 30, 1_000])("is read off the handshake, in pieces of %i bytes", (pieceBytes) => {
    expect(readIn(Buffer.concat([opening, frame(0, handshake)]), pieceBytes)).toBe(4_000_000_001);
    const halves = [frame(0, handshake.subarray(0, 3)), frame(0, handshake.subarray(3))];
    expect(readIn(Buffer.concat([opening, ...halves]), pieceBytes)).toBe(4_000_000_001);
  });

  test("is read off the hello of a cluster with a secret", () => {
    const hello = Hello.fromPartial({ nodeId: 4_000_000_002 });
    const first = message(encodeAuthentication({ step: { $case: "hello", value: hello } }));
    expect(readIn(Buffer.concat([opening, frame(0, first), frame(0, handshake)]), 30)).toBe(4_000_000_002);
  });

  test("is unknown before, and nobody on a connection that begins with anything else", () => {
    expect(readIn(opening, 1_000)).toBeUndefined();
    const other = message(Frame.encode(Frame.fromPartial({ viewEpoch: 1 })).finish());
    expect(readIn(Buffer.concat([opening, frame(0, other)]), 1_000)).toBeNull();
    expect(readIn(Buffer.concat([opening, frame(0, message(Buffer.from([0xff])))]), 1_000)).toBeNull();
  });
});
