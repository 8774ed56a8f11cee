/** The world of one run: nodes, network, disks, clients and the checks, all on one virtual time and one seed. */
import { Prng } from "../../src/base/prng.js";
import { duration } from "../../src/base/time.js";
import { majorityOf } from "../../src/base/votes.js";
import type { Operation } from "../../src/check/history.js";
import { encodedView } from "../../src/codec/peer/encoded-view.js";
import { type Key, key, type NodeId, type Partition, revision, viewEpoch } from "../../src/core/model/ids.js";
import { isCopyEntry, isViewEntry, type NodeEntry } from "../../src/core/model/node-entry.js";
import { firstPlacement } from "../../src/core/placement/first-placement.js";
import { rolledBack } from "../../src/core/replica/rolled-back.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { View } from "../../src/core/view/view.js";
import { type CheckName, Checks } from "./checks.js";
import { Client } from "./client.js";
import { type Copy, type DiskOptions, SimDisk } from "./disk.js";
import { FullWriters } from "./full-writers.js";
import { Groups } from "./groups.js";
import { LogDisk, type Ruin } from "./log-disk.js";
import { Membership } from "./membership.js";
import { Network, nodeIds } from "./network.js";
import { SimNode } from "./node.js";
import { DRAWN, type Source } from "./plan.js";
import { Schedule } from "./schedule.js";
import { Sometimes } from "./sometimes.js";
import type { Story } from "./story.js";
import type { Swarm } from "./swarm.js";
import { Trace } from "./trace.js";

/** Between the last answers of a node that stops and its end. */
const LAST_ANSWERS_MS = 20;
/** Between requests of a client while something lasts for minutes. */
const LONG_THINK_MS = 3_000;
/** Longer than any run. */
const NEVER_MS = 1e9;

export interface Violation {
  readonly check: CheckName;
  readonly detail: string;
  /** Virtual milliseconds. */
  readonly at: number;
}

/** Ends a run at its first violation. */
export class Violated extends Error {
  constructor(readonly violation: Violation) {
    super(`${violation.check}: ${violation.detail}`);
  }
}

export interface WorldOptions {
  readonly seed: number;
  readonly swarm: Swarm;
  /** Lines of the trace to keep. */
  readonly keep: number;
  /** Checks that only count and do not end the run, so that others can show what they catch. */
  readonly ignored: ReadonlySet<CheckName>;
  /** Choices that are drawn, written down or planned; everything drawn by default. */
  readonly source?: Source;
  readonly story?: Story | null;
}

export class World {
  readonly schedule = new Schedule();
  readonly sometimes = new Sometimes();
  readonly trace: Trace;
  readonly swarm: Swarm;
  readonly source: Source;
  readonly view: View;
  readonly groups: Groups;
  readonly keys: readonly Key[];
  readonly nodes: readonly SimNode[];
  readonly clients: readonly Client[];
  readonly network: Network;
  readonly checks: Checks;
  /** null: views do not change. */
  readonly membership: Membership | null;
  readonly chance: Prng;
  readonly history: Operation[] = [];
  /** Longest a healthy node may take beyond a deadline. */
  readonly slackMs: number;
  /** Faults are over. */
  calm = false;
  /** Mean milliseconds between an answer and a client's next request. */
  thinkMs: number;
  /** Keys of which so many copies went bad that no majority can tell them any more. */
  readonly lostKeys = new Set<Key>();
  private readonly ignored: ReadonlySet<CheckName>;
  /** By key: the replicas whose copy was ever bad. */
  private readonly everBad = new Map<Key, Set<NodeId>>();
  private readonly crashWatchers = new Map<SimNode, (() => void)[]>();
  /** The nodes that have shaken hands with each other, by node and life. */
  private readonly greeted = new Set<string>();
  /**
   * The most records that a node's running process has heard of another, as watched from outside: "node/life other".
   */
  private readonly heard = new Map<string, number>();
  /** How long a node stays down after its disk failed. */
  private readonly downAfterError = new Map<SimNode, number>();
  private operationsLeft: number;
  private ticks = 0;

