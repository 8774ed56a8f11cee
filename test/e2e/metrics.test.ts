/** Metrics of real nodes: they count what happened, and their port ends with the node. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerOf, errorOf } from "./clients.js";
import { Cluster, eventually, freePorts, HOST } from "./harness.js";

let cluster: Cluster;
let ports: readonly number[];
beforeAll(async () => {
  ports = await freePorts(3);
  cluster = await Cluster.start({
    nodes: 3,
    replicas: 3,
    partitions: 16,
    env: (i) => ({ ONAR_METRICS_LISTEN: `${HOST}:${ports[i]}` }),
  });
});
afterAll(() => cluster?.stop());

const textOf = async (i: number): Promise<string> => (await fetch(`http://${HOST}:${ports[i]}/metrics`)).text();

/** The value of a series, its labels in any order; 0 when it is not there. */
function seriesOf(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  for (const line of text.split("\n")) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    if (Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`))) {
      return Number(line.slice(line.lastIndexOf(" ") + 1));
    }
  }
  return 0;
}

describe("metrics", () => {
  test("count calls by method and status", async () => {
    const { kv } = cluster.node(0).clients;
    const key = Buffer.from("counted");
    const before = await textOf(0);
    for (let i = 0; i < 5; i++) await answerOf((o) => kv.put({ key, value: key }, o));
    await errorOf((o) => kv.put({ value: key }, o));
    const after = await textOf(0);
    const grown = (labels: Readonly<Record<string, string>>, name = "grpc_server_handled_total"): number =>
      seriesOf(after, name, labels) - seriesOf(before, name, labels);
    expect(grown({ grpc_method: "Put", grpc_code: "OK", grpc_service: "onar.kv.v1.KeyValueService" })).toBe(5);
    expect(grown({ grpc_method: "Put", grpc_code: "InvalidArgument" })).toBe(1);
    expect(grown({ grpc_method: "Put" }, "grpc_server_started_total")).toBe(6);
    expect(grown({ grpc_method: "Put" }, "grpc_server_handling_seconds_count")).toBe(6);
    expect(grown({ kind: "write" }, "onar_requests_total")).toBe(5);
  });

  test("say who writes, who is heard, and what travels", async () => {
    const texts = await Promise.all([0, 1, 2].map(textOf));
    expect(texts.map((text) => seriesOf(text, "onar_replicas"))).toEqual([16, 16, 16]);
    await eventually("every partition has one writer", 20_000, async () => {
      const now = await Promise.all([0, 1, 2].map(textOf));
      const offices = now.map((text) => seriesOf(text, "onar_offices")).reduce((a, b) => a + b, 0);
      const without = now.map((text) => seriesOf(text, "onar_partitions_without_writer"));
      return offices === 16 && without.every((count) => count === 0) ? true : undefined;
    });
    for (const [i, text] of texts.entries()) {
      for (const other of cluster.nodes) {
        if (other !== cluster.node(i)) expect(seriesOf(text, "onar_peer_heard", { node: String(other.id) })).toBe(1);
      }
      expect(seriesOf(text, "onar_elections_total")).toBeGreaterThanOrEqual(16);
      expect(seriesOf(text, "onar_peer_frames_sent_total")).toBeGreaterThan(0);
      expect(seriesOf(text, "onar_peer_messages_sent_total")).toBe(seriesOf(text, "onar_peer_frame_messages_sum"));
      expect(seriesOf(text, "onar_serving")).toBe(1);
    }
  });

  test("hold no key and no value, and no more series when there are more keys", async () => {
    const { kv } = cluster.node(1).clients;
    const countOf = (text: string): number => text.split("\n").filter((line) => /^(onar|grpc)_/.test(line)).length;
    await answerOf((o) => kv.put({ key: Buffer.from("first"), value: Buffer.alloc(0) }, o));
    const before = countOf(await textOf(1));
    for (let i = 0; i < 30; i++) {
      await answerOf((o) => kv.put({ key: Buffer.from(`secretive-${i}`), value: Buffer.from("secretive") }, o));
    }
    const text = await textOf(1);
    expect(text).not.toContain("secretive");
    expect(countOf(text)).toBe(before);
  });

  test("end with the node, and a dead node is not heard", async () => {
    const gone = cluster.node(2);
    expect(await gone.process.stop()).toBe(0);
    await expect(textOf(2)).rejects.toThrow();
    await eventually("the others do not hear it", 20_000, async () =>
      seriesOf(await textOf(0), "onar_peer_heard", { node: String(gone.id) }) === 0 ? true : undefined,
    );
  });
});
