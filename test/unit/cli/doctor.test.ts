import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { StatusResponse } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { type Finding, linesOf, ok, warn } from "../../../src/cli/doctor/finding.js";
import { nodeVersion } from "../../../src/cli/doctor/machine.js";
import { paintOf } from "../../../src/cli/terminal/paint.js";
import { version } from "../../../src/version.js";
import { fakeNode, onar, stopFakeNodes } from "./fake-node.js";

const servers: Server[] = [];
afterEach(() => {
  stopFakeNodes();
  for (const server of servers.splice(0)) server.close();
});

const CLOCK = "onar-clock-ms";

interface Faked {
  readonly id: number;
  readonly cluster?: number;
  readonly version?: string;
  readonly writer?: number;
  readonly heard?: boolean;
  /** Milliseconds that its clock is off. */
  readonly off?: number;
}

const node = ({ id, cluster = 1, version: software = version, writer = 1, heard = true, off = 0 }: Faked) =>
  fakeNode({
    status: async (_, context) => {
      context.header.set(CLOCK, String(Date.now() + off));
      return StatusResponse.fromPartial({
        header: { nodeId: id, viewEpoch: 1n, clusterId: Buffer.alloc(16, cluster) },
        nodes: [{ id, heard: true, softwareVersion: software }, ...(heard ? [] : [{ id: 99, heard: false }])],
        partitions: [{ partition: 0, writerNodeId: writer, ballotRound: 1n, groupEpoch: 1n }],
      });
    },
  });

async function doctor(...args: string[]): Promise<{ readonly code: number; readonly findings: readonly Finding[] }> {
  const ran = await onar(["doctor", "-o", "json", ...args]);
  return { code: ran.code, findings: JSON.parse(ran.out).findings };
}

const about = (findings: readonly Finding[], what: RegExp): Finding | undefined =>
  findings.find(({ text }) => what.test(text));

describe("doctor", () => {
  test("finds nothing wrong where nothing is", async () => {
    const [a, b] = [await node({ id: 1 }), await node({ id: 2 })];
    const { code, findings } = await doctor("--endpoint", `${a.address},${b.address}`);
    expect(code).toBe(0);
    expect(findings.filter(({ verdict }) => verdict === "fail")).toEqual([]);
    // On a busy machine this answer can be slow.
    expect(about(findings, /answers in/)?.verdict).not.toBe("fail");
    for (const what of [/^cluster 0101/, /version .* at every node/, /clocks: .* 2 nodes/, /has a writer/])
      expect(about(findings, what), String(what)).toMatchObject({ verdict: "ok", todo: "" });
  });

  test("prints a line for each finding, and a sum", async () => {
    const a = await node({ id: 1 });
    const ran = await onar(["doctor", "--endpoint", a.address]);
    expect(ran.out).toMatch(/^ok\s+Node\.js \d+/);
    expect(ran.out).toMatch(/\d+ ok, \d+ to look at, 0 to mend\n$/);
  });

  test("an endpoint that was named and does not answer fails; the default one is only worth a look", async () => {
    const named = await doctor("--endpoint", "127.0.0.1:1");
    expect(named.code).toBe(1);
    expect(about(named.findings, /nothing listens at 127\.0\.0\.1:1/)).toMatchObject({ verdict: "fail" });
  });

  test("nodes of different clusters fail", async () => {
    const [a, b] = [await node({ id: 1 }), await node({ id: 2, cluster: 2 })];
    const { code, findings } = await doctor("--endpoint", `${a.address},${b.address}`);
    expect(code).toBe(1);
    expect(about(findings, /are of 2 clusters/)?.text).toContain(b.address);
  });

  test("another version, a clock that is off and a node that is not heard are worth a look", async () => {
    const a = await node({ id: 1, version: "0.0.9", off: 5_000, heard: false });
    const { code, findings } = await doctor("--endpoint", a.address);
    expect(code).toBe(0);
    expect(about(findings, /versions differ: .*0\.0\.9/)).toMatchObject({ verdict: "warn" });
    expect(about(findings, /is [45]\.\d s ahead of this one/)).toMatchObject({ verdict: "warn" });
    expect(about(findings, /1 of 2 nodes are not heard/)).toMatchObject({ verdict: "warn" });
  });

  test("partitions without a writer fail", async () => {
    const a = await node({ id: 1, writer: 0 });
    const { code, findings } = await doctor("--endpoint", a.address);
    expect(code).toBe(1);
    expect(about(findings, /1 of 1 partitions have no writer/)).toMatchObject({ verdict: "fail" });
  });

  test("a port in use fails, unless an Onar node has it; a free one is fine", async () => {
    const a = await node({ id: 1 });
    const taken = createServer((socket) => socket.destroy());
    servers.push(taken);
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { code, findings } = await doctor(
      ...["--endpoint", a.address, "--ports", `127.0.0.1:${port},${a.address},192.0.2.1:9`],
    );
    expect(code).toBe(1);
    expect(about(findings, new RegExp(`port 127.0.0.1:${port} .*in use`))).toMatchObject({ verdict: "fail" });
    expect(about(findings, /has an Onar node, 1/)).toMatchObject({ verdict: "ok" });
    expect(about(findings, /this machine has no such address/)).toMatchObject({ verdict: "fail" });
  });

  test("a directory that was named and cannot be written to fails, and one that can is measured", async () => {
    const a = await node({ id: 1 });
    const bad = await doctor("--endpoint", a.address, "--dir", "/no/such/directory");
    expect(bad.code).toBe(1);
    expect(about(bad.findings, /cannot be written to \(ENOENT\)/)).toMatchObject({ verdict: "fail" });
    const good = await doctor("--endpoint", a.address);
    expect(about(good.findings, /a sync to disk takes \d/)).toBeDefined();
    expect(about(good.findings, /GiB free/)).toBeDefined();
  });

  test("wrong usage is exit code 2", async () => {
    expect(await onar(["doctor", "--ports", "nonsense"])).toMatchObject({
      code: 2,
      error: expect.stringContaining("--ports must be HOST:PORT"),
    });
  });
});

test.each([
  ["18.20.0", "fail"],
  ["20.19.9", "fail"],
  ["20.20.0", "ok"],
  ["23.1.0", "warn"],
  ["24.0.0", "ok"],
])("Node.js %s is %s", (text, verdict) => {
  expect(nodeVersion(text).verdict).toBe(verdict);
});

test("a finding says what to do on a line of its own", () => {
  const plain = paintOf({ terminal: false, env: {} });
  expect(linesOf(ok("fine"), plain, 60)).toBe("ok    fine\n");
  expect(linesOf(warn("slow", "wait"), plain, 60)).toBe("warn  slow\n      → wait\n");
});