  constructor(options: WorldOptions) {
    const { seed, swarm } = options;
    this.swarm = swarm;
    this.ignored = options.ignored;
    this.source = options.source ?? DRAWN;
    this.trace = new Trace(options.keep, options.story);
    this.chance = new Prng(seed);
    this.operationsLeft = swarm.load.operations;
    this.thinkMs = swarm.load.thinkMs;
    // Whatever the disks do: nobody's deadline waits for a sync.
    this.slackMs = 100 + 10 * swarm.turnMs;
    this.view = firstView(swarm);
    this.groups = new Groups(this.view);
    this.keys = Array.from({ length: swarm.keys }, (_, index) => key(`k${index}`));
    this.network = this.makeNetwork();
    const first = encodedView(this.view);
    this.nodes = nodeIds(swarm.nodes + newcomersIn(swarm)).map((id) =>
      this.makeNode(id, id <= swarm.nodes ? first : null),
    );
    this.membership = swarm.views === null ? null : new Membership(this, first);
    this.checks = new Checks({
      view: this.view,
      groups: this.groups,
      nodes: this.nodes,
      sometimes: this.sometimes,
      violate: (check, detail) => this.violate(check, detail),
    });
    for (const node of this.nodes) node.connect(this.network);
    if (swarm.nemesis.full > 0 && swarm.network.loss === 0) {
      const violate = (detail: string): void => this.violate("a full disk keeps no office", detail);
      new FullWriters({ schedule: this.schedule, nodes: this.nodes, roundMs: swarm.roundMs, violate }).watch();
    }
    this.clients = Array.from(
      { length: swarm.clients },
      (_, index) => new Client(this, index, this.chance.fork(`client ${index}`)),
    );
  }

  violate(check: CheckName, detail: string): void {
    if (this.ignored.has(check)) return;
    throw new Violated({ check, detail, at: this.schedule.now });
  }

  partitionOf(key: Key): Partition {
    return (this.keys.indexOf(key) % this.swarm.partitions) as Partition;
  }

  /** The clock of the history: every event has its own moment. */
  tick(): number {
    this.ticks++;
    return this.ticks;
  }

  record(operation: Operation): void {
    this.history.push(operation);
  }

  /** Clients go on for so long, however many operations they have made, with pauses in proportion. */
  goOnSlowly(forMs: number): void {
    const each = Math.ceil(forMs / LONG_THINK_MS);
    this.operationsLeft = each * this.clients.length;
    this.thinkMs = LONG_THINK_MS;
    for (const client of this.clients) client.goOn();
  }

  takeOperation(): boolean {
    if (this.calm || this.operationsLeft === 0) return false;
    this.operationsLeft--;
    return true;
  }

  /** Running replicas of the partition that would decide a write now. */
  writersOf(partition: Partition): SimNode[] {
    return this.nodes.filter((node) => node.running && node.machine?.core.isWriter(partition) === true);
  }

  onCrash(node: SimNode, call: () => void): void {
    const watchers = this.crashWatchers.get(node);
    if (watchers === undefined) this.crashWatchers.set(node, [call]);
    else watchers.push(call);
  }

  crash(node: SimNode): void {
    this.membership?.ended(node);
    if (!node.up) return;
    this.sometimes.hit("a node crashed");
    this.trace.command(this.schedule.now, `crash n${node.id}`);
    const { lost, torn } = node.crash();
    this.trace.note(this.schedule.now, `n${node.id} crashes, ${lost} entries lost`);
    if (lost > 0) this.sometimes.hit("a crash lost unsynced entries");
    if (torn) this.sometimes.hit("a crash kept part of an unsynced batch");
    this.network.died(
      node.id,
      this.nodes.filter((other) => other !== node && other.up).map(({ id }) => id),
    );
    if (this.nodes.every((other) => !other.up)) this.checks.allDown();
    const watchers = this.crashWatchers.get(node) ?? [];
    this.crashWatchers.delete(node);
    for (const call of watchers) call();
  }

