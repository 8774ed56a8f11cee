/** A node started from a file, the environment and flags: which counts, and the limits that they set. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerOf, errorOf, NodeClients } from "./clients.js";
import { buildIfStale, freePorts, HOST, NodeProcess, startArgs } from "./harness.js";
import { onar } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "onar-config-"));
beforeAll(() => buildIfStale());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(lines: readonly string[]): string {
  const path = join(folder, "onar.yaml");
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

describe("a node", () => {
  test("takes its settings from flags, then the environment, then a file; limits are among them", async () => {
    const [port, peerPort, other] = (await freePorts(3)) as [number, number, number];
    const path = file([
      `listen: ${HOST}:${other}`,
      `peer-listen: ${HOST}:${peerPort}`,
      "expect: 1",
      "memory: true",
      "partitions: 4",
      "zone: from-file",
      "max-key-bytes: 8",
      "max-value-bytes: 16",
    ]);
    const env = { ONAR_CONFIG: path, ONAR_ZONE: "from-env" };
    const node = new NodeProcess(port, peerPort, ["--listen", `${HOST}:${port}`], env);
    const clients = new NodeClients(node.address);
    try {
      await node.said("ready", 30_000);
      const status = await answerOf((o) => clients.cluster.status({}, o));
      expect(status.nodes).toMatchObject([{ zone: "from-env", clientAddress: `${HOST}:${port}` }]);
      expect(status.partitions).toHaveLength(4);
      const [short, long] = [Buffer.alloc(8, 1), Buffer.alloc(9, 1)];
      await answerOf((o) => clients.kv.put({ key: short, value: Buffer.alloc(16) }, o));
      expect(await errorOf((o) => clients.kv.put({ key: long, value: short }, o))).toMatchObject({
        info: { reason: "KEY_TOO_LONG", metadata: { bound: "8", value: "9" } },
      });
      expect(await errorOf((o) => clients.kv.put({ key: short, value: Buffer.alloc(17) }, o))).toMatchObject({
        info: { reason: "VALUE_TOO_LONG", metadata: { bound: "16", value: "17" } },
      });
    } finally {
      clients.close();
      await node.kill();
    }
  });

  test("that says another number of partitions than the view starts, and says which counts", async () => {
    const [port, peerPort] = (await freePorts(2)) as [number, number];
    const args = (more: readonly string[]): string[] =>
      startArgs(port, peerPort, `${HOST}:${peerPort}`, 1, ["--data", join(folder, "fixed"), ...more]);
    const founder = new NodeProcess(port, peerPort, args(["--partitions", "4"]));
    await founder.said("ready", 30_000);
    await founder.stop();
    const other = new NodeProcess(port, peerPort, args(["--partitions", "8"]));
    await other.said("--partitions is 8, and the view of the cluster says 4: the view counts", 30_000);
    await other.said("ready", 30_000);
    expect(await other.stop()).toBe(0);
    const again = new NodeProcess(port, peerPort, args([]));
    await again.said("ready", 30_000);
    expect(await again.stop()).toBe(0);
  });

  test("with a broken file is not started: the line, the name and what was meant, exit code 2", async () => {
    const path = file(["listen: here", "peer-listn: there"]);
    const ran = await onar(["start", "--config", path]);
    expect(ran).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: ${path} line 1: listen must be HOST:PORT, for example 127.0.0.1:4600; it is "here"; 1 more: onar config check ${path}\n`,
    });
    const check = await onar(["config", "check", path]);
    expect(check).toMatchObject({ code: 2, stdout: "" });
    expect(check.stderr.split("\n")[1]).toBe(
      `error: ${path} line 2: there is no setting "peer-listn"; did you mean peer-listen?`,
    );
  });

  test("that cannot serve metrics at the port that was named ends with 1 and names the setting", async () => {
    const [port, peerPort] = (await freePorts(2)) as [number, number];
    const args = ["start", "--listen", `${HOST}:${port}`, "--peer-listen", `${HOST}:${peerPort}`, "--expect", "1"];
    const ran = await onar([...args, "--memory", "--metrics-listen", "192.0.2.1:9"]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("--metrics-listen: cannot listen at 192.0.2.1:9: this machine has no such address");
  });
});
