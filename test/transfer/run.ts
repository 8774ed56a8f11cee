/**
 * Runs the world of transfers by seed. Groups of one partition change, with a writer under load before and after, and
 * old replicas hold different states. Anyone crashes at any step, registers rot, tombstones are purged, and a network
 * loses, doubles, delays and reorders. After that a calm time, in which every replica must become ready.
 */
import { Prng } from "../../src/base/prng.js";
import { voteOf } from "../../src/base/votes.js";
import { STATES_BYTES, TRANSFER_BYTES, TRANSFER_PAGE_BYTES } from "../../src/core/model/bounds.js";
import {
  type GroupEpoch,
  groupEpoch,
  type Key,
  key as keyOf,
  type NodeId,
  nodeId,
  revision,
} from "../../src/core/model/ids.js";
import type { RequestId, WriteOperation } from "../../src/core/model/operation.js";
import type { Register } from "../../src/core/model/register.js";
import { BAD } from "../../src/core/model/table.js";
import { Schedule } from "../sim/schedule.js";
import { Broken, type TransferCheck, TransferChecks } from "./checks.js";
import {
  at,
  type Disk,
  type GroupView,
  P,
  TransferNode,
  type WorldEntry,
  type WorldMessage,
  WorldOutbox,
} from "./node.js";

const TICK_MS = 20;
const CHAOS_MS = 20_000;
const CALM_MS = 40_000;
const NODES = 7;

export interface TransferRun {
  readonly seed: number;
  readonly groups: number;
  readonly merges: number;
  readonly inherited: number;
  readonly violation: { readonly check: TransferCheck; readonly detail: string } | null;
  readonly hash: number;
  readonly trace: readonly string[];
}

export function runTransfer(seed: number, keep = 0): TransferRun {
  return new World(seed, keep).run();
}

interface Host {
  readonly id: NodeId;
  readonly disk: Disk;
  node: TransferNode | null;
  life: number;
  readonly waiting: {
    readonly out: WorldOutbox;
    readonly life: number;
    readonly epoch: GroupEpoch;
    readonly ready: boolean;
    /** The copy was ready before the step. */
    readonly serves: boolean;
  }[];
}

interface Faults {
  readonly delayMs: number;
  readonly spreadMs: number;
  readonly loss: number;
  readonly doubled: number;
  readonly late: number;
  readonly diskMs: number;
  readonly crash: number;
  readonly rot: number;
  readonly purge: number;
  readonly keys: number;
  readonly longKeys: boolean;
  readonly valueBytes: number;
  readonly bytesPerSecond: number;
}

class World {
  private readonly schedule = new Schedule();
  private readonly chance: Prng;
  private readonly luck: Prng;
  private readonly faults: Faults;
  private readonly views: GroupView[];
  private readonly checks: TransferChecks;
  private readonly hosts: Host[] = [];
  private readonly keys: Key[];
  private readonly trace: string[] = [];
  /** Removals that are not durable yet take away these. */
  private readonly asked = new Map<string, number>();
  private calm = false;
  private ticket = 0;
  private round = 0;
  private merges = 0;
  private inherited = 0;
  private hash = 0;

  constructor(
    private readonly seed: number,
    private readonly keep: number,
  ) {
    this.chance = new Prng(seed).fork("nemesis");
    this.luck = new Prng(seed).fork("network");
    this.faults = drawFaults(new Prng(seed).fork("faults"));
    const size = this.chance.pick([3, 3, 3, 4, 5, 5]);
    const founders = ids(size);
    this.views = [{ epoch: groupEpoch(1), replicas: founders, previous: null, recorded: new Set(founders) }];
    this.checks = new TransferChecks(this.views);
    this.keys = Array.from({ length: this.faults.keys }, (_, i) => {
      const long = this.faults.longKeys ? this.chance.below(3_600) : 0;
      return keyOf(`${String.fromCharCode(97 + this.chance.below(26))}${i}${"-".repeat(long)}`);
    });
    for (const id of ids(NODES)) {
      const entries: WorldEntry[] = founders.includes(id)
        ? [{ kind: "ready", partition: P, epoch: groupEpoch(1) }]
        : [];
      this.hosts.push({ id, disk: { entries, rotten: new Map() }, node: null, life: 0, waiting: [] });
    }
  }