  /** The request of a restored backup to a writer. */
  raise(node: SimNode, partition: Partition, by: number): void {
    const writer = node.machine?.core.partitions.get(partition)?.copy.writer;
    if (!node.running || writer?.ballot == null || !writer.elected) return;
    this.sometimes.hit("revisions were raised");
    const above = revision(writer.lastRevision + by);
    this.trace.note(this.schedule.now, `n${node.id} raises partition ${partition} above ${above}`);
    this.trace.command(this.schedule.now, `raise above ${above} at n${node.id}`, partition);
    this.checks.raises(partition, writer.ballot, above);
    node.raise(partition, above);
  }

  /**
   * The node is told to stop, as by SIGTERM. It passes its offices on for a while, tells those who still wait what is
   * known, and ends.
   */
  leave(node: SimNode, afterMs: number, downMs: number): void {
    if (!node.running) return;
    this.sometimes.hit("a node was told to stop");
    this.trace.note(this.schedule.now, `n${node.id} is told to stop`);
    this.trace.command(this.schedule.now, `leave n${node.id}`);
    const { life } = node;
    const mine = (call: () => void) => (): void => {
      if (node.life === life && node.up) call();
    };
    node.leave();
    this.schedule.after(
      afterMs,
      mine(() => {
        node.giveUp();
        this.schedule.after(
          LAST_ANSWERS_MS,
          mine(() => {
            this.crash(node);
            this.schedule.after(downMs, () => this.start(node));
          }),
        );
      }),
    );
  }

  start(node: SimNode): void {
    if (node.up || node.gone || (this.calm && node.doomed) || this.membership?.start(node) === true) return;
    if (node.life > 0) this.sometimes.hit("a node restarted");
    this.trace.note(this.schedule.now, `n${node.id} starts`);
    if (node.life > 0) this.trace.command(this.schedule.now, `restart n${node.id}`);
    node.start();
  }

  /**
   * The node's copy of the key goes bad, if it has one. Those that never were bad, on nodes that are not gone, stay a
   * majority. More would be more than the protocol promises to survive, and is done only where groups are so small that
   * one is too many.
   */
  spoil(node: SimNode, key: Key): boolean {
    if (!this.maySpoil(node, key)) return false;
    const partition = this.partitionOf(key);
    const bad = this.everBad.get(key) ?? new Set<NodeId>();
    const last = this.soundWithout(node, key) < majorityOf(this.replicasOf(partition).length);
    if (!node.disk.spoil(partition, key)) return false;
    if (last) {
      this.lostKeys.add(key);
      this.sometimes.hit("a key was lost with its majority");
    }
    bad.add(node.id);
    this.everBad.set(key, bad);
    this.sometimes.hit("a register went bad");
    this.trace.note(this.schedule.now, `n${node.id}: ${key} goes bad`);
    this.trace.command(this.schedule.now, `spoil ${key} at n${node.id}`, partition);
    return true;
  }

  maySpoil(node: SimNode, key: Key): boolean {
    const replicas = this.replicasOf(this.partitionOf(key));
    if (!replicas.includes(node.id)) return false;
    return this.swarm.nemesis.rotsLast || this.soundWithout(node, key) >= majorityOf(replicas.length);
  }

  /** Other replicas that are not gone and whose copy of the key never was bad. */
  private soundWithout(node: SimNode, key: Key): number {
    const bad = this.everBad.get(key);
    return this.replicasOf(this.partitionOf(key)).filter(
      (id) => id !== node.id && bad?.has(id) !== true && !this.node(id).lost,
    ).length;
  }

  badKeys(node: SimNode): Key[] {
    return this.view.partitions.flatMap((_, p) => node.disk.badKeys(p as Partition));
  }

