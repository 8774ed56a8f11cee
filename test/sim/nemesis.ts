/**
 * All harm in a run: crashes, pauses, cuts, broken links and rot at random times, often aimed at a writer, until told
 * to stop.
 */
import { unreachable } from "../../src/base/assert.js";
import type { Prng } from "../../src/base/prng.js";
import { majorityOf } from "../../src/base/votes.js";
import { type Key, type NodeId, partition } from "../../src/core/model/ids.js";
import type { Ruin } from "./log-disk.js";
import type { SimNode } from "./node.js";
import { ASKED, type Harm } from "./plan.js";
import type { LongWait, ViewsSwarm } from "./swarm.js";
import type { World } from "./world.js";

/** A register of a busy node goes bad as soon as the node is idle, within so many milliseconds. */
const SPOIL_TRIES = 50;
/** Groups grow to at most so many replicas. */
const MOST_REPLICAS = 5;
/** Copies of directories made for each that is put back, emptied or spoiled. */
const COPIES = 5;

export class NemesisAtWork {
  private readonly chance: Prng;
  private over = false;
  private waits = false;

  constructor(private readonly world: World) {
    this.chance = world.chance.fork("nemesis");
  }

  begin(): void {
    const { nemesis } = this.world.swarm;
    const { plan } = this.world.source;
    if (plan !== null) {
      for (const { at, harm } of plan.harms) {
        this.world.schedule.at(at, () => {
          if (!this.over) this.inflict(harm);
        });
      }
      return;
    }
    this.every(nemesis.crash, () => this.crash(this.victim()));
    this.every(nemesis.crashAll, () => this.crashAll());
    this.every(nemesis.cut, () => this.cut());
    this.every(nemesis.pause, () => this.pause(this.victim()));
    this.every(nemesis.linkLost, () => this.loseLink());
    this.every(nemesis.leave, () => this.leave());
    this.every(nemesis.raise, () => this.raise());
    this.every(nemesis.rot, () => this.rot());
    this.every(nemesis.diskError, () => this.failDisk());
    this.every(nemesis.full, () => this.fillDisk());
    this.every(nemesis.stall, () => this.stallDisk());
    this.every(nemesis.ruin, () => this.ruin());
    const { views } = this.world.swarm;
    if (views !== null) this.changeMembers(views);
    this.every(nemesis.ruin / COPIES, () => this.harm({ kind: "copy", node: this.chance.pick(this.world.nodes).id }));
  }

  end(): void {
    this.over = true;
  }

  private changeMembers({ join, move, moveAll, farewell }: ViewsSwarm): void {
    this.every(join, () => this.join());
    this.every(move, () => this.move());
    this.every(moveAll, () => this.moveAll());
    this.every(this.world.swarm.views?.replace ?? 0, () => this.replace());
    this.every(this.world.swarm.views?.resize ?? 0, () => this.resize());
    this.every(this.world.swarm.views?.block ?? 0, () => this.block());
    this.every(this.world.swarm.views?.ask ?? 0, () => this.ask());
    this.every(farewell, () => this.harm({ kind: "farewell", node: this.chance.pick(this.world.nodes).id }));
  }

  private join(): void {
    const { world } = this;
    const newcomer = world.nodes.find((node) => world.membership?.takesPart(node) === false);
    if (newcomer !== undefined) this.harm({ kind: "join", node: newcomer.id });
  }

  /** A replica of some partition gives way, the working writer now and then. */
  private replace(): void {
    const { world, chance } = this;
    const at = partition(chance.below(world.swarm.partitions));
    const replicas = world.replicasOf(at);
    const free = world.nodes.filter(({ id, life, lost }) => life > 0 && !lost && !replicas.includes(id));
    if (free.length === 0) return;
    const writers = chance.chance(0.3) ? world.writersOf(at).map(({ id }) => id) : [];
    const leaves = chance.pick(writers.length > 0 ? writers : replicas);
    this.harm({ kind: "replace", partition: at, leaves, comes: chance.pick(free).id });
  }

  private block(): void {
    const { world, chance } = this;
    const newcomers = world.nodes.filter((node) => node.up && world.mayBlock(node));
    if (newcomers.length > 0) this.harm({ kind: "crash", node: chance.pick(newcomers).id, downMs: null });
  }

  private resize(): void {
    const { world, chance } = this;
    const most = Math.min(MOST_REPLICAS, world.nodes.length);
    this.harm({ kind: "resize", node: chance.pick(world.nodes).id, replicas: 1 + chance.below(most) });
  }

