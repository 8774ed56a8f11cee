/**
 * The frames of a peer that has gone mad: every kind, some thousand mutations, in process. `make fuzz` goes on for as
 * long as it is told to.
 */
import { describe, expect, test } from "vitest";
import { PeerMessage } from "../../../gen/ts/onar/replication/v1/replication.js";
import { decodeFrame } from "../../../src/codec/peer/frame.js";
import { KINDS } from "./contract.js";
import { CORPUS } from "./corpus.js";
import { fuzz, newTally } from "./fuzz.js";

/** A run takes about a second. */
const RUNS = process.env["CI"] === "true" ? 30 : 10;

const kindsIn = (bytes: Buffer): string[] =>
  decodeFrame(bytes).messages.flatMap((reader) => PeerMessage.decode(reader.rest()).message?.$case ?? []);

describe("the corpus", () => {
  test("has a frame of every kind of the contract", () => {
    expect(KINDS.length).toBeGreaterThanOrEqual(28);
    const there = new Set(CORPUS.flatMap(({ bytes }) => kindsIn(bytes)));
    expect(KINDS.filter((kind) => !there.has(kind))).toEqual([]);
  });
});

describe("a node whose peer has gone mad goes on", () => {
  const tally = newTally();

  test.each(Array.from({ length: RUNS }, (_, i) => i + 1))("SEED=%d", (seed) => {
    fuzz(seed, tally);
  });

  test("and some of it reached the machine", () => {
    expect(tally.frames).toBeGreaterThan(1_000);
    expect(tally.unreadable).toBeGreaterThan(100);
    expect(tally.refused).toBeGreaterThan(20);
  });
});
