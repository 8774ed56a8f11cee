/** A few of the kills of `make restarts`, and what clients notice of a node that comes back. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { buildIfStale, Cluster, eventually, type Node } from "../e2e/harness.js";
import { Recorder } from "../e2e/recorder.js";
import { errorsOf, expectLinearizable, Workload } from "../e2e/workload.js";
import { runRestarts } from "./restarts.js";

const SEED = 3;
const ROUNDS = 4;
const PARTITIONS = 16;
const folder = mkdtempSync(join(tmpdir(), "onar-offices-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("nodes killed under load, all at once and one by one, also while they recover, lose nothing, and the history is linearizable", async () => {
  buildIfStale();
  const lines: string[] = [];
  const { problems, summary } = await runRestarts({ seed: SEED, rounds: ROUNDS, say: (line) => lines.push(line) });
  console.log([...lines, summary].join("\n"));
  expect(problems).toEqual([]);
}, 120_000);

test("a node that was killed and came back gets its offices back by handing over, without a failed request", async () => {
  const cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: PARTITIONS, data: folder });
  try {
    const victim = cluster.node(1);
    const before = await officesOf(victim);
    expect(before.size).toBeGreaterThan(0);
    await victim.process.kill();
    await eventually("the others have its offices", 20_000, async () => {
      const others = cluster.nodes.filter((node) => node !== victim);
      const written = await Promise.all(others.map(officesOf));
      return written.reduce((sum, offices) => sum + offices.size, 0) === PARTITIONS ? true : undefined;
    });
    victim.restart();
    await cluster.ready();
    const recorder = new Recorder();
    const keys = Array.from({ length: 24 }, (_, i) => `${i % 3 === 0 ? "counter" : "key"}-${i}`);
    const common = { recorder, nodes: cluster.nodes, keys, workersPerNode: 3, deadlineMs: 10_000, thinkMs: 10 };
    const load = new Workload(common);
    try {
      await eventually("it has its offices back", 60_000, async () => {
        const offices = await officesOf(victim);
        return [...before].every((partition) => offices.has(partition)) ? true : undefined;
      });
    } finally {
      await load.stop();
    }
    expect(errorsOf(recorder.operations)).toEqual([]);
    // Not that it was over before anybody asked.
    expect(recorder.operations.length).toBeGreaterThan(100);
    expectLinearizable(recorder, "offices-back");
  } finally {
    await cluster.stop();
  }
}, 120_000);

/** The partitions that a node says it is the writer of. */
async function officesOf(node: Node): Promise<ReadonlySet<number>> {
  const { header, partitions } = await node.clients.cluster.status({});
  return new Set(partitions.flatMap((one) => (one.writerNodeId === header?.nodeId ? [one.partition] : [])));
}
