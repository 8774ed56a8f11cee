/**
 * Clients of nghttp2 at the client port: nghttp, frame by frame, and h2load with many calls at a time. Skipped where
 * they are missing.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PutRequest } from "../../gen/ts/onar/kv/v1/kv.js";
import { type OnarNode, startNode } from "../../src/index.js";
import { run } from "./programs.js";
import { framed } from "./raw.js";

const has = async (tool: string): Promise<boolean> =>
  run(tool, ["--version"]).then(
    ({ code }) => code === 0,
    () => false,
  );
const tools = (await has("nghttp")) && (await has("h2load"));
if (!tools) console.log("skipped: nghttp and h2load are not installed (the package nghttp2-client)");

const PUT = "/onar.kv.v1.KeyValueService/Put";
const HEADERS = ["-H", "content-type: application/grpc", "-H", "te: trailers"];

describe.skipIf(!tools)("the client port", () => {
  let node: OnarNode;
  let folder: string;
  let good: string;
  let bad: string;
  beforeAll(async () => {
    const ports = { listen: "127.0.0.1:0", peerListen: "127.0.0.1:0" };
    node = await startNode({ ...ports, expect: 1, partitions: 16, memory: true });
    await node.serving;
    folder = mkdtempSync(join(tmpdir(), "onar-nghttp2-"));
    good = join(folder, "good");
    bad = join(folder, "bad");
    const put = (key: string) => framed(PutRequest.encode(PutRequest.create({ key: Buffer.from(key) })).finish());
    writeFileSync(good, put("from nghttp2"));
    writeFileSync(bad, put(""));
  });
  afterAll(async () => {
    await node?.close({ drain: false });
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  test("answers nghttp: headers, the message, then trailers with the status", async () => {
    const { stdout } = await run("nghttp", ["-v", ...HEADERS, "-d", good, `http://${node.clientAddress}${PUT}`]);
    const received = [...stdout.matchAll(/recv \(stream_id=\d+\) ([a-z-]+: .*)|recv (DATA|HEADERS) frame/g)];
    const lines = received.map(([, field, frame]) => field ?? frame);
    expect(lines).toEqual(
      expect.arrayContaining([expect.stringMatching(/^content-type: application\/grpc/), "DATA", "grpc-status: 0"]),
    );
    expect(lines.indexOf("grpc-status: 0")).toBeGreaterThan(lines.indexOf("DATA"));
  });

  test("answers a refusal to nghttp by trailers only", async () => {
    const { stdout } = await run("nghttp", ["-v", ...HEADERS, "-d", bad, `http://${node.clientAddress}${PUT}`]);
    expect(stdout).toMatch(/recv \(stream_id=\d+\) grpc-status: 3/);
    expect(stdout).not.toMatch(/recv DATA frame/);
  });

  test("answers h2load all of its calls, on connections that share it", async () => {
    const load = ["-n", "4000", "-c", "8", "-m", "32", ...HEADERS, "-d", good];
    const { code, stdout } = await run("h2load", [...load, `http://${node.clientAddress}${PUT}`]);
    expect(code, stdout).toBe(0);
    expect(stdout).toContain("4000 done, 4000 succeeded, 0 failed, 0 errored, 0 timeout");
    expect(stdout).toContain("status codes: 4000 2xx, 0 3xx, 0 4xx, 0 5xx");
  });
});
