/**
 * While something lasts for minutes, requests keep coming and their deadlines keep passing. A writer's memory stays in
 * proportion to what clients still wait for. Requests that stayed beyond their deadlines would use up the partition
 * (the writer's I3).
 */
import type { World } from "./world.js";

/** Rounds between two looks. */
const SPAN_ROUNDS = 25;
/**
 * All that a client may have under way: its tries, the copies of a proxy, and what nodes ask the writer on behalf of
 * each.
 */
const OF_CLIENT = 12;
/** The keys that a replica asks the writer for by itself: bad and refused ones, each once. */
const OF_REPLICA = 2;

export class LongLoads {
  constructor(private readonly world: World) {}

  watch(): void {
    const { world } = this;
    const { schedule, swarm } = world;
    if (world.calm) return;
    const most = swarm.clients * OF_CLIENT + swarm.nodes * swarm.keys * OF_REPLICA;
    for (const node of world.nodes) {
      if (!node.running) continue;
      for (const [p, { copy }] of node.machine?.core.partitions ?? []) {
        const { writer } = copy;
        if (writer.waiting <= most) continue;
        const what = `n${node.id} holds ${writer.waiting} requests of partition ${p}, of ${swarm.clients} clients`;
        world.violate("requests leave with their deadline", what);
      }
    }
    schedule.after(SPAN_ROUNDS * swarm.roundMs, () => this.watch());
  }
}
