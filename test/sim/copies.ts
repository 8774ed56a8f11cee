/**
 * Checks of the copies of one partition's registers, on the disks themselves. Each copy takes what is above the fence
 * or settled (R1). A purge is rightful, what it removed stays away (R12), and the floor outlives it (R9). A bad copy
 * says nothing, and is mended by what is at least as new (R11).
 *
 * Two notions. A state of a key is *complete* once a majority of the disks held it, or a later one, at the same moment.
 * A copy that went bad counts for what it was. It had acknowledged that, and says nothing until it is mended. The
 * writer mends it, which knows as much. A purged copy counts for the tombstone that was there.
 */
import { majorityOf } from "../../src/base/votes.js";
import {
  type Ballot,
  compareBallots,
  compareTimestamps,
  formatTimestamp,
  type Timestamp,
} from "../../src/core/model/ballot.js";
import type { CopyEntry } from "../../src/core/model/copy-entry.js";
import type { Entry } from "../../src/core/model/entry.js";
import {
  type ChangeNumber,
  FOUNDING,
  type GroupEpoch,
  type Key,
  type NodeId,
  type Partition,
  type Revision,
} from "../../src/core/model/ids.js";
import type { Purge } from "../../src/core/model/message.js";
import type { NodeMessage } from "../../src/core/model/node-message.js";
import type { Register } from "../../src/core/model/register.js";
import type { ReadyCopy } from "../../src/core/view/message.js";
import { renderRegister, renderTimestamp } from "../scripts/render.js";
import type { Violate } from "./checks.js";
import type { Copy } from "./disk.js";
import type { Groups } from "./groups.js";
import { Lives } from "./lives.js";
import type { SimNode } from "./node.js";
import type { Sometimes } from "./sometimes.js";

export interface CopyChecksOptions {
  readonly partition: Partition;
  readonly groups: Groups;
  readonly node: (id: NodeId) => SimNode;
  readonly sometimes: Sometimes;
  readonly violate: Violate;
}

/** A purge of which the writer has told somebody. */
interface KnownPurge {
  readonly ballot: Ballot;
  readonly timestamp: Timestamp;
  readonly revision: Revision;
}

/** A copy that was ready, and that another one follows on the same disk: those that merge still ask it. */
interface OlderCopy {
  readonly copy: GroupEpoch;
  readonly registers: ReadonlyMap<Key, Register>;
}

export class CopyChecks {
  /** As the disks have them. */
  private readonly promises = new Map<NodeId, Ballot>();
  private readonly floors = new Map<NodeId, Revision>();
  /** The group epoch in which a node's newest copy began; missing: with the founding. */
  private readonly beginnings = new Map<NodeId, GroupEpoch>();
  /** Registers of the newest copies, and of those that a later one follows and that are not dropped. */
  private readonly registers = new Map<NodeId, Map<Key, Register>>();
  private readonly older = new Map<NodeId, OlderCopy[]>();
  /** The lives of all copies. A copy that is not ready takes what the group before held, whatever its promise. */
  private readonly lives: Lives;
  /** By node and source: up to which change it was looked at. */
  private readonly cursors = new Map<string, number>();
  /** The latest change of each key at a node. */
  private readonly changes = new Map<NodeId, Map<Key, ChangeNumber>>();
  /** By key: the latest state that was ever complete. */
  private readonly complete = new Map<Key, Timestamp>();
  private readonly purges = new Map<Key, KnownPurge[]>();
  /** By asker and attempt: the key that was asked about. */
  private readonly asked = new Map<string, Key>();
  /** By asker and attempt: what was complete when a key was handed over. */
  private readonly handed = new Map<string, { readonly key: Key; readonly complete: Timestamp | null }>();
  /** By key: the tombstone of a pass that is under way, and its ballot. */
  private readonly passes = new Map<Key, { readonly ballot: Ballot; readonly timestamp: Timestamp }>();

  constructor(private readonly options: CopyChecksOptions) {
    this.lives = new Lives(options.partition, options.groups, options.violate);
  }

