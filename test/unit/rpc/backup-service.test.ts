/** The calls of backups and restores at a node: what nobody may ask of a cluster that is to go on. */
import { type Channel, createChannel, createClient } from "nice-grpc";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BackupServiceDefinition } from "../../../gen/ts/onar/backup/v1/backup.js";
import { ERA } from "../../../src/core/model/ids.js";
import { startTestCluster, type TestCluster } from "../../../src/testing/cluster.js";
import { errorOf } from "../../e2e/clients.js";

let cluster: TestCluster;
let channel: Channel;
beforeAll(async () => {
  cluster = await startTestCluster({ nodes: 1, partitions: 2 });
  channel = createChannel(cluster.endpoints[0] ?? "");
});
afterAll(async () => {
  channel?.close();
  await cluster?.close();
});

const raise = (above: number) =>
  createClient(BackupServiceDefinition, channel).raiseRevisions({ above: BigInt(above) });
const refused = async (above: number) => errorOf(() => raise(above));

test("revisions are raised by an era at a time, never to where none are left", async () => {
  for (const above of [2 ** 52, 2 ** 52 + 2, ERA + 1]) {
    const { status, message } = await refused(above);
    expect([status, message]).toEqual(["INVALID_ARGUMENT", expect.stringContaining("above must be at most")]);
  }
  expect((await raise(ERA)).raised).toEqual([0, 1]);
  // Done again it does no harm.
  expect((await raise(ERA)).raised).toEqual([0, 1]);
  expect((await refused(2 * ERA + 1)).message).toContain(`at most ${2 * ERA} for partition 0`);
  expect((await raise(2 * ERA)).raised).toEqual([0, 1]);
  await cluster.client().put("still", "served");
});
