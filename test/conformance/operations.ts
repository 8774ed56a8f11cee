/** Random operations on a storage as a replica does them, and the state that they must give. */
import { unreachable } from "../../src/base/assert.js";
import type { Prng } from "../../src/base/prng.js";
import { ballot } from "../../src/core/model/ballot.js";
import { CompletionRecords } from "../../src/core/model/completion-records.js";
import type { CopyEntry } from "../../src/core/model/copy-entry.js";
import type { Entry } from "../../src/core/model/entry.js";
import {
  type ChangeNumber,
  changeNumber,
  type GroupEpoch,
  groupEpoch,
  type Key,
  nodeId,
  type Partition,
  partition as partitionOf,
  revision,
} from "../../src/core/model/ids.js";
import { isCopyEntry, isViewEntry, type NodeEntry } from "../../src/core/model/node-entry.js";
import { Register } from "../../src/core/model/register.js";
import { FORGOTTEN, type Forgotten } from "../../src/core/model/removals.js";
import { BAD, type Bad, type Change, type Held, orderedPage, type RegisterTable } from "../../src/core/model/table.js";
import type { CopyStorage, HeldCopy } from "../../src/ports/storage.js";

const PARTITIONS = [0, 1, 2, 300].map(partitionOf);
const KEYS = 24;
/** One of them is longer than what the checkpoint's tree takes as a key. */
const LONG = "k".repeat(4_000);

export const keyOf = (i: number): Key => (i === 0 ? LONG : `key-${i}\u00e9`) as Key;

export interface RegisterParts {
  /** The node of its ballot. */
  readonly owner?: number;
  readonly value?: string | null;
  readonly seq?: number;
}

export function register(key: Key, { value = "value", seq = 1, owner = 7 }: RegisterParts = {}): Register {
  const bytes = value === null ? null : Buffer.from(value);
  const timestamp = { ballot: ballot(groupEpoch(1), 2, nodeId(owner)), seq };
  return new Register(key, timestamp, bytes, revision(seq), revision(seq), revision(0), CompletionRecords.none);
}

/** Draws entries of one turn; registers and removals are in the table at once, as with a replica. */
export class Dice {
  private seq = 0;
  private round = 0;
  private epoch = 1;
  /** The copies held of each partition, with their last changes; the newest last. */
  private readonly held = new Map<Partition, Begun[]>();

  /** `copies`: they are begun and dropped, too. Each partition keeps one at least. */
  constructor(
    private readonly chance: Prng,
    private readonly copies = false,
  ) {}

  /** After a restart changes are numbered on from what is there. */
  resume(storage: CopyStorage): void {
    this.held.clear();
    for (const { partition, copy, table } of storage.copies()) {
      const held = this.held.get(partition) ?? [];
      held.push({ copy, last: table.lastChange });
      this.held.set(partition, held);
    }
  }

  turn(size = this.chance.below(6)): (Entry | CopyEntry)[] {
    return Array.from({ length: size }, () => this.entry());
  }

  private entry(): Entry | CopyEntry {
    const { chance } = this;
    const partition = PARTITIONS[chance.below(PARTITIONS.length)] as Partition;
    const key = keyOf(chance.below(KEYS));
    const b = ballot(groupEpoch(1), ++this.round, nodeId(4_000_000_000));
    const kind = chance.below(this.copies ? 14 : 13);
    if (kind === 13) return this.copyEntry(partition);
    // The founding's copy is there from its first entry on.
    if (!this.held.has(partition)) this.held.set(partition, [{ copy: groupEpoch(1), last: 0 }]);
    switch (kind) {
      case 0:
        return { kind: "promise", partition, ballot: b };
      case 1:
        return { kind: "reservation", partition, reservation: revision(2 ** 40 + this.round) };
      case 2:
        return { kind: "floor", partition, floor: revision(this.round) };
      case 3:
        return {
          kind: "settled",
          partition,
          ballot: ballot(groupEpoch(1), chance.below(4), nodeId(3)),
          seq: this.round,
        };
      case 4: {
        const source = nodeId(1 + chance.below(3));
        return { kind: "cursor", partition, source, copy: groupEpoch(1), change: changeNumber(this.round) };
      }
      case 5:
        return { kind: "removed", partition, key, change: this.next(partition) };
      case 6:
        return this.transferEntry(partition, key);
      default: {
        const value = chance.chance(0.2) ? null : "v".repeat(chance.below(chance.chance(0.1) ? 3_000 : 60));
        return {
          kind: "register",
          partition,
          register: register(key, { value, seq: ++this.seq }),
          change: this.next(partition),
        };
      }
    }
  }

