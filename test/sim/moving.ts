/**
 * Worlds in which partitions move, as a seed draws them. All faults go on but rot: which of a key's registers may go
 * bad is reckoned by groups that stay.
 */
import { Prng } from "../../src/base/prng.js";
import { drawSwarm, type Swarm } from "./swarm.js";

/** Share of seeds in which partitions move. */
const MOVES = 0.1;

/** The world of a seed. */
export const drawWorld = (seed: number): Swarm =>
  process.env.MOVING !== undefined || new Prng(seed).fork("moves").chance(MOVES) ? drawMoving(seed) : drawSwarm(seed);

/** Members that are not heard for a while give their replicas to others, and get their share when they are back. */
const healing = (seed: number, roundMs: number): { readonly heal: number; readonly replace: number } => {
  const chance = new Prng(seed).fork("healing");
  // Moves that somebody wants go on besides in some of them.
  return { heal: roundMs * chance.pick([6, 12, 30]), replace: chance.chance(0.3) ? roundMs * 40 : 0 };
};

/** Replicas move as people ask for it by operations, and not by wishes of the simulator's own. */
export function drawAsked(seed: number): Swarm {
  const swarm = drawMoves(seed);
  const { roundMs, views } = swarm;
  const ask = roundMs * new Prng(seed).fork("asked").pick([5, 10, 25]);
  return { ...swarm, views: views === null ? null : { ...views, ask, replace: 0 } };
}

/** Groups grow and shrink, too. No node is lost for good, as a group that shrinks may need each of them. */
export function drawResizing(seed: number): Swarm {
  const swarm = drawMoves(seed);
  const chance = new Prng(seed).fork("resizing");
  const { roundMs, nemesis, views } = swarm;
  return {
    ...swarm,
    nodes: Math.max(swarm.nodes, chance.pick([3, 5])),
    replicas: chance.pick([1, 2, 3, 3, 4, 5].filter((replicas) => replicas <= swarm.nodes)),
    nemesis: { ...nemesis, stops: false, ruin: 0 },
    views: views === null ? null : { ...views, resize: roundMs * chance.pick([6, 15, 40]) },
  };
}

/**
 * Groups of one or two replicas have no majority without a newcomer. Where others get the replicas of lost members, it
 * may be lost for good before it is ready (V8).
 */
export function drawFew(seed: number, asked: boolean, heals: boolean): Swarm {
  const swarm = asked ? drawAsked(seed) : drawMoves(seed, heals);
  const chance = new Prng(seed).fork("few");
  const { roundMs, nemesis, views } = swarm;
  const nodes = chance.pick([4, 5]);
  const replicas = chance.pick([2, 2, 1]);
  const blocks = heals && !asked && replicas === 2;
  const block = blocks ? { block: roundMs * chance.pick([2, 5, 10]) } : {};
  const replace = asked ? 0 : roundMs * chance.pick([4, 8, 20]);
  return {
    ...swarm,
    nodes,
    replicas,
    nemesis: { ...nemesis, stops: false, ruin: 0 },
    views: views === null ? null : { ...views, voters: chance.pick([nodes, 3]), newcomers: 0, replace, ...block },
  };
}

export function drawMoving(seed: number): Swarm {
  const { ASKED, FEW, HEALING, RESIZING } = process.env;
  if (FEW !== undefined) return drawFew(seed, ASKED !== undefined, HEALING !== undefined);
  if (ASKED !== undefined) return drawAsked(seed);
  return RESIZING === undefined ? drawMoves(seed) : drawResizing(seed);
}

function drawMoves(seed: number, heals = process.env.HEALING !== undefined): Swarm {
  const swarm = drawSwarm(seed);
  const chance = new Prng(seed).fork("moving");
  const replicas = chance.pick([3, 3, 3, 4, 5]);
  const nodes = Math.max(4, replicas + chance.pick([1, 1, 2]));
  const { roundMs, nemesis } = swarm;
  return {
    ...swarm,
    nodes,
    replicas,
    partitions: chance.pick([1, 1, 2, 4]),
    nemesis: { ...nemesis, rot: 0, rotsLast: false, wait: null },
    views: {
      ...(swarm.views ?? { names: true, move: 0, moveAll: 0, newcomers: 0, join: 0, aimed: chance.pick([0, 0.5]) }),
      voters: chance.pick([nodes, 3]),
      farewell: 0,
      replace: roundMs * chance.pick([4, 8, 20, 40]),
      ...(heals ? healing(seed, roundMs) : {}),
    },
  };
}