  /** Storage tells the node of its bad copy, if it is still bad. */
  scrub(node: SimNode, key: Key): void {
    const partition = this.partitionOf(key);
    if (!node.up || !node.disk.scrub(partition, key)) return;
    this.trace.note(this.schedule.now, `n${node.id} scrubs ${key}`);
    this.trace.command(this.schedule.now, `scrub ${key} at n${node.id}`, partition);
    node.scrub(partition, key);
  }

  /** Whether it can lose its directory: the others can do without it, and have heard of more than what is put back. */
  mayRuin(node: SimNode, how: Ruin): boolean {
    const { disk } = node;
    if (!(disk instanceof LogDisk) || node.lost || !this.dispensable(node)) return false;
    return how !== "rolled back" || disk.oldest < this.seenByAll(node);
  }

  /** The node's directory is lost for good: no other lets it in any more, or it does not start. */
  ruin(node: SimNode, how: Ruin, downMs: number): void {
    if (!this.mayRuin(node, how)) return;
    this.crash(node);
    const { disk } = node;
    if (disk instanceof LogDisk && disk.ruin(how, this.seenByAll(node))) {
      node.doomed = true;
      this.trace.command(this.schedule.now, `ruin n${node.id}: ${how}`);
    }
    this.schedule.after(downMs, () => this.start(node));
  }

  /** Keeps the node's directory as it is durably now. */
  copyDirectory(node: SimNode): void {
    if (!node.up || node.lost || !(node.disk instanceof LogDisk)) return;
    this.sometimes.hit("a directory was copied while its node ran");
    this.trace.command(this.schedule.now, `copy disk n${node.id}`);
    node.disk.copyDirectory();
  }

  /** The highest number of records of the node that all others know of. */
  private seenByAll(node: SimNode): number {
    let seen = Number.POSITIVE_INFINITY;
    for (const other of this.nodes)
      if (other !== node && other.life > 0 && !other.lost) seen = Math.min(seen, this.seenBy(other, node));
    return seen;
  }

  /** The highest number of records of the node that the other was told: in this life, or durably before. */
  private seenBy(other: SimNode, { id }: SimNode): number {
    const before = other.disk instanceof LogDisk ? other.disk.seen(id) : 0;
    const now = other.up ? (this.heard.get(`${other.id}/${other.life} ${id}`) ?? 0) : 0;
    return Math.max(before, now);
  }

  private tells(node: SimNode, { id, life }: SimNode, position: number): void {
    const name = `${id}/${life} ${node.id}`;
    if (position > (this.heard.get(name) ?? 0)) this.heard.set(name, position);
  }

  failDisk(node: SimNode, downMs: number): void {
    if (!node.up || !(node.disk instanceof LogDisk)) return;
    this.trace.command(this.schedule.now, `disk of n${node.id} fails`);
    this.downAfterError.set(node, downMs);
    node.disk.failNext();
  }

  fillDisk(node: SimNode, forMs: number): void {
    const { disk } = node;
    // A newcomer is no member before it has something durable.
    if (!(disk instanceof LogDisk) || node.life === 0) return;
    this.trace.command(this.schedule.now, `disk of n${node.id} full`);
    disk.fill(true, Math.floor(forMs) % 2 === 0);
    node.filled();
    this.schedule.after(forMs, () => {
      disk.fill(false);
      node.filled();
      this.trace.command(this.schedule.now, `disk of n${node.id} has space`);
    });
  }

  stallDisk(node: SimNode, forMs: number): void {
    if (node.life === 0) return;
    this.sometimes.hit("a disk stood still");
    this.trace.command(this.schedule.now, `disk of n${node.id} stands still`);
    node.disk.stall(true);
    this.schedule.after(forMs, () => {
      node.disk.stall(false);
      this.trace.command(this.schedule.now, `disk of n${node.id} moves again`);
    });
  }

