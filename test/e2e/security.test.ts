/** The cluster secret with real processes: who gets in, who does not, and what operators are told. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { makeSecretFile } from "../../src/config/secret-file.js";
import { buildIfStale, Cluster, freePorts, HOST, NodeProcess, startArgs } from "./harness.js";

let folder = "";
const processes: NodeProcess[] = [];
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.kill()));
  rmSync(folder, { recursive: true, force: true });
});

async function ports(count: number): Promise<number[]> {
  buildIfStale();
  folder = mkdtempSync(join(tmpdir(), "onar-security-"));
  return freePorts(count);
}

function start(port: number, peerPort: number, peers: string, expected: number, ...more: string[]): NodeProcess {
  const one = new NodeProcess(port, peerPort, [...startArgs(port, peerPort, peers, expected), ...more]);
  processes.push(one);
  return one;
}

test("nodes with different secrets found nothing, and each says why it waits", async () => {
  const [a = 0, b = 0, c = 0, d = 0] = await ports(4);
  const [one, two] = [join(folder, "one"), join(folder, "two")];
  makeSecretFile(one);
  makeSecretFile(two);
  const peers = `${HOST}:${c},${HOST}:${d}`;
  const first = start(a, c, peers, 2, "--cluster-secret-file", one);
  const second = start(b, d, peers, 2, "--cluster-secret-file", two);
  await first.said("has another cluster secret");
  await second.said("refused a connection from 127.0.0.1");
  await second.kill();
  const third = start(b, d, peers, 2);
  await third.said("has a cluster secret, and this node has none");
  await first.said("has no cluster secret");
});

test("a node listens on other than loopback only with a secret, or when it is told that this is meant", async () => {
  const [a = 0, b = 0] = await ports(2);
  const open = ["--peer-listen", `0.0.0.0:${b}`, "--peer-advertise", `${HOST}:${b}`];
  const refused = start(a, b, `${HOST}:${b}`, 1, ...open);
  const line = await refused.said("other machines can reach");
  expect(line).toContain("--peer-listen is 0.0.0.0");
  expect(line).toContain("--insecure");
  expect(await refused.end).toBe(2);
  const file = join(folder, "secret");
  writeFileSync(file, "s".repeat(40), { mode: 0o644 });
  const readable = start(a, b, `${HOST}:${b}`, 1, ...open, "--cluster-secret-file", file);
  await readable.said("chmod 600");
  expect(await readable.end).toBe(1);
});

test("a cluster on this machine has a secret that only its owner can read, and serves with it", async () => {
  const cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 16 });
  try {
    expect(statSync(cluster.secretFile).mode & 0o777).toBe(0o600);
  } finally {
    await cluster.stop();
  }
});
