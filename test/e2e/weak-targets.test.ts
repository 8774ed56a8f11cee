/**
 * Moves to a node that is slow, or whose disk fills up meanwhile, in clusters of real processes under load. Clients go
 * on, the move waits, and ends once the node can take it.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Operation, OperationState } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { GrowingCluster, idOf, insist, viewOf, WITHIN_MS } from "./growing-cluster.js";
import { type Cluster, eventually, HOST, type Node } from "./harness.js";
import { Recorder } from "./recorder.js";
import { expectLinearizable, Workload } from "./workload.js";

const MIB = 1_024 * 1_024;
/** On a machine that does much else. */
const MOVED_WITHIN_MS = 120_000;
const LARGE = 24;
const CONTENDED = ["alpha", "beta", "gamma", "counter-a"];
/** So many operations more are answered while the target cannot go on. */
const MEANWHILE = 40;

const runs = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;
const root = mkdtempSync(join(tmpdir(), "onar-weak-"));
const disk = join(root, "disk");
mkdirSync(disk);
const mountSmall = (): boolean => runs("mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", disk);
const canMount = mountSmall() && runs("umount", disk);
const why = canMount ? "" : " (skipped: this machine does not let us mount a file system in memory)";

let growing: GrowingCluster;
let load: Workload | null = null;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(async () => {
  const loaded = load?.stop();
  await growing.end();
  await loaded;
  load = null;
  runs("umount", disk);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const large = (i: number): { readonly key: Buffer; readonly value: Buffer } => ({
  key: Buffer.from(`large ${i}`),
  value: Buffer.alloc(512 * 1_024, i),
});

async function expectAll(at: Node): Promise<void> {
  for (let i = 0; i < LARGE; i++) {
    const { key, value } = large(i);
    const { entry } = await eventually(`large ${i} is read`, WITHIN_MS, () =>
      at.clients.kv.get({ key }).catch(() => undefined),
    );
    expect(entry?.value?.equals(value), `large ${i}`).toBe(true);
  }
}

/** Operations that are answered from now on. */
async function answeredMeanwhile({ operations }: Recorder): Promise<void> {
  const answered = (): number => operations.filter(({ outcome }) => outcome.status === "done").length;
  const before = answered();
  await eventually("clients go on", MOVED_WITHIN_MS, () => (answered() >= before + MEANWHILE ? true : undefined));
}

/**
 * Three nodes with large values under load; a fourth, slow in what it fetches, is about to get the third one's share.
 */
async function moving(more: readonly string[]): Promise<{
  readonly three: Cluster;
  readonly target: Node;
  readonly recorder: Recorder;
  readonly state: () => Promise<OperationState | undefined>;
}> {
  const three = await growing.start();
  const at = three.node(0);
  for (let i = 0; i < LARGE; i++) await at.clients.kv.put(large(i));
  const target = await growing.newcomer("target", {
    contacts: [`${HOST}:${three.node(1).process.peerPort}`],
    secretFile: three.secretFile,
    more: ["--no-rebalance", "--transfer-rate", "1", ...more],
    disk: null,
  });
  await target.process.said("ready", WITHIN_MS);
  const recorder = new Recorder();
  const nodes = [...three.nodes];
  load = new Workload({
    ...{ recorder, nodes, moveOn: true, keys: CONTENDED, workersPerNode: 1, deadlineMs: 5_000, thinkMs: 40 },
  });
  const nodeId = await idOf(three.node(2));
  const byNodeId = await idOf(target);
  const { id, epoch }: Operation = await insist(at, (named) =>
    at.clients.cluster.replace({ ...named, nodeId, byNodeId }),
  );
  await eventually("replicas are on their way", WITHIN_MS, async () =>
    (await viewOf(at)).partitions.some(
      ({ replicas, previous }) => previous !== undefined && replicas.includes(byNodeId),
    )
      ? true
      : undefined,
  );
  const state = async () =>
    (await at.clients.cluster.getOperation({ operationId: id, epoch }).catch(() => undefined))?.operation?.state;
  return { three, target, recorder, state };
}

async function ends(
  { three, target, recorder, state }: Awaited<ReturnType<typeof moving>>,
  name: string,
): Promise<void> {
  await eventually("the move ends", MOVED_WITHIN_MS, async () =>
    (await state()) === OperationState.DONE ? true : undefined,
  );
  await load?.stop();
  expectLinearizable(recorder, name);
  await expectAll(three.node(0));
  // Its copies count: it serves with one of the two others alone.
  await three.node(0).process.kill();
  await expectAll(target);
}

describe.skipIf(!canMount)(`a disk that fills up${why}`, () => {
  test("while its node fetches replicas holds the move up, and nobody else; the move ends once there is room", async () => {
    expect(mountSmall()).toBe(true);
    const move = await moving(["--data", join(disk, "target"), "--storage-memory", "16"]);
    const { target, recorder, state } = move;
    const others = join(disk, "others");
    const fill = (): void => {
      const { bavail, bsize } = statfsSync(disk);
      if (bavail * bsize > MIB) writeFileSync(others, Buffer.alloc(bavail * bsize - MIB / 2, 1), { flag: "a" });
    };
    await eventually("the disk is full", WITHIN_MS, () => {
      fill();
      return target.process.lines.some((line) => line.includes("the disk is full")) ? true : undefined;
    });
    await answeredMeanwhile(recorder);
    expect(await state()).toBe(OperationState.PENDING);
    expect(target.process.ended).toBe(null);
    rmSync(others);
    await ends(move, "full target");
  }, 400_000);
});

describe("a node that is slow", () => {
  test("at fetching replicas holds the move up, and nobody else", async () => {
    const move = await moving(["--data", join(growing.data, "target")]);
    const { target, recorder } = move;
    let slow = true;
    const turns = (async () => {
      while (slow) {
        target.process.pause();
        await sleep(180);
        target.process.resume();
        await sleep(20);
      }
    })();
    try {
      await answeredMeanwhile(recorder);
      expect(await move.state()).toBe(OperationState.PENDING);
    } finally {
      slow = false;
      await turns;
    }
    await ends(move, "slow target");
  }, 400_000);
});
