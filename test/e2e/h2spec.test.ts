/**
 * h2spec, the conformance suite of HTTP/2, complete, against the server of src/http2; skipped where Go is missing,
 * which builds it.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { headerList } from "../../src/http2/hpack/header-list.js";
import { Http2Server } from "../../src/http2/socket/server.js";
import { TEST_CERTIFICATE, TEST_KEY } from "../unit/http2/support/tls.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MODULE = join(ROOT, "test/h2spec");
const H2SPEC = join(ROOT, ".cache/bin/h2spec");
/** The parts that the version in test/h2spec/go.mod has: generic, http2 and hpack. */
const CASES = 145;

const hasGo = spawnSync("go", ["version"]).status === 0;
if (!hasGo) {
  if (process.env["CI"] === "true") throw new Error("Go is not installed, which builds h2spec (CI=true)");
  console.log("skipped: Go is not installed, which builds h2spec");
}

const HEAD = headerList([
  [":status", "200"],
  ["content-type", "text/plain"],
]);
const BODY = Buffer.from("a body that is longer than one byte");

function server(tls: boolean): Http2Server {
  return new Http2Server({
    ...(tls ? { tls: { key: TEST_KEY, cert: TEST_CERTIFICATE } } : {}),
    accept: ({ connection }) => ({
      request: () => ({
        headers: () => {},
        data: (stream, _bytes, start, end) => connection.consume(stream, end - start),
        end: (stream) => {
          connection.respond(stream, HEAD, false);
          connection.send(stream, BODY, true);
        },
        drained: () => {},
        closed: () => {},
      }),
      ready: () => {},
      available: () => {},
      draining: () => {},
      closed: () => {},
    }),
  });
}

/** Runs h2spec against the port; resolves to what it printed. */
function h2spec(port: number, ...options: readonly string[]): Promise<string> {
  const args = ["-h", "127.0.0.1", "-p", String(port), "--timeout", "5", ...options];
  const child = spawn(H2SPEC, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  return new Promise((resolve) => child.on("close", () => resolve(output)));
}

describe.skipIf(!hasGo)("h2spec", () => {
  beforeAll(() => {
    mkdirSync(join(ROOT, ".cache/bin"), { recursive: true });
    const args = ["build", "-o", H2SPEC, "github.com/summerwind/h2spec/cmd/h2spec"];
    const built = spawnSync("go", args, { cwd: MODULE, encoding: "utf8", timeout: 300_000 });
    expect(built.status, built.stderr).toBe(0);
  }, 320_000);

  test.each([
    ["plain", false],
    ["TLS", true],
  ] as const)("passes in every case, %s", async (_name, tls) => {
    const served = server(tls);
    const port = await served.listen(0, "127.0.0.1");
    try {
      const output = await h2spec(port, ...(tls ? ["-t", "-k"] : []));
      expect(output).toContain(`${CASES} tests, ${CASES} passed, 0 skipped, 0 failed`);
    } finally {
      await served.close(1);
    }
  });
});