  /** Its storage says that the disk failed: the process ends, and is started on a disk that is well again. */
  private diskFailed(node: SimNode): void {
    const { life } = node;
    this.sometimes.hit("a write failed and its node ended");
    this.schedule.after(0, () => {
      if (node.life !== life || !node.up) return;
      this.crash(node);
      this.schedule.after(this.downAfterError.get(node) ?? 0, () => this.start(node));
    });
  }

  /** Both tell how many durable records they have; who comes back with less than it had told ends (R10). */
  private greet(node: SimNode, to: NodeId): boolean {
    const peer = this.node(to);
    if (!this.swarm.storage.real) return true;
    const { storage } = node;
    if (storage === null) return false;
    if (peer.storage === null) return !node.doomed;
    const name = `${node.id}/${node.life} ${to}/${peer.life}`;
    if (this.greeted.has(name)) return true;
    for (const [one, other] of [
      [node, peer],
      [peer, node],
    ] as const) {
      const position = one.storage?.position ?? 0;
      if (other.storage === null) continue;
      const seen = this.seenBy(other, one);
      if (rolledBack(position, other.storage.highestPosition(one.id))) {
        this.sometimes.hit("an older directory was refused by a peer");
        if (!one.doomed) this.violate("recovery finds what was durable", `n${one.id} was refused as rolled back`);
      } else if (position < seen) {
        const what = `n${other.id} lets n${one.id} in with ${position} records, and was told of ${seen}`;
        this.violate("who was rolled back is refused", what);
        continue;
      } else if (one.doomed) {
        // A crash has taken what the other knew: nobody promises anything for that.
        this.sometimes.hit("a peer had forgotten what it was told");
      } else continue;
      const { life } = one;
      // It says so and ends.
      this.schedule.after(0, () => {
        if (one.life !== life || !one.up) return;
        this.crash(one);
        one.gone = true;
      });
      return false;
    }
    peer.storage.sawPosition(node.id, storage.position);
    storage.sawPosition(to, peer.storage.position);
    this.tells(node, peer, storage.position);
    this.tells(peer, node, peer.storage.position);
    this.greeted.add(name).add(`${to}/${peer.life} ${node.id}/${node.life}`);
    return true;
  }

  /**
   * Without it and these others, every group has a majority of nodes that are not gone. So has the one before it, of
   * nodes that newcomers can take over from. And of every key a majority is not bad.
   */
  dispensable(node: SimNode, others: readonly SimNode[] = []): boolean {
    if (this.membership?.dispensable(node, others) === false) return false;
    const missing = (id: NodeId): boolean => id === node.id || this.node(id).lost || others.includes(this.node(id));
    for (let p = 0; p < this.swarm.partitions; p++) {
      const partition = p as Partition;
      const before = this.membership?.groupBefore(partition) ?? null;
      const sources = before?.replicas.filter(
        (id) => !missing(id) && this.checks.hasServed(partition, id, before.groupEpoch),
      );
      if (before !== null && (sources?.length ?? 0) < majorityOf(before.replicas.length)) return false;
      const replicas = this.replicasOf(partition);
      // One that is not ready may have to give way to another one, which then has no use for it.
      const epoch = this.groups.newestEpoch(partition);
      const left = replicas.filter((id) => !missing(id) && this.checks.hasServed(partition, id, epoch));
      if (left.length < majorityOf(replicas.length)) return false;
      const wished = this.membership?.groupWished(partition, replicas) ?? replicas;
      if (wished.filter((id) => !missing(id)).length < majorityOf(wished.length)) return false;
      for (const key of this.keys) {
        if (this.partitionOf(key) !== partition) continue;
        const sound = left.filter((id) => this.node(id).disk.sound(partition, key));
        if (sound.length < majorityOf(replicas.length)) return false;
      }
    }
    return true;
  }

