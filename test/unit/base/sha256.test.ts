import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { sha256 } from "../../../src/base/sha256.js";

const bytes = (length: number): string =>
  String.fromCharCode(...Array.from({ length }, (_, i) => (i * 167 + (i >> 8)) & 255));

test.each([0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 1_900, 4_096, 65_536])(
  "the hash of %i bytes is the one that the system makes",
  (length) => {
    const text = bytes(length);
    expect(sha256(text)).toBe(createHash("sha256").update(Buffer.from(text, "latin1")).digest().toString("latin1"));
  },
);