  sent(from: NodeId, to: NodeId, message: NodeMessage): void {
    switch (message.kind) {
      case "recover":
      case "read":
        this.asked.set(`${from}/${message.attempt}`, message.key);
        return;
      case "impose":
        this.asked.set(`${from}/${message.attempt}`, message.register.key);
        return;
      case "ask-tombstone":
        this.asked.set(`${from}/${message.attempt}`, message.key);
        return this.passBegins(message.key, message.ballot, message.timestamp);
      case "purge":
        this.asked.set(`${from}/${message.attempt}`, message.key);
        return;
      case "recovered":
      case "read-answer":
      case "imposed":
      case "tombstone-held":
        return this.speaks(from, this.asked.get(`${to}/${message.attempt}`), message.kind);
      case "hand-over": {
        const name = `${from}/${message.attempt}`;
        // Sent again under the same attempt: the answer may be to the first.
        if (!this.handed.has(name))
          this.handed.set(name, { key: message.key, complete: this.complete.get(message.key) ?? null });
        return;
      }
      case "changes":
        for (const { register } of message.changes) this.speaks(from, register?.key, "changes");
        return;
      case "handed-over":
        if (message.done) this.handedOver(`${to}/${message.attempt}`, message.register);
        return;
      case "states":
        return this.lives.tellsMerge(from, message);
      case "keys-held":
        this.lives.tellsMerge(from, message);
        for (const { key, bad } of message.held) if (!bad) this.speaks(from, key, message.kind);
        return;
      default:
        return;
    }
  }

  /** The node says something about the key. */
  speaks(node: NodeId, key: Key | undefined, how: string): void {
    if (key === undefined || !this.copyAt(node, key).silent) return;
    this.options.violate("a bad register says nothing", `n${node} sends ${how} of ${key}, whose register is bad`);
  }

  /** A node says that its copy is ready. */
  saysReady(from: NodeId, copy: ReadyCopy): void {
    this.lives.saysReady(from, copy);
  }

  hasServed(node: NodeId, epoch: GroupEpoch): boolean {
    return this.lives.hasServed(node, epoch);
  }

  /** A vote of a group is what a copy holds that is ready. */
  isReady(node: NodeId): boolean {
    return this.lives.isReady(node);
  }

  /** A copy begins with nothing, or is gone. */
  copyEntry(node: NodeId, entry: CopyEntry): void {
    const older = this.older.get(node) ?? [];
    if (entry.kind === "begun") {
      const copy = this.beginnings.get(node) ?? FOUNDING;
      const registers = this.registersOf(node);
      if (this.lives.isReady(node)) this.older.set(node, [...older, { copy, registers }]);
      this.registers.delete(node);
    } else
      this.older.set(
        node,
        older.filter(({ copy }) => copy !== entry.copy),
      );
    this.lives.copyEntry(node, entry);
    if (entry.kind === "begun") this.begun(node, entry.copy);
    else this.options.sometimes.hit("a copy was dropped");
  }

  private registersOf(node: NodeId): Map<Key, Register> {
    const registers = this.registers.get(node) ?? new Map<Key, Register>();
    this.registers.set(node, registers);
    return registers;
  }

  private begun(node: NodeId, copy: GroupEpoch): void {
    this.beginnings.set(node, copy);
    this.promises.delete(node);
    this.floors.delete(node);
    this.changes.delete(node);
    for (const name of this.cursors.keys())
      if (name.startsWith(`${node}/`) || name.endsWith(`/${node}`)) this.cursors.delete(name);
  }

  durable(node: NodeId, entry: Entry, before: Copy): void {
    switch (entry.kind) {
      case "sealed":
        return this.lives.durable(node, entry);
      case "ready":
        this.lives.durable(node, entry);
        return this.begins(node, entry.epoch);
      case "promise":
        this.promises.set(node, entry.ballot);
        return;
      case "floor":
        this.floors.set(node, entry.floor);
        return;
      case "register":
        this.changesOf(node).set(entry.register.key, entry.change);
        this.registersOf(node).set(entry.register.key, entry.register);
        return this.took(node, entry.register, before);
      case "removed":
        this.changesOf(node).delete(entry.key);
        this.registersOf(node).delete(entry.key);
        return this.removed(node, entry.key, before);
      case "cursor":
        this.options.sometimes.hit("a replica caught up");
        return this.caughtUp(node, entry);
      default:
        return;
    }
  }

