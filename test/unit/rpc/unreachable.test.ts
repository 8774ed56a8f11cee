import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { GrpcClient } from "../../../src/grpc/client/client.js";
import type { GrpcError } from "../../../src/grpc/status.js";
import { STATUS } from "../../../src/grpc/status.js";
import { whyUnreachable } from "../../../src/rpc/naming/unreachable.js";
import { ROOT } from "../../e2e/harness.js";

describe("why a peer could not be called", () => {
  test.each([
    [STATUS.unavailable, "no connection: connect ECONNREFUSED 127.0.0.1:1", "unprocessed", "connection refused"],
    [STATUS.unavailable, "no connection: getaddrinfo ENOTFOUND nobody.invalid", "unprocessed", "unknown host"],
    [STATUS.unavailable, "no connection: getaddrinfo EAI_AGAIN a", "unprocessed", "unknown host"],
    [STATUS.unavailable, "no connection: a:1 was not reached within 10000 ms", "unprocessed", "timed out"],
    [STATUS.unavailable, "the connection was lost", "unknown", "the connection ended"],
    [STATUS.deadlineExceeded, "the deadline is over", "unknown", "timed out"],
    [STATUS.unimplemented, "\u001b[31mwhatever ECONNREFUSED", "answered", "refused with UNIMPLEMENTED"],
  ] as const)("is told in few words, none of them the other side's: %i %s", (code, message, outcome, words) => {
    expect(whyUnreachable({ code, message, outcome })).toBe(words);
  });

  test("is told of a port that nobody listens at, also by a name with several addresses", async () => {
    for (const host of ["127.0.0.1", "localhost"]) {
      const client = new GrpcClient({ host, port: 1 });
      const error = await client.connect().then(
        () => expect.fail("it was reached"),
        (failure: GrpcError) => failure,
      );
      expect(whyUnreachable(error)).toBe("connection refused");
      await client.close();
    }
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
  expect(found.length).toBeGreaterThan(0);
  for (const path of found) expect(readFileSync(path, "utf8"), path).toContain("DIRECT_CHANNEL");
});
