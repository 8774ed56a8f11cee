/**
 * Fuzzing of a real node's peer port over the wire: by a member that has gone mad, with the secret, and by strangers.
 * The node goes on, its event loop is not held, and its log does not grow with what they send. It serves: all along
 * beside strangers, afterwards beside the member. SEED=… begins elsewhere, FUZZ_SECONDS=… goes on for longer;
 * test/fuzz/peer fuzzes what lies behind.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MadPeer, type MadPeerOptions } from "../../bench/attacks/mad-peer.js";
import { Prng } from "../../src/base/prng.js";
import { nodeId } from "../../src/core/model/ids.js";
import type { Member } from "../../src/core/view/view.js";
import { CONNECT_PATH, FOUND_PATH } from "../../src/rpc/peers/peer-service.js";
import { prefixOf } from "../../src/wire/grpc-frames.js";
import { corpusOf } from "../fuzz/founding/corpus.js";
import { CORPUS, GREETINGS } from "../fuzz/peer/corpus.js";
import { mutate } from "../fuzz/peer/mutate.js";
import { answerOf } from "./clients.js";
import { Cluster, eventually, HOST, type Node } from "./harness.js";

const SEED = Number(process.env["SEED"] ?? "1");
/** Beside each of the two: the member that has gone mad, and strangers. */
const FUZZ_MS = Number(process.env["FUZZ_SECONDS"] ?? (process.env["CI"] === "true" ? "15" : "5")) * 1_000;
/** Far beyond what a turn takes on a busy machine, below what a decoder that loops over a length takes. */
const HELD_MS = 6_000;
/** Lines that a mad peer and strangers may cost in all. */
const LINES = 120 + FUZZ_MS / 500;
const FRAMES = [...CORPUS, ...GREETINGS].map(({ bytes }) => bytes);
const FOUNDERS = [10, 11, 12].map((id) => ({
  id: nodeId(id),
  clientAddress: `${HOST}:46${id}`,
  peerAddress: `${HOST}:47${id}`,
  zone: "",
}));
const FOUNDING = corpusOf(
  FOUNDERS[0] as Member,
  FOUNDERS,
  FOUNDERS.map(({ peerAddress }) => peerAddress),
).requests;

let cluster: Cluster;
let node: Node;
let mad: Node;
let as: MadPeerOptions;
let lines = 0;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "onar-fuzz-"));
  cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 16, data: folder });
  const [first, , last] = [...cluster.nodes].sort((a, b) => a.id - b.id);
  if (first === undefined || last === undefined) throw new Error("three nodes");
  [mad, node] = [first, last];
  const { header, digest } = await answerOf((o) => node.clients.cluster.getView({}, o));
  as = {
    secret: Buffer.from(readFileSync(cluster.secretFile, "utf8").trim()),
    self: { id: mad.id, peerAddress: `${HOST}:${mad.process.peerPort}` },
    target: { id: node.id, peerAddress: `${HOST}:${node.process.peerPort}` },
    clusterId: header?.clusterId ?? Buffer.alloc(0),
    viewEpoch: 1,
    viewDigest: digest,
  };
  await mad.process.kill();
  for (const stream of [node.process.child.stdout, node.process.child.stderr]) {
    stream?.on("data", (bytes: Buffer) => {
      lines += bytes.toString("latin1").split("\n").length - 1;
    });
  }
});
afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A write and a read of an honest client at the node. */
async function served(name: string): Promise<void> {
  const { kv } = node.clients;
  const key = Buffer.from(name);
  await answerOf((o) => kv.put({ key, value: key, requestId: randomBytes(16) }, o));
  expect((await answerOf((o) => kv.get({ key }, o))).entry?.value).toEqual(key);
}

/**
 * Asks the node for what it answers by itself, until told to stop; the longest that it took is how long its loop was
 * held.
 */
async function asked(until: { over: boolean }): Promise<number> {
  let longestMs = 0;
  while (!until.over) {
    const began = performance.now();
    await answerOf((o) => node.clients.cluster.getView({}, o));
    longestMs = Math.max(longestMs, performance.now() - began);
    await sleep(10);
  }
  return longestMs;
}

/** Writes and reads until told to stop; how many went well. A member that lies may depose writers: `mayFail`. */
async function honest(until: { over: boolean }, mayFail: boolean): Promise<number> {
  let count = 0;
  for (let i = 0; !until.over; i++) {
    try {
      await served(`honest ${SEED} ${i}`);
      count++;
    } catch (error) {
      if (!mayFail) throw error;
    }
    await sleep(5);
  }
  return count;
}

