/** Who does harm: crashes, pauses, cuts and broken links at random times, often aimed at a writer, until told to stop. */
import type { Prng } from "../../src/base/prng.js";
import { majorityOf } from "../../src/base/votes.js";
import { type NodeId, partition } from "../../src/core/ids.js";
import type { SimNode } from "./node.js";
import type { World } from "./world.js";

export class NemesisAtWork {
  private readonly chance: Prng;
  private over = false;

  constructor(private readonly world: World) {
    this.chance = world.chance.fork("nemesis");
  }

  begin(): void {
    const { nemesis } = this.world.swarm;
    this.every(nemesis.crash, () => this.crash(this.victim()));
    this.every(nemesis.crashAll, () => this.crashAll());
    this.every(nemesis.cut, () => this.cut());
    this.every(nemesis.pause, () => this.pause(this.victim()));
    this.every(nemesis.linkLost, () => this.loseLink());
  }

  end(): void {
    this.over = true;
  }

  private every(mean: number, harm: () => void): void {
    if (mean === 0) return;
    this.world.schedule.after(-Math.log(1 - this.chance.fraction()) * mean, () => {
      if (this.over) return;
      harm();
      this.every(mean, harm);
    });
  }

  private victim(): SimNode {
    const { world, chance } = this;
    if (chance.chance(world.swarm.nemesis.aimed)) {
      const writers = world.writersOf(partition(chance.below(world.swarm.partitions)));
      if (writers.length > 0) return chance.pick(writers);
    }
    return chance.pick(world.nodes);
  }

  private crash(node: SimNode): void {
    const { world, chance } = this;
    const { nemesis } = world.swarm;
    if (!node.up) return;
    if (nemesis.stops && !this.dispensable(node)) return;
    world.crash(node);
    if (nemesis.stops) node.gone = true;
    else world.schedule.after(nemesis.downMs * (0.5 + chance.fraction()), () => world.start(node));
  }

  /** Without it, every group still has a majority of nodes that are not gone. */
  private dispensable(node: SimNode): boolean {
    const { world } = this;
    for (let p = 0; p < world.swarm.partitions; p++) {
      const replicas = world.replicasOf(partition(p));
      const left = replicas.filter((id) => id !== node.id && !world.node(id).gone);
      if (left.length < majorityOf(replicas.length)) return false;
    }
    return true;
  }

  private crashAll(): void {
    const { world, chance } = this;
    if (world.swarm.nemesis.stops) return;
    world.sometimes.hit("every node crashed at once");
    for (const node of world.nodes) {
      world.crash(node);
      world.schedule.after(world.swarm.nemesis.downMs * chance.fraction(), () => world.start(node));
    }
  }

  private pause(node: SimNode): void {
    const { world, chance } = this;
    if (!node.running) return;
    world.sometimes.hit("a node was paused");
    world.trace.note(world.schedule.now, `n${node.id} stands still`);
    const deaf = chance.chance(0.5);
    if (deaf) world.sometimes.hit("a node missed what was sent while it stood still");
    node.pause(deaf);
    world.schedule.after(world.swarm.nemesis.pauseMs * (0.5 + chance.fraction()), () => {
      world.trace.note(world.schedule.now, `n${node.id} goes on`);
      node.resume();
    });
  }

  private loseLink(): void {
    const { world, chance } = this;
    const [a, b] = chance.shuffle(world.nodes);
    if (a !== undefined && b !== undefined) world.network.lose(a.id, b.id);
  }

  private cut(): void {
    const { world, chance } = this;
    const victim = this.victim().id;
    const others = chance.shuffle(world.nodes.map(({ id }) => id).filter((id) => id !== victim));
    const [first] = others;
    if (first === undefined) return;
    const oneWay = chance.chance(0.4);
    const inward = chance.chance(0.5);
    const cuts: [NodeId, NodeId][] = [];
    const between = (a: NodeId, b: NodeId): void => {
      if (!oneWay || !inward) cuts.push([a, b]);
      if (!oneWay || inward) cuts.push([b, a]);
    };
    switch (chance.below(4)) {
      case 0: // From one other.
        between(victim, first);
        break;
      case 1: // From all others.
        for (const other of others) between(victim, other);
        break;
      case 2: // From all but one.
        for (const other of others.slice(1)) between(victim, other);
        break;
      default: {
        // In two parts.
        const part = new Set([victim, ...others.slice(0, chance.below(others.length))]);
        for (const a of part) for (const other of others) if (!part.has(other)) between(a, other);
      }
    }
    world.sometimes.hit(oneWay ? "a one-way cut" : "a two-way cut");
    world.trace.note(world.schedule.now, `cut ${cuts.map(([a, b]) => `n${a}→n${b}`).join(" ")}`);
    const ends = cuts.map(([from, to]) => world.network.cut(from, to));
    world.schedule.after(world.swarm.nemesis.cutMs * (0.5 + chance.fraction()), () => {
      for (const end of ends) end();
      world.trace.note(world.schedule.now, `healed ${cuts.map(([a, b]) => `n${a}→n${b}`).join(" ")}`);
    });
  }
}