  private transferEntry(partition: Partition, key: Key): Entry {
    const { chance } = this;
    const epoch = groupEpoch(this.round);
    switch (chance.below(6)) {
      case 4:
        return { kind: "accepted", partition, epoch };
      case 5:
        return { kind: "vouched", partition, epoch };
      case 0: {
        const upTo = chance.chance(0.3) ? null : key;
        const from = { source: nodeId(1 + chance.below(3)), copy: groupEpoch(1), change: changeNumber(this.round) };
        return { kind: "pre-copied", partition, ...from, upTo, listedAll: upTo === null };
      }
      case 1:
        return { kind: "merged", partition, groupEpoch: epoch, upTo: key };
      case 2:
        return { kind: "took-over", partition, groupEpoch: epoch };
      default:
        return { kind: "inherited", partition, key, mark: chance.chance(0.3) ? 0 : this.round };
    }
  }

  private copyEntry(partition: Partition): CopyEntry {
    const { chance } = this;
    const held = this.held.get(partition) ?? [];
    this.held.set(partition, held);
    if (held.length < 2 || (held.length < 4 && chance.chance(0.5))) {
      const copy = groupEpoch(++this.epoch);
      held.push({ copy, last: 0 });
      return { kind: "begun", partition, copy };
    }
    const [{ copy }] = held.splice(chance.below(held.length), 1) as [Begun];
    return { kind: "dropped", partition, copy };
  }

  private next(partition: Partition): ChangeNumber {
    const newest = (this.held.get(partition) as Begun[]).at(-1) as Begun;
    return changeNumber(++newest.last);
  }
}

interface Begun {
  readonly copy: GroupEpoch;
  last: number;
}

/**
 * Puts and appends, each batch up to where a copy begins or is dropped. `durable`: after each batch, how many of the
 * entries it makes.
 */
export function appendAll(
  storage: CopyStorage,
  entries: readonly (Entry | CopyEntry)[],
  durable: (entries: number) => void = () => {},
): void {
  let from = 0;
  entries.forEach((entry, i) => {
    if (entry.kind !== "begun" && entry.kind !== "dropped" && i < entries.length - 1) return;
    const batch = entries.slice(from, i + 1);
    from = i + 1;
    intoTables((p) => storage.table(p), batch);
    storage.append(batch, () => durable(i + 1));
  });
  if (entries.length === 0) storage.append([], () => durable(0));
}

export function intoTables(
  tables: (partition: Partition) => RegisterTable,
  entries: readonly (Entry | CopyEntry)[],
): void {
  for (const entry of entries) {
    if (entry.kind === "register") tables(entry.partition).put(entry.register, entry.change);
    else if (entry.kind === "removed") tables(entry.partition).remove(entry.key, entry.change);
  }
}

/** Everything that can be seen of a storage, to compare. `bad` keys are shown as such. */
export interface Picture {
  readonly partitions: readonly {
    readonly partition: Partition;
    readonly copy: GroupEpoch;
    readonly registers: readonly (readonly [Key, string])[];
    readonly size: number;
    readonly lastChange: number;
    readonly changes: readonly string[];
    readonly tombstones: readonly string[];
    readonly ordered: readonly string[];
    readonly removals: readonly string[] | Forgotten;
  }[];
  readonly states: readonly string[];
}

export function pictureOf(storage: Pick<CopyStorage, "copies">): Picture {
  const order = (a: HeldCopy, b: HeldCopy): number => a.partition - b.partition || a.copy - b.copy;
  const copies = [...storage.copies()].sort(order);
  return {
    // A founding's copy is there from the first look on.
    partitions: copies.flatMap(({ partition, copy, table }) => {
      if (copy === 1 && table.lastChange === 0) return [];
      const registers: [Key, string][] = [];
      for (let i = 0; i < KEYS; i++) {
        const held = table.get(keyOf(i));
        if (held !== null) registers.push([keyOf(i), textOf(held)]);
      }
      const part = {
        partition,
        copy,
        registers,
        size: table.size,
        lastChange: table.lastChange,
        changes: table.changesAfter(changeNumber(0), 1_000).map(changeText),
        tombstones: table.tombstones(1_000).map(changeText),
        ordered: [...inOrder(table, 7, 1_500)].map(heldText),
        removals: removalsIn(table, 5),
      };
      return [part];
    }),
    states: copies.flatMap(({ copy, restored }) => stateTexts(restored()).map((text) => `${copy}: ${text}`)).sort(),
  };
}