  run(): TransferRun {
    let violation: TransferRun["violation"] = null;
    try {
      for (const host of this.hosts) this.start(host);
      this.every(100, 40, () => this.load());
      this.every(400, 300, () => this.strike());
      this.every(1_500, 1_500, () => this.purge());
      this.every(3_000, 2_500, () => this.move());
      this.every(2_000, 1_000, () => this.preCopy());
      this.every(300, 300, () => this.spread());
      this.every(500, 200, () => this.pace());
      this.schedule.runUntil(CHAOS_MS);
      this.calmDown();
      this.schedule.runUntil(CHAOS_MS + CALM_MS);
      this.judge();
    } catch (error) {
      if (error instanceof Broken) violation = { check: error.check, detail: error.message };
      else if (error instanceof Error && error.name === "AssertionError")
        violation = { check: "assertion in the core", detail: error.message };
      else throw error;
    }
    const { seed, merges, inherited, hash, trace } = this;
    return { seed, groups: this.views.length, merges, inherited, violation, hash: hash >>> 0, trace };
  }

  private get newest(): GroupView {
    return this.views.at(-1) as GroupView;
  }

  private every(first: number, ms: number, act: () => void): void {
    const again = (): void => {
      act();
      this.schedule.after(ms * (0.5 + this.chance.fraction()), again);
    };
    this.schedule.after(first, again);
  }

  // ---- Hosts. ----

  private start(host: Host): void {
    host.life++;
    const { life } = host;
    host.node = new TransferNode(host.id, this.views, host.disk, host.life);
    host.node.load.limit(at(this.schedule.now), this.faults.bytesPerSecond);
    this.note(`n${host.id} starts at group ${host.node.known}`);
    const again = (): void => {
      if (host.life !== life || host.node === null) return;
      this.step(host, (node, out) => node.tick(at(this.schedule.now), (nodes) => this.heardBy(nodes), out));
      this.schedule.after(TICK_MS, again);
    };
    this.schedule.after(this.luck.fraction() * TICK_MS, again);
  }

  private crash(host: Host): void {
    if (host.node === null) return;
    this.note(`n${host.id} crashes`);
    host.life++;
    host.node = null;
    host.waiting.length = 0;
  }

  private heardBy(nodes: readonly NodeId[]): number {
    let heard = 0;
    nodes.forEach((id, place) => {
      if (this.hostOf(id).node !== null) heard |= voteOf(place);
    });
    return heard;
  }

  private step(host: Host, act: (node: TransferNode, out: WorldOutbox) => void): void {
    const { node } = host;
    if (node === null) return;
    const out = new WorldOutbox();
    const removed = new Map<Key, Register>();
    const wasReady = node.ready;
    const remove = node.table.remove.bind(node.table);
    const { table } = node;
    // Keys that a purge takes away are gone once its step has ended.
    table.remove = (key, change) => {
      const held = table.get(key);
      if (held !== null && held !== BAD && held.tombstone && node.ready && wasReady) removed.set(key, held);
      remove(key, change);
    };
    act(node, out);
    Reflect.deleteProperty(table, "remove");
    const merged = node.merge;
    if (merged !== null) this.watchMemory(node, merged.buffered);
    const isReady = merged?.ready === true;
    node.settleReadiness(out);
    node.took(out.entries);
    for (const register of removed.values()) this.checks.removed(register);
    for (const entry of out.entries) {
      if (entry.kind === "inherited" && entry.mark > 0) this.inherited++;
    }
    out.sendNow.each((to, message) => this.post(host, to, message as WorldMessage));
    if (out.entries.length === 0 && out.sendDurable.count === 0) return;
    host.waiting.push({ out, life: host.life, epoch: node.known, ready: isReady, serves: wasReady });
    if (host.waiting.length === 1) this.write(host);
  }