  /**
   * Whether it can be lost for good as the newcomer of groups of two that is not ready. The others are healed without
   * it: nothing was decided with it, and all that the groups before held is there.
   */
  mayBlock(node: SimNode): boolean {
    const { membership, swarm } = this;
    if (membership === null || (swarm.views?.block ?? 0) === 0 || !membership.dispensable(node, [])) return false;
    let waits = false;
    for (let p = 0; p < swarm.partitions; p++) {
      const partition = p as Partition;
      const before = membership.groupBefore(partition);
      if (before?.replicas.some((id) => id === node.id || this.node(id).lost) === true) return false;
      if (!this.replicasOf(partition).includes(node.id)) continue;
      if (before === null || this.checks.hasServed(partition, node.id, this.groups.newestEpoch(partition)))
        return false;
      waits = true;
    }
    return waits;
  }

  /** Whoever runs and does not stand still answers every request by its deadline (the router's I3). */
  expectVerdict(node: SimNode, timeout: number, done: () => boolean): void {
    const { life, pauses } = node;
    this.schedule.after((timeout * 1) / (1 - this.swarm.drift) + this.slackMs, () => {
      if (done() || node.life !== life || !node.up || node.pauses !== pauses) return;
      this.violate("one verdict by the deadline", `n${node.id} left a request without a verdict`);
    });
  }

  private makeNetwork(): Network {
    const { swarm, schedule, sometimes } = this;
    return new Network({
      schedule,
      sometimes,
      chance: this.chance.fork("network"),
      nodes: swarm.nodes + newcomersIn(swarm),
      faults: swarm.network,
      codec: swarm.codec,
      sent: (from, to, message) => {
        this.checks.sent(from, to, message);
        this.membership?.watch.sent(from, this.node(from).life, message);
      },
      luck: (from, to, kind, stream) => this.source.message(from, to, kind, stream),
      deliver: (from, life, to, message, held) => {
        const node = this.node(to);
        if (!node.up) return;
        this.trace.message(schedule.now, from, to, message);
        const running = message.kind === "purge" ? catchingUp(node, message.partition) : false;
        if (node.receive(from, life, message, held) === "old life")
          sometimes.hit("a message of an earlier life arrived");
        if (message.kind === "purge" && running && !catchingUp(node, message.partition))
          sometimes.hit("a transfer was dropped by a purge");
      },
      lifeOf: (id) => this.node(id).life,
      linkLost: (at, peer) => {
        // The next stream begins with a handshake.
        this.greeted.delete(`${at}/${this.node(at).life} ${peer}/${this.node(peer).life}`);
        this.node(at).linkLost(peer);
      },
    });
  }