  /** At any node, about any other: it is refused where the node's view does not allow it. */
  private ask(): void {
    const { world, chance } = this;
    const able = world.nodes.filter(({ life }) => life > 0).map(({ id }) => id);
    const running = world.nodes.filter(({ running }) => running).map(({ id }) => id);
    if (running.length === 0) return;
    // The dead are removed, as long as they are dead.
    const dead = world.nodes.filter(({ up, life }) => !up && life > 0).map(({ id }) => id);
    const operation = chance.pick(ASKED.filter((kind) => kind !== "remove" || dead.length > 0));
    const node = chance.pick(operation === "remove" ? dead : able);
    this.harm({ kind: "ask", at: chance.pick(running), operation, node, by: chance.pick(able) });
  }

  private move(): void {
    const { world, chance } = this;
    const node = this.victim();
    if (world.membership?.mayMove(node) !== true) return;
    this.harm({ kind: "move", nodes: [node.id], downMs: world.swarm.nemesis.downMs * chance.fraction() });
  }

  private moveAll(): void {
    const { world, chance } = this;
    if (world.swarm.nemesis.stops) return;
    world.sometimes.hit("all members moved at once");
    const nodes = world.nodes.filter(({ life }) => life > 0).map(({ id }) => id);
    this.harm({ kind: "move", nodes, downMs: world.swarm.nemesis.downMs * chance.fraction() });
  }

  /** Nodes that propose views, as far as they know. */
  private proposers(): SimNode[] {
    const { nodes } = this.world;
    const proposers = nodes.filter((node) => node.running && node.machine?.core.views?.proposer === node.id);
    if (proposers.length > 1) this.world.sometimes.hit("two proposers at once");
    return proposers;
  }

  /** Nothing else happens any more but this, to the end of the safety phase. By plan it comes of the plan. */
  lastFor({ kind, forMs }: LongWait): void {
    const { world } = this;
    this.waits = true;
    world.sometimes.hit("something lasted for minutes");
    if (world.source.plan !== null) return;
    const node = this.victim();
    switch (kind) {
      case "cut": {
        const ways = world.nodes
          .filter((other) => other !== node)
          .flatMap(({ id }): [NodeId, NodeId][] => [
            [node.id, id],
            [id, node.id],
          ]);
        return this.harm({ kind: "cut", ways, forMs });
      }
      case "stall":
        return this.harm({ kind: "stall", node: node.id, forMs });
      case "unrecoverable":
        return this.takeMajority(forMs);
      default:
        unreachable(kind);
    }
  }

  /**
   * One of a key's replicas goes bad and as many others are down as it takes for no majority to be left; they come
   * back.
   */
  private takeMajority(forMs: number): void {
    const { world, chance } = this;
    for (const key of chance.shuffle(world.keys)) {
      const replicas = chance.shuffle(world.replicasOf(world.partitionOf(key)).map((id) => world.node(id)));
      const bad = replicas.find((node) => node.up && world.maySpoil(node, key));
      if (bad === undefined) continue;
      this.harm({ kind: "rot", node: bad.id, key, scrubAfterMs: 0 });
      const others = replicas.filter((node) => node !== bad && !node.lost);
      for (const { id } of others.slice(0, replicas.length - majorityOf(replicas.length)))
        this.harm({ kind: "crash", node: id, downMs: forMs });
      return;
    }
  }

  private every(mean: number, harm: () => void): void {
    if (mean === 0) return;
    this.world.schedule.after(-Math.log(1 - this.chance.fraction()) * mean, () => {
      if (this.over || this.waits) return;
      harm();
      this.every(mean, harm);
    });
  }

  private victim(): SimNode {
    const { world, chance } = this;
    const { views } = world.swarm;
    if (views !== null && chance.chance(views.aimed)) {
      const proposers = this.proposers();
      if (proposers.length > 0) return chance.pick(proposers);
    }
    if (chance.chance(world.swarm.nemesis.aimed)) {
      const writers = world.writersOf(partition(chance.below(world.swarm.partitions)));
      if (writers.length > 0) return chance.pick(writers);
    }
    return chance.pick(world.nodes);
  }

  private crash(node: SimNode): void {
    const { nemesis } = this.world.swarm;
    if (!node.up) return;
    if (nemesis.stops && !this.world.dispensable(node)) return;
    const downMs = nemesis.stops ? null : nemesis.downMs * (0.5 + this.chance.fraction());
    this.harm({ kind: "crash", node: node.id, downMs });
  }