  private write(host: Host): void {
    const batch = host.waiting[0];
    if (batch === undefined) return;
    const { out, life } = batch;
    const wait = out.entries.length === 0 ? 0 : this.faults.diskMs * (0.5 + this.luck.fraction());
    this.schedule.after(wait, () => {
      if (host.life !== life || host.waiting[0] !== batch || host.node === null) return;
      host.waiting.shift();
      for (const entry of out.entries) {
        if (entry.kind === "knows") {
          // It sealed the group before with that.
          const sealed = (entry.epoch - 1) as GroupEpoch;
          this.checks.sealed(host.id, sealed, reservationOf(host.disk));
          this.note(`n${host.id} knows group ${entry.epoch}`);
        }
        host.disk.entries.push(entry);
        this.checks.durable(host.id, batch.epoch, entry, batch.serves);
      }
      if (batch.ready && host.node.known === batch.epoch) {
        this.merges++;
        this.note(`n${host.id} is ready in group ${batch.epoch}, ${host.node.receiver.inherited.marks.size} bad`);
        this.checks.ready(host.node, this.nodes());
        this.newest.recorded.add(host.id);
      }
      out.sendDurable.each((to, message) => this.post(host, to, message as WorldMessage));
      this.write(host);
    });
  }

  private nodes(): Map<NodeId, TransferNode> {
    const nodes = new Map<NodeId, TransferNode>();
    for (const { id, node } of this.hosts) if (node !== null) nodes.set(id, node);
    return nodes;
  }

  private hostOf(id: NodeId): Host {
    return this.hosts[id - 1] as Host;
  }

  // ---- The network. ----