  /** Up to that change the copy has what the other one has, as far as it counts. */
  private caughtUp(node: NodeId, { source, copy, change }: Extract<Entry, { kind: "cursor" }>): void {
    // Written while its disk stood still, perhaps: changes of an earlier copy there. Those of the newest begin anew.
    if (copy !== (this.beginnings.get(source) ?? FOUNDING)) return;
    const name = `${node}/${source}`;
    const before = this.cursors.get(name) ?? 0;
    this.cursors.set(name, change);
    for (const [key, of] of this.changesOf(source)) {
      if (of <= before) continue;
      const { register } = this.copyAt(source, key);
      const complete = this.complete.get(key);
      // A bad register there is not listed, and changes again when it is mended. Its node may have started again since
      // it answered, and then does not know of it until it looks: what the disk has counts.
      if (of > change || !this.sound(source, key) || register === null || complete === undefined) continue;
      const there = register.timestamp;
      // A state later than all that ever counted may be refused, and then the writer tells what does.
      const wanted = compareTimestamps(there, complete) < 0 ? there : complete;
      const own = this.copyAt(node, key);
      const held = own.register?.timestamp ?? this.purged(key)?.timestamp;
      // A bad copy is mended by the writer, whether this life of the node has found it yet or not.
      if (!this.sound(node, key)) continue;
      if (held !== undefined && compareTimestamps(held, wanted) >= 0) continue;
      this.options.violate(
        "a cursor passes what is here",
        `n${node} has all of n${source} up to ${change}, and of ${key} ${held === undefined ? "nothing" : formatTimestamp(held)} instead of ${formatTimestamp(wanted)}`,
      );
    }
  }

  private changesOf(node: NodeId): Map<Key, ChangeNumber> {
    let changes = this.changes.get(node);
    if (changes === undefined) {
      changes = new Map();
      this.changes.set(node, changes);
    }
    return changes;
  }

  /** A state that counts and that this copy lacks, in words. */
  lacking(node: NodeId): string[] {
    const lacking: string[] = [];
    for (const [key, complete] of this.complete) {
      const purged = this.purged(key)?.timestamp;
      if (purged !== undefined && compareTimestamps(purged, complete) >= 0) continue;
      const held = this.copyAt(node, key).register;
      if (held !== null && compareTimestamps(held.timestamp, complete) >= 0) continue;
      lacking.push(`${key} of ${formatTimestamp(complete)}, and has ${renderRegister(held)}`);
    }
    return lacking;
  }

  /**
   * Whether the key's state is one of these on a majority of some group's disks; purged or bad ones count for what they
   * were.
   */
  onMajority(
    key: Key,
    where: (held: { readonly timestamp: Timestamp; readonly revision: Revision }) => boolean,
  ): boolean {
    const purged = this.purged(key);
    return [...this.options.groups.all(this.options.partition)].some(([epoch, replicas]) => {
      let count = 0;
      for (const id of replicas) {
        const held = this.voteOf(id, epoch, key);
        if (held === undefined) continue;
        // All of them held what was purged.
        if ((held !== null && where(held)) || (purged !== undefined && where(purged))) count++;
      }
      return count >= this.enough(epoch, replicas);
    });
  }

  /**
   * Both of a group that was one of three are its only majority. They stay, and one of them may lack what the other one
   * and the third acknowledged, until it catches up.
   */
  private enough(epoch: GroupEpoch, replicas: readonly NodeId[]): number {
    const { groups, partition } = this.options;
    const before = [...groups.all(partition)].filter(([earlier]) => earlier < epoch).sort(([a], [b]) => b - a)[0];
    return replicas.length === 2 && before?.[1].length === 3 ? 1 : majorityOf(replicas.length);
  }

