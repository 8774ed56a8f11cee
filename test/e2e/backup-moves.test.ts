/** Backups and restores of clusters whose partitions move meanwhile (H11): no key is lost, and none is mixed in. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Operation, OperationState } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { OnarClient } from "../../src/client/client.js";
import { BackupDecoder, BackupEncoder } from "../../src/codec/api/backup-file.js";
import { GrowingCluster, idOf, insist, viewOf } from "./growing-cluster.js";
import { Cluster, eventually, type Node } from "./harness.js";
import { Ledger } from "./ledger.js";
import { onar } from "./programs.js";

const LONG_MS = 120_000;
/** Each drain moves every partition once. */
const MOST_DRAINS = 4;
const RESTORED_KEYS = 3_000;

let growing: GrowingCluster;
let others: Cluster[];
beforeEach(() => {
  growing = new GrowingCluster();
  others = [];
});
afterEach(async () => {
  await Promise.all(others.map((cluster) => cluster.stop()));
  await growing.end();
});

const file = (name: string): string => join(growing.data, name);

const isDone = async (at: Node, { id, epoch }: Operation): Promise<boolean> => {
  const { operation } = await at.clients.cluster.getOperation({ operationId: id, epoch });
  return operation?.state === OperationState.DONE;
};

/** Values by key. */
function contentsOf(name: string): ReadonlyMap<string, string> {
  const decoder = new BackupDecoder();
  const found = new Map<string, string>();
  for (const { key, value } of decoder.push(readFileSync(file(name)))) {
    expect(found.has(key.toString()), "a key occurs once").toBe(false);
    found.set(key.toString(), value.toString());
  }
  decoder.finish();
  return found;
}

async function expectHolds(cluster: Cluster, expected: ReadonlyMap<string, string>): Promise<void> {
  await using client = new OnarClient({ endpoints: cluster.addresses });
  await using pipeline = client.pipeline();
  await Promise.all(
    [...expected].map(async ([key, value]) => expect((await pipeline.get(key)).entry?.text()).toBe(value)),
  );
}

describe("a backup", () => {
  test("during drains under load has whatever was acknowledged before, and is restored elsewhere", async () => {
    const three = await growing.start();
    const fourth = await growing.joined("four", three);
    const nodes = [...three.nodes, fourth];
    const at = three.node(0);
    const ledger = new Ledger({ nodes, deadlineMs: 10_000, writersPerNode: 2 });
    const writing = ledger.write();
    await eventually("keys are written", LONG_MS, async () => (ledger.count > 300 ? true : undefined));
    let during = 0;
    let newest = "";
    const backUp = async (name: string): Promise<void> => {
      const acknowledged = ledger.all().slice();
      const { epoch } = await viewOf(at);
      const ran = await onar(["backup", file(name), "--endpoint", at.address], { timeoutMs: LONG_MS });
      expect(ran, ran.stderr).toMatchObject({ code: 0 });
      const { epoch: after } = await viewOf(at);
      if (after > epoch) during++;
      const found = contentsOf(name);
      expect(acknowledged.filter((key) => found.get(key) !== key)).toEqual([]);
      newest = name;
    };
    for (let i = 0; i < MOST_DRAINS && during === 0; i++) {
      const nodeId = await idOf(nodes[2 + (i % 2)] as Node);
      const operation = await insist(at, (named) => at.clients.cluster.drain({ ...named, nodeId }));
      let done = false;
      for (let n = 0; !done; n++) {
        await backUp(`drain-${i}-${n}`);
        done = await isDone(at, operation);
      }
    }
    await writing.stop();
    expect(during, "backups while the view changed").toBeGreaterThan(0);
    console.log(`backups while views changed: ${during}; keys in the last: ${contentsOf(newest).size}`);
    const other = await Cluster.start({ nodes: 1, replicas: 1, partitions: 4 });
    others.push(other);
    const restored = await onar(["restore", file(newest), "--endpoint", other.addresses.join(",")], {
      timeoutMs: LONG_MS,
    });
    expect(restored, restored.stderr).toMatchObject({ code: 0 });
    await expectHolds(other, contentsOf(newest));
  }, 300_000);
});

/** A backup of a cluster that never was. */
function invent(name: string): void {
  const encoder = new BackupEncoder();
  const header = { backupId: randomBytes(16), clusterId: randomBytes(16), viewEpoch: 1n, partitionCount: 4 };
  const parts = [encoder.header({ ...header, format: 1, startedMs: 0n, softwareVersion: "0" })];
  for (let i = 0; i < RESTORED_KEYS; i++) {
    parts.push(encoder.entry({ key: Buffer.from(`key-${i}`), value: Buffer.from(`value of ${i}`), version: 1n }));
  }
  writeFileSync(file(name), Buffer.concat([...parts, encoder.end(5n, 0n)]));
}

describe("a restore", () => {
  test("goes on while a node is drained, and every key is there", async () => {
    const three = await growing.start();
    await growing.joined("four", three);
    invent("invented");
    const at = three.node(0);
    const endpoints = three.addresses.join(",");
    const restoring = onar(["restore", file("invented"), "--endpoint", endpoints], { timeoutMs: LONG_MS });
    await eventually("the restore has begun", LONG_MS, async () => {
      const { entry } = await at.clients.kv.get({ key: Buffer.from("\0onar/restore") });
      return entry;
    });
    const nodeId = await idOf(three.node(2));
    const operation = await insist(at, (named) => at.clients.cluster.drain({ ...named, nodeId }));
    const restored = await restoring;
    expect(restored, restored.stderr).toMatchObject({ code: 0 });
    await eventually("the drain is done", LONG_MS, async () => ((await isDone(at, operation)) ? true : undefined));
    await expectHolds(three, contentsOf("invented"));
  }, 300_000);
});
