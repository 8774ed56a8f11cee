/**
 * The whole election in a small virtual world: it settles on one writer whenever some node is connected to a majority.
 */
import { describe, expect, test, vi } from "vitest";
import { Prng } from "../../../../src/base/prng.js";
import { drawLinks, ROUND, type Settling, World, worldWithWriter } from "./world.js";

vi.setConfig({ testTimeout: 60_000 }); // A second each on an idle machine.

/** The worst that many runs may show. */
interface Bounds {
  readonly rounds: number;
  readonly ballots: number;
}

/** Failover of a writer that stops or is cut off, message delays of up to 0.6 rounds included. */
const FAILOVER: Bounds = { rounds: 8, ballots: 3 };
/** Links drawn at random or lines of five: a second campaign may be needed, and old writers step down late. */
const ANY_LINKS: Bounds = { rounds: 13, ballots: 3 };

function expectSettled(run: Settling, bounds: Bounds, which: unknown): void {
  const fine = run.writers.length === 1 && run.rounds <= bounds.rounds && run.ballots <= bounds.ballots;
  if (!fine)
    expect({ which, ...run }).toEqual(`one writer within ${bounds.rounds} rounds and ${bounds.ballots} ballots`);
}

type Pair = readonly [number, number];

/** The writer at a place of a fully connected group; then only these links are left. Many seeds. */
function cutTo(size: number, writer: number, pairs: readonly Pair[], bounds: Bounds): Settling[] {
  const runs: Settling[] = [];
  for (let seed = 1; seed <= 60; seed++) {
    const world = worldWithWriter(writer, { size, seed });
    world.only(...pairs);
    const run = world.settle();
    expectSettled(run, bounds, { seed });
    runs.push(run);
  }
  return runs;
}

const LINE_OF_3: readonly Pair[] = [
  [0, 1],
  [1, 2],
];
const LINE_OF_5: readonly Pair[] = [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 4],
];
const STAR_OF_5: readonly Pair[] = [
  [0, 1],
  [0, 2],
  [0, 3],
  [0, 4],
];

describe("partial connectivity", () => {
  test("quorum loss: only the node in the middle of a star can write, and it takes over", () => {
    for (const run of cutTo(5, 2, STAR_OF_5, FAILOVER)) expect(run.writers).toEqual([0]);
  });

  test("constrained election: the only node that hears a majority takes over, although others saw more of the writer", () => {
    for (const run of cutTo(
      5,
      2,
      [
        [0, 1],
        [0, 3],
        [0, 4],
      ],
      FAILOVER,
    ))
      expect(run.writers).toEqual([0]);
    cutTo(3, 2, [[0, 1]], FAILOVER);
  });

  test("the ends of a chain do not depose each other", () => {
    for (const end of [0, 2]) {
      for (const run of cutTo(3, end, LINE_OF_3, FAILOVER)) {
        expect(run).toEqual({ writers: [end], rounds: 0, ballots: 0 });
      }
    }
  });

  test("planted bug: without the hop of `live` the ends of a chain depose each other for ever", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = worldWithWriter(0, { size: 3, seed, hop: false });
      world.only(...LINE_OF_3);
      expect(world.settle().ballots).toBeGreaterThan(5);
    }
  });

  test("a line of five settles, wherever the writer was", () => {
    for (let writer = 0; writer < 5; writer++) cutTo(5, writer, LINE_OF_5, ANY_LINKS);
  });

  test("a ring of five and two hubs that do not hear each other keep their writer", () => {
    const ring: readonly Pair[] = [...LINE_OF_5, [4, 0]];
    for (const run of cutTo(5, 0, ring, FAILOVER)) expect(run.ballots).toBe(0);
    const hubs: readonly Pair[] = [
      [0, 1],
      [0, 2],
      [0, 3],
      [4, 1],
      [4, 2],
      [4, 3],
    ];
    for (const run of cutTo(5, 4, hubs, FAILOVER)) expect(run.ballots).toBe(0);
  });

  test("every set of one-way links between 3 nodes settles, whoever was writer", () => {
    for (let mask = 0; mask < 64; mask++) {
      for (let writer = 0; writer < 3; writer++) {
        for (let seed = 1; seed <= 4; seed++) {
          const world = worldWithWriter(writer, { size: 3, seed });
          let bit = 0;
          for (let a = 0; a < 3; a++) {
            for (let b = 0; b < 3; b++) if (a !== b) world.setLink(a, b, ((mask >> bit++) & 1) === 1);
          }
          if (world.connected().length === 0) continue;
          expectSettled(world.settle(), FAILOVER, { mask, writer, seed });
        }
      }
    }
  });

  test("random one-way links settle, and settle again when they change", () => {
    for (const size of [3, 5]) {
      for (let seed = 1; seed <= 300; seed++) {
        const links = new Prng(seed).fork("links");
        const world = worldWithWriter(seed % size, { size, seed });
        for (let phase = 0; phase < 2; phase++) {
          drawLinks(world, links);
          expectSettled(world.settle(), ANY_LINKS, { size, seed, phase });
        }
      }
    }
  });

  test("with 2 % of the messages lost and 5 % doubled it still settles", () => {
    for (const size of [3, 5]) {
      for (let seed = 1; seed <= 150; seed++) {
        const world = worldWithWriter(seed % size, { size, seed, loss: 0.02, doubled: 0.05 });
        drawLinks(world, new Prng(seed).fork("links"));
        const run = world.settle(120);
        if (run.writers.length !== 1 || run.ballots > 5)
          expect({ size, seed, ...run }).toEqual("one writer within 5 ballots");
      }
    }
  });
});

