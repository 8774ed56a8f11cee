/**
 * gRPC's official interoperability cases between src/grpc and grpc-go, the C core by Python, and grpc-js, both ways.
 * Where Go or Python is missing, their part is skipped.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SERVER_TIMING, type Timing } from "../../src/http2/connection/limits.js";
import type { Caller } from "../interop/caller.js";
import { type Abilities, CASES, soak } from "../interop/cases.js";
import { grpcJsCaller, grpcJsServer } from "../interop/grpc-js.js";
import { ourCaller } from "../interop/our-caller.js";
import { type Language, missing, type RunningServer, runProgram, setUp, startServer } from "../interop/programs.js";
import { serveTestService, type TestService } from "../interop/service.js";
import { TEST_CERTIFICATE, TEST_KEY } from "../unit/http2/support/tls.js";

const NAMES = Object.keys(CASES);
const KEYS = { key: TEST_KEY, cert: TEST_CERTIFICATE };
const SETUP_MS = 320_000;
/** Ten connections a second are drained under the calls. */
const AGING: Timing = { ...SERVER_TIMING, keepalive: { ...SERVER_TIMING.keepalive, maxConnectionAgeMs: 100 } };
/** At least so many were: a busy machine takes its time. */
const SOME_CONNECTIONS = 4;
/** The two large messages of server_compressed_unary, of which one is not compressed, and no more. */
const COMPRESSED_ONCE_BYTES = 400_000;

let folder = "";
let plain: TestService;
let secure: TestService;
let aging: TestService;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "onar-interop-"));
  writeFileSync(join(folder, "ca.pem"), TEST_CERTIFICATE);
  plain = await serveTestService();
  secure = await serveTestService({ tls: KEYS });
  aging = await serveTestService({ timing: AGING });
});
afterAll(async () => {
  await Promise.all([plain.close(), secure.close(), aging.close()]);
  rmSync(folder, { recursive: true, force: true });
});

const run = (name: string, caller: Caller, abilities: Abilities): Promise<void> =>
  CASES[name]?.(caller, abilities) ?? expect.unreachable(`no case ${name}`);

const ALL: Abilities = { seesCompression: true, compresses: true };

/** Calls go on while connections are drained, over and over. */
async function losesNothing(calls: () => Promise<void>): Promise<void> {
  const before = aging.accepted;
  await calls();
  expect(aging.accepted - before).toBeGreaterThanOrEqual(SOME_CONNECTIONS);
}

describe("our client and our server", () => {
  test("draining loses no call, in flight or on its way", async () => {
    const caller = ourCaller(aging.port);
    await losesNothing(() => soak(caller));
    await caller.close();
  });

  test.each(NAMES)("%s", async (name) => {
    for (const [service, tls] of [
      [plain, undefined],
      [secure, { ca: TEST_CERTIFICATE }],
    ] as const) {
      const caller = ourCaller(service.port, tls);
      await run(name, caller, ALL);
      await caller.close();
    }
  });
});

describe("grpc-js", () => {
  test("draining loses none of its client's calls", async () => {
    const caller = grpcJsCaller(aging.port);
    await losesNothing(() => soak(caller));
    await caller.close();
  });

  test.each(NAMES)("its client and our server: %s", async (name) => {
    const caller = grpcJsCaller(plain.port);
    await run(name, caller, ALL);
    await caller.close();
  });

  test.each(NAMES)("our client and its server: %s", async (name) => {
    const server = await grpcJsServer();
    const caller = ourCaller(server.port);
    await run(name, caller, { seesCompression: false, compresses: false });
    await caller.close();
    server.close();
  });
});

function other(name: string, language: Language, abilities: Abilities): void {
  const why = missing(language);
  if (why !== "") console.log(`${name}: ${why}`);
  describe.skipIf(why !== "")(name, () => {
    let server: RunningServer;
    beforeAll(async () => {
      setUp(language);
      server = await startServer(language);
    }, SETUP_MS);
    afterAll(() => server?.close());

    test.each(NAMES)("its client and our server: %s", async (one) => {
      const before = plain.accepted;
      const { said, code } = await runProgram(language, "client", `127.0.0.1:${plain.port}`, one);
      expect({ said, code }).toEqual({ said: expect.stringContaining("passed"), code: 0 });
      // A server hears of the end of a connection a little later.
      await expect.poll(() => plain.openAfter(before), { timeout: 20_000 }).toEqual([]);
      if (one === "server_compressed_unary") expect(plain.sentBytesAfter(before)).toBeLessThan(COMPRESSED_ONCE_BYTES);
    });

    test("draining loses none of its client's calls", async () => {
      await losesNothing(async () => {
        const { said, code } = await runProgram(language, "client", `127.0.0.1:${aging.port}`, "rpc_soak");
        expect({ said, code }).toEqual({ said: expect.stringContaining("passed"), code: 0 });
      });
    });

    test.each(NAMES)("our client and its server: %s", async (one) => {
      const caller = ourCaller(server.port);
      await run(one, caller, abilities);
      await caller.close();
    });

    if (language !== "go") return;
    test.each(NAMES)("its client and our server, TLS: %s", async (one) => {
      const args = ["client", "-ca", join(folder, "ca.pem"), `127.0.0.1:${secure.port}`, one];
      const { said, code } = await runProgram(language, ...args);
      expect({ said, code }).toEqual({ said: expect.stringContaining("passed"), code: 0 });
    });
  });
}

other("grpc-go", "go", ALL);
other("the C core", "python", { seesCompression: false, compresses: true });