  private crashAll(): void {
    const { world, chance } = this;
    if (world.swarm.nemesis.stops) return;
    world.sometimes.hit("every node crashed at once");
    // Some clients begin only after it.
    for (const client of world.clients) if (chance.chance(0.5)) client.beginAnew();
    for (const node of world.nodes)
      this.harm({ kind: "crash", node: node.id, downMs: world.swarm.nemesis.downMs * chance.fraction() });
  }

  private pause(node: SimNode): void {
    const { world, chance } = this;
    if (!node.running) return;
    const deaf = chance.chance(0.5);
    const forMs = world.swarm.nemesis.pauseMs * (0.5 + chance.fraction());
    this.harm({ kind: "pause", node: node.id, deaf, forMs });
  }

  private loseLink(): void {
    const { world, chance } = this;
    const [a, b] = chance.shuffle(world.nodes);
    if (a !== undefined && b !== undefined) this.harm({ kind: "lose-link", a: a.id, b: b.id });
  }

  private raise(): void {
    const { world, chance } = this;
    const at = partition(chance.below(world.swarm.partitions));
    const [writer] = world.writersOf(at);
    if (writer !== undefined)
      this.harm({ kind: "raise", node: writer.id, partition: at, by: 1 + chance.below(20_000) });
  }

  private leave(): void {
    const { world, chance } = this;
    const { roundMs, nemesis } = world.swarm;
    const node = this.victim();
    // A node has its time to drain, and is ended before now and then.
    if (node.running)
      this.harm({
        kind: "leave",
        node: node.id,
        afterMs: roundMs * 20 * chance.fraction(),
        downMs: nemesis.downMs * (0.5 + chance.fraction()),
      });
  }

  /** A register of a key's replica that has one. */
  private rot(): void {
    const { world, chance } = this;
    const { scrubbed, scrubMs } = world.swarm.nemesis;
    const key = chance.pick(world.keys);
    const at = world.partitionOf(key);
    const writers = chance.chance(world.swarm.nemesis.aimed) ? world.writersOf(at).map(({ id }) => id) : [];
    const node = chance.pick(writers.length > 0 ? writers : world.replicasOf(at));
    const scrubAfterMs = chance.chance(scrubbed) ? chance.fraction() * scrubMs : null;
    this.harm({ kind: "rot", node, key, scrubAfterMs });
  }

  private failDisk(): void {
    const downMs = this.world.swarm.nemesis.downMs * (0.5 + this.chance.fraction());
    this.harm({ kind: "disk-error", node: this.victim().id, downMs });
  }

  private fillDisk(): void {
    const forMs = this.world.swarm.nemesis.fullMs * (0.5 + this.chance.fraction());
    this.harm({ kind: "full", node: this.victim().id, forMs });
  }

  private stallDisk(): void {
    const forMs = this.world.swarm.nemesis.stallMs * (0.5 + this.chance.fraction());
    this.harm({ kind: "stall", node: this.victim().id, forMs });
  }

  private ruin(): void {
    const { world, chance } = this;
    const how = chance.pick<Ruin>(["rolled back", "rolled back", "rolled back", "emptied", "unreadable"]);
    const downMs = world.swarm.nemesis.downMs * chance.fraction();
    const node = chance.pick(world.nodes);
    if (world.mayRuin(node, how)) this.harm({ kind: "ruin", node: node.id, how, downMs });
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
    this.harm({ kind: "cut", ways: cuts, forMs: world.swarm.nemesis.cutMs * (0.5 + chance.fraction()) });
  }

  private harm(harm: Harm): void {
    this.world.source.harmed(this.world.schedule.now, harm);
    this.inflict(harm);
  }

