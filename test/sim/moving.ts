/**
 * Worlds in which partitions move, as a seed draws them. Newcomers get nothing of what the others have here: a group
 * goes on with those of its replicas that stay. So no node is lost for good, and no register goes bad.
 */
import { Prng } from "../../src/base/prng.js";
import { drawSwarm, type Swarm } from "./swarm.js";

export function drawMoving(seed: number): Swarm {
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
    nemesis: { ...nemesis, stops: false, ruin: 0, rot: 0, rotsLast: false, wait: null },
    views: {
      ...(swarm.views ?? { names: true, move: 0, moveAll: 0, aimed: chance.pick([0, 0.5]) }),
      voters: chance.pick([nodes, 3]),
      newcomers: 0,
      join: 0,
      farewell: 0,
      replace: roundMs * chance.pick([4, 8, 20, 40]),
    },
  };
}

/** The command's environment asks for this: MOVING=1 takes worlds like these. */
export const drawnBy = (seed: number): { readonly swarm?: Swarm; readonly everybodyUp?: boolean } =>
  process.env.MOVING === undefined ? {} : { swarm: drawMoving(seed), everybodyUp: true };