  private took(node: NodeId, register: Register, before: Copy): void {
    const { key, timestamp } = register;
    const { sometimes, violate } = this.options;
    const name = `n${node} takes ${renderRegister(register)}`;
    const promise = this.promises.get(node);
    const isFenced = promise !== undefined && this.lives.isReady(node);
    if (isFenced && compareBallots(timestamp.ballot, promise) < 0) {
      sometimes.hit("a settled register was taken over below the promise");
      const complete = this.complete.get(key);
      if (complete === undefined || compareTimestamps(complete, timestamp) < 0)
        violate("the fence holds", `${name} below its promise, and that was never complete`);
    }
    const purged = this.purged(key);
    if (purged !== undefined) {
      const order = compareTimestamps(timestamp, purged.timestamp);
      // A copy of an earlier group is asked by nobody once the purging one is ready.
      if (order < 0 && this.options.groups.newest(this.options.partition).includes(node))
        violate("what was purged stays away", `${name}, and ${formatTimestamp(purged.timestamp)} was purged`);
      if (order > 0 && register.value !== null) sometimes.hit("a key was created again after a purge");
    }
    if (before.bad && before.register !== null && compareTimestamps(timestamp, before.register.timestamp) < 0)
      violate(
        "a bad register is mended by what is as new",
        `${name} in the place of ${renderRegister(before.register)}`,
      );
    this.noteComplete(key);
  }

  private removed(node: NodeId, key: Key, before: Copy): void {
    const { sometimes, violate } = this.options;
    const { register } = before;
    if (register === null) return;
    const name = `n${node} removes ${renderRegister(register)}`;
    // Mended as absent: then it was purged, or never counted. The writer's answers are checked on their way.
    if (before.bad) return;
    const promise = this.promises.get(node);
    // A single replica tells nobody.
    const isAlone =
      promise !== undefined && this.options.groups.of(this.options.partition, promise.groupEpoch).length === 1;
    if (isAlone) this.purging(node, key, register.timestamp, promise, register);
    const rightful = this.purges.get(key)?.some((p) => compareTimestamps(p.timestamp, register.timestamp) === 0);
    if (rightful === true) sometimes.hit("a tombstone was purged");
    else {
      // On the writer's word that the key is absent: what was purged was later, or this was never complete (R12).
      const complete = this.complete.get(key);
      const purged = this.purged(key);
      const later = purged !== undefined && compareTimestamps(purged.timestamp, register.timestamp) > 0;
      if (!later && complete !== undefined && compareTimestamps(complete, register.timestamp) >= 0)
        return violate("a purge is rightful", `${name}, which no purge was about`);
    }
    let least = register.floor;
    for (const record of register.records) if (record.revision > least) least = record.revision;
    const floor = this.floors.get(node) ?? 0;
    if (floor < least) violate("the floor outlives what is purged", `${name} and has floor ${floor}, not ${least}`);
  }

  /** A writer decides on a purge, and is about to tell everybody. */
  decides(from: NodeId, { key, timestamp, ballot }: Purge): void {
    this.purging(from, key, timestamp, ballot, null);
  }

  /** Every disk must hold exactly that tombstone, or what came after it in this ballot or a later one (R12). */
  private purging(from: NodeId, key: Key, timestamp: Timestamp, ballot: Ballot, own: Register | null): void {
    this.passes.delete(key);
    const known = this.purges.get(key) ?? [];
    const same = (p: KnownPurge): boolean =>
      compareBallots(p.ballot, ballot) === 0 && compareTimestamps(p.timestamp, timestamp) === 0;
    if (known.some(same)) return;
    const { violate } = this.options;
    const name = `n${from} purges ${key} ${renderTimestamp(timestamp)}`;
    if (compareBallots(timestamp.ballot, ballot) >= 0) violate("a purge is rightful", `${name} in that same ballot`);
    let revision = 0 as Revision;
    for (const id of this.options.groups.of(this.options.partition, ballot.groupEpoch)) {
      const register = own ?? this.copyAt(id, key).register;
      const promise = this.promises.get(id);
      if (promise === undefined || compareBallots(promise, ballot) < 0)
        violate("a purge is rightful", `${name}, and n${id} has not promised that ballot`);
      const exact = register !== null && compareTimestamps(register.timestamp, timestamp) === 0;
      const later = register !== null && compareBallots(register.timestamp.ballot, ballot) >= 0;
      if (!exact && !later) violate("a purge is rightful", `${name}, and n${id} holds ${renderRegister(register)}`);
      if (exact) revision = register.revision;
    }
    known.push({ ballot, timestamp, revision });
    this.purges.set(key, known);
  }

