/**
 * Two nodes, one served by our own transport and one by grpc-js, get the same random calls: outcomes, statuses, details
 * and trailers are the same. `SEED=1 RUNS=1000 npx vitest run test/fuzz/lockstep` goes on for longer. A failure names
 * its seed.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type OnarNode, startNode } from "../../../src/index.js";
import { RawClient } from "../../e2e/raw.js";
import { anyCall, type Call, LIMITS } from "./calls.js";
import { run } from "./run.js";

const SEED = Number(process.env["SEED"] ?? 1);
/** Sequences of 10 to 40 calls, a seed each. */
const RUNS = Number(process.env["RUNS"] ?? 40);
/** One takes a fifth of a second when nothing is wrong. */
const RUN_MS = 5_000;

const nodes: OnarNode[] = [];
let clients: readonly RawClient[] = [];

beforeAll(async () => {
  for (const transport of ["lean", "grpc-js"] as const) {
    const ports = { listen: "127.0.0.1:0", peerListen: "127.0.0.1:0" };
    const node = await startNode({ ...ports, ...LIMITS, transport, expect: 1, partitions: 2, memory: true });
    nodes.push(node);
    await node.serving;
  }
  clients = await Promise.all(nodes.map((node) => RawClient.open(node.clientAddress)));
}, 60_000);
afterAll(async () => {
  for (const client of clients) client.close();
  await Promise.all(nodes.map((node) => node.close({ drain: false })));
});

test("two transports answer random calls alike", { timeout: 60_000 + RUNS * RUN_MS }, async () => {
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    for (const [i, call] of sequence(seed).entries()) {
      const [ours, theirs] = await Promise.all(clients.map((client) => run(client, call)));
      expect(ours, `call ${i} of seed ${seed}: ${inWords(call)}`).toEqual(theirs);
    }
  }
});

function sequence(seed: number): readonly Call[] {
  const [calls = []] = fc.sample(fc.array(anyCall, { minLength: 10, maxLength: 40 }), { seed, numRuns: 1 });
  return calls;
}

function inWords({ path, headers, body, cancelAfter }: Call): string {
  const pieces = body.map((piece) => `${piece.length} B ${piece.subarray(0, 64).toString("hex")}`);
  return JSON.stringify({ path, headers, pieces, cancelAfter });
}
