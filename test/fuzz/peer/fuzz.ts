/**
 * Fuzzes a node with the frames of a peer that has gone mad, in process. A run is a cluster, some hundred frames with
 * requests and restarts in between, and a look at what is left of it:
 *
 * 1. Decoders throw ordinary errors and nothing else; no node ends.
 * 2. A frame takes no more time than its length is worth.
 * 3. Everything that is kept of them is bounded, and in proportion to them.
 * 4. When the peer is sane again every partition takes writes and shows them, before and after a restart of the node
 *    from its disk.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Prng } from "../../../src/base/prng.js";
import { nodeId } from "../../../src/core/model/ids.js";
import { CORPUS, GREETINGS } from "./corpus.js";
import { mutate } from "./mutate.js";
import { Rig } from "./rig.js";

const FRAMES = 150;
/** CPU time of one frame: far more than any may take, however busy the machine is. */
const HELD_MICROSECONDS = 1_000_000;
const SERVES_MS = 40_000;

/**
 * Bytes that four nodes may keep more after a run's frames than before them, besides some times the frames themselves.
 */
const GROWTH_BYTES = 48 * 1024 * 1024;
const TIMES_FRAMES = 8;

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Bytes in use, after a collection. */
function used(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export interface Tally {
  frames: number;
  bytes: number;
  unreadable: number;
  refused: number;
  /** The most bytes that a run's frames made be kept. */
  mostKept: number;
  readonly taken: Map<string, number>;
}

export const newTally = (): Tally => ({
  frames: 0,
  bytes: 0,
  unreadable: 0,
  refused: 0,
  mostKept: 0,
  taken: new Map(),
});

/** The findings of a run. */
export class Found extends Error {
  override readonly name = "Found";

  constructor(
    readonly seed: number,
    /** The last one before it failed. */
    readonly frame: Buffer,
    why: unknown,
  ) {
    super(
      `SEED=${seed}: ${why instanceof Error ? (why.stack ?? why.message) : String(why)}\nframe: ${frame.toString("hex").slice(0, 20_000)}`,
    );
  }
}

/** One run. Throws what it found. */
export function fuzz(seed: number, tally: Tally): void {
  const chance = new Prng(seed);
  const rig = new Rig(chance.fork("requests"), nodeId(11 + (seed % 3)));
  let frame: Buffer = Buffer.alloc(0);
  try {
    rig.run(1_500);
    const before = used();
    let bytes = 0;
    const corpus = [...CORPUS, ...(chance.chance(0.1) ? GREETINGS : [])].map(({ bytes }) => bytes);
    for (let i = 0; i < FRAMES; i++) {
      const recent = rig.recent;
      const own = recent.length > 0 && chance.chance(0.6);
      const others = chance.chance(0.7) && recent.length > 0 ? recent : corpus;
      frame = mutate(own ? chance.pick(recent) : chance.pick(corpus), others, chance);
      const began = process.cpuUsage();
      rig.victim.receive(rig.mad, frame);
      tally.frames++;
      tally.bytes += frame.length;
      bytes += frame.length;
      for (let more = chance.below(3); more > 0; more--) rig.request();
      rig.run(chance.chance(0.1) ? chance.below(600) : chance.below(12));
      const held = process.cpuUsage(began).user;
      if (held > HELD_MICROSECONDS) throw new Error(`a frame held the node for ${Math.round(held / 1_000)} ms`);
      if (chance.chance(0.01)) rig.victim.restart();
    }
    frame = Buffer.alloc(0);
    const grown = used() - before;
    if (grown > GROWTH_BYTES + TIMES_FRAMES * bytes) throw new Error(`${bytes} bytes of frames made ${grown} be kept`);
    tally.mostKept = Math.max(tally.mostKept, grown);
    rig.mustServe(SERVES_MS, "when the peer is sane again");
    rig.victim.restart();
    rig.mustServe(SERVES_MS, "after a restart");
  } catch (error) {
    throw new Found(seed, frame, error);
  } finally {
    tally.unreadable += rig.counts.unreadable;
    tally.refused += rig.counts.refused;
    for (const [kind, count] of rig.counts.taken) tally.taken.set(kind, (tally.taken.get(kind) ?? 0) + count);
  }
}