  private inflict(harm: Harm): void {
    const { world } = this;
    switch (harm.kind) {
      case "crash":
        return this.kill(harm.node, harm.downMs);
      case "pause":
        return this.freeze(harm.node, harm.deaf, harm.forMs);
      case "cut":
        return this.sever(harm.ways, harm.forMs);
      case "join":
        return world.has(harm.node) ? world.membership?.join(world.node(harm.node)) : undefined;
      case "move":
        return this.relocate(harm.nodes, harm.downMs);
      case "farewell":
        return world.has(harm.node) ? world.membership?.leave(world.node(harm.node)) : undefined;
      case "resize":
        return world.has(harm.node) ? world.membership?.resize(world.node(harm.node), harm.replicas) : undefined;
      case "replace": {
        const { leaves, comes } = harm;
        if (!world.has(leaves) || !world.has(comes) || harm.partition >= world.swarm.partitions) return;
        return world.membership?.replace({ partition: partition(harm.partition), leaves, comes });
      }
      case "ask": {
        const { at, operation, node, by } = harm;
        if (!world.has(at) || !world.has(node) || !world.has(by)) return;
        return world.membership?.request(world.node(at), operation, node, by);
      }
      case "lose-link":
        if (!world.has(harm.a) || !world.has(harm.b)) return;
        world.trace.command(world.schedule.now, `lose link n${harm.a} n${harm.b}`);
        return world.network.lose(harm.a, harm.b);
      case "raise":
        return world.has(harm.node)
          ? world.raise(world.node(harm.node), partition(harm.partition), harm.by)
          : undefined;
      case "leave":
        return world.has(harm.node) ? world.leave(world.node(harm.node), harm.afterMs, harm.downMs) : undefined;
      case "disk-error":
        return world.has(harm.node) ? world.failDisk(world.node(harm.node), harm.downMs) : undefined;
      case "full":
        return world.has(harm.node) ? world.fillDisk(world.node(harm.node), harm.forMs) : undefined;
      case "stall":
        return world.has(harm.node) ? world.stallDisk(world.node(harm.node), harm.forMs) : undefined;
      case "copy":
        return world.has(harm.node) ? world.copyDirectory(world.node(harm.node)) : undefined;
      case "ruin":
        return world.has(harm.node) ? world.ruin(world.node(harm.node), harm.how, harm.downMs) : undefined;
      case "rot":
        if (world.has(harm.node) && world.keys.includes(harm.key)) this.spoil(harm.node, harm.key, harm.scrubAfterMs);
    }
  }

  /**
   * Entries on their way to the disk or told as durable must have left first: then a message about a bad register is a
   * mistake.
   */
  private spoil(id: NodeId, key: Key, scrubAfterMs: number | null, tries = SPOIL_TRIES): void {
    const { world } = this;
    const node = world.node(id);
    if (!node.idle) {
      if (tries > 0) world.schedule.after(1, () => this.spoil(id, key, scrubAfterMs, tries - 1));
      return;
    }
    if (this.over || !world.spoil(node, key) || scrubAfterMs === null) return;
    world.schedule.after(scrubAfterMs, () => world.scrub(node, key));
  }

  private kill(id: NodeId, downMs: number | null): void {
    const { world } = this;
    if (!world.has(id)) return;
    const node = world.node(id);
    // A plan made shorter must not take a group's majority for good.
    if (downMs === null && !world.dispensable(node)) {
      if (!world.mayBlock(node)) return;
      world.sometimes.hit("a newcomer of a group of two was lost");
    }
    world.crash(node);
    if (downMs === null) node.gone = true;
    else world.schedule.after(downMs, () => world.start(node));
  }

  /** All of them have gone before the first one is started again, and whoever starts them knows where all are. */
  private relocate(ids: readonly NodeId[], downMs: number): void {
    const { world } = this;
    const nodes = ids.filter((id) => world.has(id)).map((id) => world.node(id));
    for (const node of nodes.filter(({ lost }) => !lost)) {
      world.crash(node);
      world.membership?.move(node);
      world.schedule.after(downMs, () => world.start(node));
    }
  }

  private freeze(id: NodeId, deaf: boolean, forMs: number): void {
    const { world } = this;
    if (!world.has(id) || !world.node(id).running) return;
    const node = world.node(id);
    world.sometimes.hit("a node was paused");
    world.trace.note(world.schedule.now, `n${id} stands still`);
    world.trace.command(world.schedule.now, `pause n${id}${deaf ? " deaf" : ""}`);
    if (deaf) world.sometimes.hit("a node missed what was sent while it stood still");
    node.pause(deaf);
    world.schedule.after(forMs, () => {
      world.trace.note(world.schedule.now, `n${id} goes on`);
      world.trace.command(world.schedule.now, `resume n${id}`);
      node.resume();
    });
  }

  private sever(all: readonly (readonly [NodeId, NodeId])[], forMs: number): void {
    const { world } = this;
    const ways = all.filter(([a, b]) => world.has(a) && world.has(b));
    if (ways.length === 0) return;
    const text = ways.map(([a, b]) => `n${a}→n${b}`).join(" ");
    world.trace.note(world.schedule.now, `cut ${text}`);
    for (const [a, b] of ways) world.trace.command(world.schedule.now, `cut n${a}→n${b}`);
    const ends = ways.map(([from, to]) => world.network.cut(from, to));
    world.schedule.after(forMs, () => {
      for (const end of ends) end();
      world.trace.note(world.schedule.now, `healed ${text}`);
      for (const [a, b] of ways) world.trace.command(world.schedule.now, `heal n${a}→n${b}`);
    });
  }
}