  private makeNode(id: NodeId, base: EncodedView | null): SimNode {
    const { schedule, swarm } = this;
    const chance = this.chance.fork(`disk ${id}`);
    return new SimNode({
      id,
      base,
      views: swarm.views !== null,
      moves: () => this.membership?.wanted ?? [],
      replaceAfter: duration(swarm.views?.heal ?? 0),
      schedule,
      round: duration(swarm.roundMs),
      purgeAfter: duration(swarm.purgeAfterMs === 0 ? NEVER_MS : swarm.purgeAfterMs),
      turnMs: swarm.turnMs,
      rate: 1 + (this.chance.fork(`clock ${id}`).fraction() * 2 - 1) * swarm.drift,
      makeDisk: (tell) => {
        const options = {
          schedule,
          chance,
          faults: swarm.disk,
          tell,
          appended: (entry: NodeEntry) => {
            if (!isViewEntry(entry) && !isCopyEntry(entry)) this.checks.appended(id, entry);
          },
          durable: (entry: NodeEntry, before: Copy) => {
            if (isViewEntry(entry)) this.membership?.watch.durable(id, entry);
            else if (isCopyEntry(entry)) this.checks.copyEntry(id, entry);
            else this.checks.durable(id, entry, before);
          },
        };
        return swarm.storage.real ? this.makeLogDisk(id, options) : new SimDisk(options);
      },
      greet: (node, to) => this.greet(node, to),
      linked: (node, to) => this.membership?.linked(node, this.node(to)) ?? true,
      started: (node) => this.membership?.started(node),
      droppedWhenFull: () => this.sometimes.hit("a message that brings a register was dropped as the disk was full"),
      streamless: () => this.sometimes.hit("a request met no stream"),
      said: (node, message) => {
        this.checks.said(node.id, message);
        const { disk } = node;
        if (message.kind === "heartbeat" && disk instanceof LogDisk && message.logPosition > disk.durable)
          this.violate(
            "nothing is told before it is durable",
            `n${id} tells of ${message.logPosition} records, and ${disk.durable} are durable`,
          );
      },
      took: (node, from, message) => {
        this.checks.took(node, from, message);
        if (message.kind === "heartbeat") this.tells(this.node(from), node, message.logPosition);
      },
      stepped: (node) => {
        this.checks.stepped(node);
        for (const { with: other, epoch } of node.machine?.core.conflicts.splice(0) ?? [])
          this.membership?.watch.conflict(node.id, other, epoch);
      },
      failed: (node, error) => {
        if (error instanceof Violated) throw error;
        const detail = error instanceof Error ? error.message : String(error);
        throw new Violated({ check: "assertion in the core", detail: `n${node.id}: ${detail}`, at: schedule.now });
      },
    });
  }

  private makeLogDisk(id: NodeId, options: DiskOptions): LogDisk {
    const { storage, nemesis, partitions } = this.swarm;
    return new LogDisk({
      ...options,
      node: id,
      partitions,
      settings: {
        segmentBytes: storage.segmentBytes,
        foldLogBytes: storage.foldLogBytes,
        foldMemoryBytes: 8 * storage.foldLogBytes,
        foldKeys: storage.foldKeys,
        maxMemoryBytes: Number.POSITIVE_INFINITY,
        cacheBytes: storage.cacheBytes,
        sweepBlocks: 16,
        scrubMs: nemesis.rot > 0 && nemesis.scrubbed > 0 ? nemesis.scrubMs : 0,
      },
      sometimes: this.sometimes,
      violate: (check, detail) => this.violate(check, detail),
      bad: (partition, key) => this.schedule.after(0, () => this.node(id).scrub(partition, key)),
      failed: () => this.diskFailed(this.node(id)),
    });
  }

  /** A plan made shorter may still speak of nodes that are not there any more. */
  has(id: NodeId): boolean {
    return id <= this.nodes.length;
  }

  node(id: NodeId): SimNode {
    return this.nodes[id - 1] as SimNode;
  }

  replicasOf(partition: Partition): readonly NodeId[] {
    return this.groups.newest(partition);
  }
}

const catchingUp = (node: SimNode, partition: Partition): boolean =>
  node.machine?.core.partitions.get(partition)?.upkeep.catchUp.running === true;

const newcomersIn = (swarm: Swarm): number => swarm.views?.newcomers ?? 0;

export function firstView(
  swarm: Pick<Swarm, "nodes" | "replicas" | "partitions"> & { readonly views?: Swarm["views"] },
): View {
  // As Membership names places.
  const moving = swarm.views != null;
  const members = nodeIds(swarm.nodes).map((id) => ({
    id,
    clientAddress: moving ? `n${id}:c` : `n${id}:1`,
    peerAddress: moving ? `n${id}` : `n${id}:2`,
    zone: "",
  }));
  return {
    epoch: viewEpoch(1),
    clusterId: "0".repeat(32),
    previousDigest: "",
    operationId: "0".repeat(32),
    replicationFactor: swarm.replicas,
    members,
    partitions: firstPlacement(members, swarm.replicas, swarm.partitions),
    voters: members.slice(0, swarm.views?.voters ?? members.length).map(({ id }) => id),
  };
}