/** The states that these entries come to, of each copy that is held in the end. */
export function statesAfter(history: readonly (Entry | CopyEntry)[]): string[] {
  const held = new Map<Partition, Map<GroupEpoch, Entry[]>>();
  for (const entry of history) {
    const { partition } = entry;
    const copies = held.get(partition) ?? new Map<GroupEpoch, Entry[]>();
    held.set(partition, copies);
    if (entry.kind === "begun") copies.set(entry.copy, []);
    else if (entry.kind === "dropped") copies.delete(entry.copy);
    else {
      const newest = groupEpoch(Math.max(1, ...copies.keys()));
      copies.set(newest, [...(copies.get(newest) ?? []), entry]);
    }
  }
  const texts: string[] = [];
  for (const copies of held.values())
    for (const [copy, entries] of copies) texts.push(...stateTexts(entries).map((text) => `${copy}: ${text}`));
  return texts.sort();
}

/** All registers of the table, from pages of such a size. */
export function* inOrder(table: RegisterTable, limit: number, maxBytes: number): Iterable<Held> {
  for (let last: Key | null = null; ; ) {
    const { found, more } = orderedPage(table, last, limit, maxBytes);
    yield* found;
    last = found.at(-1)?.key ?? last;
    if (!more) return;
  }
}

/** The keys of its removals with their latest changes, in the order of these. */
export function removalsIn(table: RegisterTable, limit: number, after = changeNumber(0)): string[] | Forgotten {
  const latest = new Map<Key, ChangeNumber>();
  for (let upTo = after; ; ) {
    const page = table.removalsAfter(upTo, limit);
    if (page === FORGOTTEN) return FORGOTTEN;
    for (const { key, change } of page.found) latest.set(key, change);
    upTo = page.upTo;
    if (!page.more) break;
  }
  return [...latest].sort(([, a], [, b]) => a - b).map(([key, change]) => `${change} ${key}`);
}

const heldText = ({ key, held, change }: Held): string => `${change} ${key} ${textOf(held)}`;

const textOf = (held: Register | Bad): string =>
  held === BAD ? "bad" : `${held.timestamp.seq} ${held.value === null ? "gone" : Buffer.from(held.value).toString()}`;

const changeText = ({ change, key, timestamp }: Change): string => `${change} ${key} ${timestamp?.seq ?? "bad"}`;

/** Kinds of which the last entry counts, not the highest. */
const LAST_COUNTS: ReadonlySet<Entry["kind"]> = new Set<Entry["kind"]>(["cursor", "pre-copied", "merged", "inherited"]);

/** The sum of entries, whatever their order among each other. */
export function stateTexts(entries: Iterable<NodeEntry>): string[] {
  const highest = new Map<string, string>();
  for (const entry of entries) {
    if (entry.kind === "register" || entry.kind === "removed" || isViewEntry(entry) || isCopyEntry(entry)) continue;
    const { name, text } = stateText(entry);
    const before = highest.get(name);
    if (entry.kind === "inherited" && entry.mark === 0) highest.delete(name);
    else if (before === undefined || LAST_COUNTS.has(entry.kind) || text > before) highest.set(name, text);
  }
  return [...highest].map(([name, text]) => `${name} ${text}`).sort();
}

function stateText(entry: Exclude<Entry, { kind: "register" | "removed" }>): { name: string; text: string } {
  const padded = (n: number): string => String(n).padStart(16, "0");
  const name = `${entry.partition} ${entry.kind}`;
  switch (entry.kind) {
    case "promise":
      return { name, text: `${padded(entry.ballot.round)}.${entry.ballot.node}` };
    case "reservation":
      return { name, text: padded(entry.reservation) };
    case "floor":
      return { name, text: padded(entry.floor) };
    case "settled":
      return { name: `${name} ${entry.ballot.round}`, text: padded(entry.seq) };
    case "sealed":
      return { name: `${name} ${entry.stays}`, text: padded(entry.epoch) };
    case "ready":
    case "accepted":
    case "vouched":
      return { name, text: padded(entry.epoch) };
    case "cursor":
      return { name: `${name} ${entry.source}`, text: `${entry.copy} ${padded(entry.change)}` };
    case "pre-copied":
      return { name, text: `${entry.source} ${entry.copy} ${entry.change} ${entry.upTo} ${entry.listedAll}` };
    case "merged":
      return { name, text: `${entry.groupEpoch} ${entry.upTo}` };
    case "took-over":
      return { name, text: padded(entry.groupEpoch) };
    case "inherited":
      return { name: `${name} ${entry.key}`, text: `${entry.mark}` };
    default:
      return unreachable(entry);
  }
}