  private passBegins(key: Key, ballot: Ballot, timestamp: Timestamp): void {
    const before = this.passes.get(key);
    if (before !== undefined && compareBallots(before.ballot, ballot) < 0)
      this.options.sometimes.hit("a purge pass was given up");
    this.passes.set(key, { ballot, timestamp });
  }

  /** The writer tells at least what was complete when it was asked (R5). */
  private handedOver(name: string, register: Register | null): void {
    const asked = this.handed.get(name);
    if (asked === undefined || asked.complete === null) return;
    const { key, complete } = asked;
    const told = register?.timestamp ?? this.purged(key)?.timestamp ?? null;
    if (told !== null && compareTimestamps(told, complete) >= 0) return;
    this.options.violate(
      "a hand-over tells what counts",
      `${key} is told as ${renderRegister(register)}, and ${formatTimestamp(complete)} was complete when that was asked`,
    );
  }

  private noteComplete(key: Key): void {
    const purged = this.purged(key)?.timestamp;
    for (const [epoch, replicas] of this.options.groups.all(this.options.partition)) {
      const held: Timestamp[] = [];
      for (const id of replicas) {
        const vote = this.voteOf(id, epoch, key);
        if (vote === undefined) continue;
        const timestamp = vote?.timestamp ?? purged;
        // Decisions of a later group say nothing of what counted in this one.
        if (timestamp !== undefined && timestamp.ballot.groupEpoch <= epoch) held.push(timestamp);
      }
      const now = held.sort((a, b) => compareTimestamps(b, a))[majorityOf(replicas.length) - 1];
      const before = this.complete.get(key);
      if (now !== undefined && (before === undefined || compareTimestamps(now, before) > 0))
        this.complete.set(key, now);
    }
  }

  /**
   * The register that the node's copy of that group holds of the key; undefined: it has none that counts. A copy that
   * took over from that group is no vote of it, nor is one that is not ready (M1). An older one is, as long as it is
   * there.
   */
  private voteOf(id: NodeId, epoch: GroupEpoch, key: Key): Register | null | undefined {
    if ((this.beginnings.get(id) ?? FOUNDING) <= epoch)
      return this.lives.isReady(id) ? this.copyAt(id, key).register : undefined;
    const older = this.older.get(id)?.findLast(({ copy }) => copy <= epoch);
    return older === undefined ? undefined : (older.registers.get(key) ?? null);
  }

  /** The copy is ready, durably: it has whatever counted in the groups before, and is a vote from now on (V3). */
  private begins(node: NodeId, epoch: GroupEpoch): void {
    this.options.sometimes.hit("a copy became ready by a merge");
    for (const [key, complete] of this.complete) {
      const { register, bad } = this.copyAt(node, key);
      const held = register?.timestamp ?? this.purged(key)?.timestamp;
      const counts = complete.ballot.groupEpoch < epoch && !bad && this.sound(node, key);
      if (counts && (held === undefined || compareTimestamps(held, complete) < 0))
        this.options.violate(
          "moves lose no version",
          `n${node} is ready in group ${epoch} with ${renderRegister(register)} of ${key}, and ${formatTimestamp(complete)} counted before`,
        );
      this.noteComplete(key);
    }
  }

  /** The latest tombstone of the key that was purged. */
  private purged(key: Key): KnownPurge | undefined {
    return this.purges.get(key)?.at(-1);
  }

  private sound(id: NodeId, key: Key): boolean {
    return this.options.node(id).disk.sound(this.options.partition, key);
  }

  copyAt(id: NodeId, key: Key): Copy {
    return this.options.node(id).disk.copy(this.options.partition, key);
  }
}