describe("crashes", () => {
  const sizes = [3, 5];
  const seeds = 150;

  test("a killed writer is replaced", () => {
    for (const size of sizes) {
      for (let seed = 1; seed <= seeds; seed++) {
        const world = worldWithWriter(seed % size, { size, seed });
        world.run((seed % 40) / 40);
        world.kill(seed % size);
        expectSettled(world.settle(), FAILOVER, { size, seed });
      }
    }
  });

  test("on a fast network a killed writer is replaced within 7.5 rounds by one ballot", () => {
    for (const size of sizes) {
      for (let seed = 1; seed <= seeds; seed++) {
        const world = worldWithWriter(seed % size, { size, seed, delay: 3, slow: 5 });
        world.run((seed % 40) / 40);
        world.kill(seed % size);
        expectSettled(world.settle(), { rounds: 7.5, ballots: 1 }, { size, seed });
      }
    }
  });

  test("a candidate that dies with its Prepares out does not stop the others", () => {
    for (const size of sizes) {
      for (let seed = 1; seed <= seeds; seed++) {
        const world = worldWithWriter(seed % size, { size, seed });
        const candidate = (seed + 1) % size;
        world.node(candidate).campaign();
        world.run((seed % 40) / ROUND);
        world.kill(candidate);
        expectSettled(world.settle(), FAILOVER, { size, seed });
      }
    }
  });

  test("when all campaign at once one of them wins without another ballot", () => {
    for (const size of sizes) {
      for (let seed = 1; seed <= seeds; seed++) {
        const world = worldWithWriter(seed % size, { size, seed });
        for (const node of world.nodes) node.campaign();
        const run = world.settle();
        expectSettled(run, { rounds: 5, ballots: 0 }, { size, seed });
      }
    }
  });

  test("a writer that restarts within a round holds no office and a new one is elected", () => {
    for (const size of sizes) {
      for (let seed = 1; seed <= seeds; seed++) {
        const world = worldWithWriter(seed % size, { size, seed });
        world.run((seed % 40) / 40);
        world.restart(seed % size);
        expectSettled(world.settle(), FAILOVER, { size, seed });
      }
    }
  });

  test("a cold start elects the preferred replica with one ballot", () => {
    for (const size of sizes) {
      for (let seed = 1; seed <= seeds; seed++) {
        const run = new World({ size, seed }).settle();
        expectSettled(run, { rounds: 6, ballots: 2 }, { size, seed });
      }
    }
  });
});

describe("handing back", () => {
  test("a preferred replica that comes back gets its office with one ballot", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const world = worldWithWriter(0, { size: 3, seed, handsBack: true });
      world.kill(0);
      world.run(20);
      world.restart(0);
      const run = world.settle(100, 30);
      expectSettled(run, { rounds: 27, ballots: 1 }, { seed });
      expect({ seed, writers: run.writers, offers: world.offers }).toEqual({ seed, writers: [0], offers: 1 });
    }
  });

  test("a preferred replica that comes and goes costs fewer and fewer elections", () => {
    let ballots = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const world = worldWithWriter(0, { size: 3, seed, handsBack: true });
      for (let time = 0; time < 20; time++) {
        world.only([1, 2]);
        world.run(12);
        world.healed();
        world.run(38);
      }
      ballots += world.ballots;
    }
    expect(ballots / 20).toBeLessThan(5);
  });

  test("under fixed one-way links an office is handed over at most once", () => {
    for (const size of [3, 5]) {
      for (let seed = 1; seed <= 80; seed++) {
        const world = worldWithWriter(seed % size, { size, seed, handsBack: true });
        drawLinks(world, new Prng(seed).fork("links"));
        world.run(200);
        expect(world.offers).toBeLessThanOrEqual(1);
        expect(world.writers()).toHaveLength(1);
      }
    }
  });
});
