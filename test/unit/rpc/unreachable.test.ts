import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { whyUnreachable } from "../../../src/rpc/naming/unreachable.js";
import { ROOT } from "../../e2e/harness.js";

describe("why a peer could not be called", () => {
  test.each([
    [
      status.UNAVAILABLE,
      "No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1",
      "connection refused",
    ],
    [status.UNAVAILABLE, "Name resolution failed for target dns:nobody.invalid:1", "unknown host"],
    [status.UNAVAILABLE, "No connection established. Last error: getaddrinfo EAI_AGAIN a", "unknown host"],
    [status.UNAVAILABLE, "Connection dropped", "the connection ended"],
    [status.DEADLINE_EXCEEDED, "Deadline exceeded after 2.0 s", "timed out"],
    [status.UNIMPLEMENTED, "\u001b[31mwhatever", "refused with UNIMPLEMENTED"],
  ])("is told in few words, none of them the other side's: %i %s", (code, details, words) => {
    expect(whyUnreachable({ code, details })).toBe(words);
  });
});

/** Files that make channels or clients of grpc-js. */
const makers = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return makers(path);
    return /new Client\(|createChannel\(/.test(readFileSync(path, "utf8")) ? [path] : [];
  });

test("all channels have the same options about proxies", () => {
  const found = makers(join(ROOT, "src"));
  expect(found.length).toBeGreaterThan(1);
  for (const path of found) expect(readFileSync(path, "utf8"), path).toContain("DIRECT_CHANNEL");
});