  private post(host: Host, to: NodeId, message: WorldMessage): void {
    const target = this.hostOf(to);
    if (message.kind.startsWith("ask-") && "attempt" in message) this.watchPace(host, message);
    this.hash = Math.imul(this.hash ^ (host.id * 31 + to), 0x01000193) ^ message.kind.length ^ this.schedule.count;
    const { life } = host;
    if (to === host.id) {
      this.schedule.after(0, () => {
        if (host.life === life) this.deliver(host.id, host, message);
      });
      return;
    }
    const { faults, luck } = this;
    if (!this.calm && luck.chance(faults.loss)) return;
    const copies = !this.calm && luck.chance(faults.doubled) && message.kind !== "hand-over" ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const late = !this.calm && luck.chance(faults.late) ? luck.fraction() * 4_000 : 0;
      this.schedule.after(faults.delayMs + luck.fraction() * faults.spreadMs + late, () =>
        this.deliver(host.id, target, message),
      );
    }
  }

  private deliver(from: NodeId, target: Host, message: WorldMessage): void {
    const { node } = target;
    if (node === null) return;
    this.step(target, (one, out) => one.receive(at(this.schedule.now), from, message, out));
    const source = this.hostOf(from).node;
    if (message.kind === "delta" && source !== null) this.checks.preCopied(node, source, message);
  }

  // ---- What happens. ----

  private load(): void {
    const writer = this.writer();
    if (writer === null) return this.elect();
    const { chance } = this;
    const key = chance.pick(this.keys);
    const value = new Uint8Array(chance.below(this.faults.valueBytes) + 1);
    const deletes = chance.chance(0.35);
    const operation: WriteOperation = deletes ? { kind: "delete", key, condition: null } : { kind: "put", key, value };
    const requestId = chance.chance(0.6) ? (`request-${++this.ticket}`.padEnd(16) as RequestId) : null;
    const request = { operation, requestId, after: requestId === null ? null : revision(0), fingerprint: 1 };
    this.step(writer, (node, out) =>
      node.copy.writer.write(at(this.schedule.now), ++this.ticket, request, at(this.schedule.now + 2_000), out),
    );
  }

  private writer(): Host | null {
    const { epoch } = this.newest;
    for (const host of this.hosts) {
      const { node } = host;
      if (node?.ready && node.copy.writer.elected && (node.known === epoch || this.views.length > 1)) return host;
    }
    return null;
  }

  private elect(): void {
    const able = this.hosts.filter(({ node }) => node?.ready === true);
    if (able.length === 0) return;
    const host = this.chance.pick(able);
    if (host.node?.copy.writer.ballot != null && this.chance.chance(0.7)) return;
    for (const { node } of this.hosts) if (node !== null) node.writer = host.id;
    this.step(host, (node, out) => node.campaign(++this.round, out));
  }

  private strike(): void {
    if (this.calm) return;
    const { chance, faults } = this;
    for (const host of this.hosts) {
      if (host.node === null && chance.chance(0.25)) this.start(host);
      else if (host.node !== null && chance.chance(faults.crash)) this.crash(host);
    }
    if (chance.chance(0.1)) this.elect();
    if (chance.chance(faults.rot)) this.rot();
  }

  private rot(): void {
    const host = this.chance.pick(this.hosts.filter(({ node }) => node?.ready === true).concat(this.hosts.slice(0, 1)));
    const key = this.chance.pick(this.keys);
    const change = host.node?.rot(key) ?? 0;
    if (change === 0) return;
    this.note(`n${host.id}: ${key.slice(0, 8)} rots`);
    host.disk.rotten.set(key, change);
    host.node?.copy.replica.look(key);
  }

  private purge(): void {
    const writer = this.writer();
    if (writer?.node == null || !this.chance.chance(this.faults.purge)) return;
    const { node } = writer;
    const { view } = node;
    // Every replica of the group confirms, one that is not ready does not.
    if (!node.copy.writer.quiet || view.replicas.some((id) => this.hostOf(id).node?.ready !== true)) return;
    this.step(writer, (one, out) => one.campaign(++this.round, out));
    const begin = (tries: number): void => {
      const { life } = writer;
      this.schedule.after(100, () => {
        if (writer.life !== life || writer.node !== node || node.view !== view) return;
        if (!node.copy.writer.elected) return tries > 0 ? begin(tries - 1) : undefined;
        this.step(writer, (one, out) => one.copy.writer.purge(at(this.schedule.now), one.table.tombstones(64), out));
      });
    };
    begin(5);
  }

  /** The next group: one replica is replaced, added or taken out. */
  private move(): void {
    const { newest, chance } = this;
    if (this.calm || this.views.length >= 4 || !chance.chance(0.5)) return;
    const unready = newest.replicas.filter((id) => !newest.recorded.has(id));
    if (unready.length > 1) return;
    const ready = newest.replicas.length - unready.length;
    if (
      unready.length === 1 &&
      (ready <= newest.replicas.length / 2 || this.hostOf(unready[0] as NodeId).node !== null)
    )
      return;
    if (unready.length === 0 && this.anyInherited()) return;
    const out = unready[0] ?? chance.pick(newest.replicas);
    const others = this.hosts.map(({ id }) => id).filter((id) => !newest.replicas.includes(id));
    const fresh = this.preCopying() ?? chance.pick(others);
    const stay = newest.replicas.filter((id) => id !== out);
    const shrink = unready.length === 0 && newest.replicas.length >= 4 && chance.chance(0.6);
    let replicas = shrink ? stay : [...stay, fresh];
    if (shrink && replicas.length === 4 && chance.chance(0.7)) {
      // From five to three: two go, and sometimes one comes.
      const two = chance.shuffle(stay);
      replicas = chance.chance(0.6) ? [...two.slice(0, 2), fresh] : two.slice(0, 3);
    }
    const { epoch, replicas: before } = newest;
    this.views.push({
      epoch: (epoch + 1) as GroupEpoch,
      replicas: replicas.sort((a, b) => a - b),
      previous: { epoch, replicas: before },
      recorded: new Set(),
    });
    this.note(`group ${epoch + 1} is of ${replicas}, after ${before}`);
    for (const host of this.hosts) if (chance.chance(0.4)) this.learn(host);
  }

  private anyInherited(): boolean {
    return this.hosts.some(
      ({ id, node }) => this.newest.replicas.includes(id) && (node === null || node.receiver.inherited.marks.size > 0),
    );
  }

  private preCopying(): NodeId | null {
    for (const { id, node } of this.hosts)
      if (node?.preCopy != null && !this.newest.replicas.includes(id) && node.known === this.newest.epoch) return id;
    return null;
  }

  private preCopy(): void {
    const { newest, chance } = this;
    if (this.calm || this.preCopying() !== null || newest.replicas.some((id) => !newest.recorded.has(id))) return;
    const others = this.hosts.filter(({ id, node }) => node?.known === newest.epoch && !newest.replicas.includes(id));
    if (others.length === 0 || !chance.chance(0.6)) return;
    const host = chance.pick(others);
    this.note(`n${host.id} pre-copies group ${newest.epoch}`);
    this.step(host, (node, out) =>
      node.beginPreCopy(at(this.schedule.now), (newest.epoch + 1) as GroupEpoch, newest, out),
    );
  }

  /** Nodes come to know the newest group. */
  private spread(): void {
    for (const host of this.hosts) if (this.calm || this.chance.chance(0.3)) this.learn(host);
    const { newest } = this;
    for (const id of newest.replicas)
      if (this.hostOf(id).node?.ready === true && this.hostOf(id).node?.known === newest.epoch) this.recordStayer(id);
    const serving = this.hosts.flatMap(({ node }) => (node === null ? [] : [node]));
    this.checks.serving(newest, serving);
  }

  private recordStayer(id: NodeId): void {
    if (this.hostOf(id).waiting.length === 0) this.newest.recorded.add(id);
  }

  private learn(host: Host): void {
    const { node } = host;
    if (node === null || node.known >= this.newest.epoch) return;
    const next = (node.known + 1) as GroupEpoch;
    // Views come one after the other.
    this.step(host, (one, out) => one.learn(next, out));
  }

  // ---- Checks of each step. ----

  private watchMemory(node: TransferNode, buffered: number): void {
    const sources = node.view.previous?.replicas.length ?? 0;
    if (buffered > sources * 3 * STATES_BYTES)
      throw new Broken("memory is bounded by pages", `n${node.id} holds ${buffered} bytes of ${sources} sources`);
    if (node.load.bytes > TRANSFER_BYTES + TRANSFER_PAGE_BYTES || node.load.bytes < 0)
      throw new Broken("memory is bounded by pages", `n${node.id} has asked for ${node.load.bytes} bytes`);
  }

  /** Fills and empties the logs. */
  private pace(): void {
    for (const { node } of this.hosts) if (node !== null) node.load.room = this.calm || this.chance.chance(0.85);
  }

  private watchPace(host: Host, message: WorldMessage): void {
    if (!("attempt" in message) || host.node === null) return;
    if (!["ask-registers", "ask-delta", "ask-states", "ask-keys"].includes(message.kind)) return;
    const name = `${host.id} ${message.attempt}`;
    const before = this.asked.get(name);
    this.asked.set(name, this.schedule.now);
    if (before === undefined && !host.node.load.room)
      throw new Broken("nothing is asked for without room", `n${host.id} sends ${message.kind}`);
  }

  // ---- The end. ----

  private calmDown(): void {
    this.calm = true;
    this.note("calm");
    for (const host of this.hosts) {
      if (host.node === null) this.start(host);
      host.node?.load.limit(at(this.schedule.now), Number.POSITIVE_INFINITY);
    }
  }

  private judge(): void {
    const { newest } = this;
    for (const id of newest.replicas) {
      const { node } = this.hostOf(id);
      if (node === null || node.known !== newest.epoch || !node.ready)
        throw new Broken(
          "a healthy majority moves on",
          `n${id} is not ready in group ${newest.epoch}: ${node?.merge?.waitsFor ?? "no merge"}, group ${node?.known}`,
        );
      this.checks.marks(node);
    }
  }

  private note(line: string): void {
    if (this.keep === 0) return;
    this.trace.push(`${Math.round(this.schedule.now)} ${line}`);
    if (this.trace.length > this.keep) this.trace.shift();
  }
}

const ids = (count: number): NodeId[] => Array.from({ length: count }, (_, i) => nodeId(i + 1));

function reservationOf({ entries }: Disk): number {
  let highest = 0;
  for (const entry of entries)
    if (entry.kind === "reservation" && entry.reservation > highest) highest = entry.reservation;
  return highest;
}

function drawFaults(dice: Prng): Faults {
  return {
    delayMs: dice.pick([1, 5, 30]),
    spreadMs: dice.pick([1, 20, 100]),
    loss: dice.pick([0, 0.02, 0.15]),
    doubled: dice.pick([0, 0.1]),
    late: dice.pick([0, 0.03, 0.1]),
    diskMs: dice.pick([1, 8, 40]),
    crash: dice.pick([0, 0.02, 0.06]),
    rot: dice.pick([0, 0, 0.15]),
    purge: dice.pick([0, 0.7, 1]),
    keys: dice.pick([4, 20, 60]),
    longKeys: dice.chance(0.5),
    valueBytes: dice.pick([16, 16, 12_000]),
    bytesPerSecond: dice.pick([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 200_000]),
  };
}