async function duringFuzz(
  mayFail: boolean,
  fuzz: (chance: Prng, over: () => boolean) => Promise<number>,
): Promise<void> {
  lines = 0;
  const until = { over: false };
  const watched = Promise.all([asked(until), honest(until, mayFail)]);
  // It is looked at when the fuzzing is over.
  watched.catch(() => {});
  const end = performance.now() + FUZZ_MS;
  try {
    const sent = await fuzz(new Prng(SEED), () => performance.now() >= end || node.process.ended !== null);
    expect(sent).toBeGreaterThan(20);
  } finally {
    until.over = true;
  }
  expect(node.process.ended, node.process.tail()).toBeNull();
  const [longestMs, count] = await watched;
  if (!mayFail) expect(count).toBeGreaterThan(5);
  expect(longestMs).toBeLessThan(HELD_MS);
  expect(lines).toBeLessThan(LINES);
  await eventually("the node serves", 60_000, async () => {
    await served(`after ${SEED} ${performance.now()}`);
    return true;
  });
}

describe(`SEED=${SEED}: a node goes on`, { timeout: FUZZ_MS + 120_000 }, () => {
  test("while a member that has gone mad talks to it", async () => {
    let last: Buffer = Buffer.alloc(0);
    try {
      await duringFuzz(true, async (chance, over) => {
        let sent = 0;
        while (!over()) {
          const peer = await MadPeer.connect(as).catch(() => null);
          if (peer === null) {
            await sleep(50);
            continue;
          }
          while (!over() && !peer.ended) {
            last = mutate(chance.pick(FRAMES), chance.chance(0.5) ? peer.heard : FRAMES, chance);
            await peer.send(last);
            sent++;
            if (chance.chance(0.1)) await sleep(1);
          }
          peer.close();
        }
        return sent;
      });
    } catch (error) {
      throw new Error(`the last frame was ${last.toString("hex").slice(0, 20_000)}`, { cause: error });
    }
  });

  test("while strangers talk to it", async () => {
    await duringFuzz(false, async (chance, over) => {
      let sent = 0;
      while (!over()) {
        await strange(chance);
        sent++;
      }
      return sent;
    });
  });

  test("and lets the member in again when it is itself, and starts again from its own disk", async () => {
    mad.restart();
    const heard = () =>
      eventually("the member is heard", 20_000, async () => {
        const { nodes } = await answerOf((o) => node.clients.cluster.status({}, o));
        return nodes.length === 3 && nodes.every((one) => one.heard) ? true : undefined;
      });
    await heard();
    await node.process.kill();
    node.restart();
    await node.process.said("ready");
    await heard();
    await eventually("the node serves", 60_000, async () => {
      await served("at last");
      return true;
    });
  });
});

/**
 * One connection of a stranger: bytes that are no HTTP/2, a stream of frames before it has proved anything, or a call
 * of founding.
 */
function strange(chance: Prng): Promise<void> {
  const [host = HOST, port = "0"] = as.target.peerAddress.split(":");
  return new Promise((resolve) => {
    const timer = setTimeout(() => end(), 100 + chance.below(400));
    const end = (): void => {
      clearTimeout(timer);
      session?.destroy();
      socket?.destroy();
      resolve();
    };
    const raw = chance.chance(0.2);
    const socket = raw ? connectSocket(Number(port), host) : null;
    const session = raw ? null : connectHttp2(`http://${host}:${port}`);
    socket?.on("error", end).on("close", end);
    session?.on("error", end).on("close", end);
    if (socket !== null) {
      if (chance.chance(0.5)) socket.write(Buffer.from(randomBytes(chance.below(5_000))));
      return;
    }
    const founding = chance.chance(0.3);
    const path = founding ? FOUND_PATH : CONNECT_PATH;
    const stream = session?.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      // As somebody who has no secret makes them up.
      ...(founding && chance.chance(0.5) ? madeUpProof(chance) : {}),
    });
    stream?.on("error", end).on("close", end);
    stream?.resume();
    for (let i = 1 + chance.below(4); i > 0; i--) {
      const seed = founding ? chance.pick(FOUNDING) : chance.pick(chance.chance(0.7) ? GREETINGS : CORPUS).bytes;
      const frame = mutate(seed, founding ? FOUNDING : FRAMES, chance);
      const length = chance.chance(0.1) ? chance.pick([0xffff_ffff, 20_000_000, 0]) : frame.length;
      stream?.write(Buffer.concat([prefixOf(length), frame]));
    }
    if (chance.chance(0.5)) stream?.end();
  });
}

const madeUpProof = (chance: Prng): Record<string, string> =>
  Object.fromEntries(
    ["challenge", "nonce", "proof"].map((name) => [
      `onar-${name}-bin`,
      randomBytes(chance.pick([1, 32, 54, 300])).toString("base64"),
    ]),
  );
