/** Random operations on a storage as a replica does them, and the state that they must give. */
import type { Prng } from "../../src/base/prng.js";
import { ballot } from "../../src/core/model/ballot.js";
import { CompletionRecords } from "../../src/core/model/completion-records.js";
import type { Entry } from "../../src/core/model/entry.js";
import {
  type ChangeNumber,
  changeNumber,
  groupEpoch,
  type Key,
  nodeId,
  type Partition,
  partition as partitionOf,
  revision,
} from "../../src/core/model/ids.js";
import { isViewEntry, type NodeEntry } from "../../src/core/model/node-entry.js";
import { Register } from "../../src/core/model/register.js";
import { BAD, type Bad, type Change, type RegisterTable } from "../../src/core/model/table.js";
import type { Storage } from "../../src/ports/storage.js";

const PARTITIONS = [0, 1, 2, 300].map(partitionOf);
const KEYS = 24;
/** One of them is longer than what the checkpoint's tree takes as a key. */
const LONG = "k".repeat(4_000);

export const keyOf = (i: number): Key => (i === 0 ? LONG : `key-${i}\u00e9`) as Key;

export interface RegisterParts {
  /** Of its ballot. */
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
  private readonly last = new Map<Partition, number>();

  constructor(private readonly chance: Prng) {}

  /** After a restart changes are numbered on from what is there. */
  resume(tables: (partition: Partition) => RegisterTable): void {
    for (const partition of PARTITIONS) this.last.set(partition, tables(partition).lastChange);
  }

  turn(size = this.chance.below(6)): Entry[] {
    return Array.from({ length: size }, () => this.entry());
  }

  private entry(): Entry {
    const { chance } = this;
    const partition = PARTITIONS[chance.below(PARTITIONS.length)] as Partition;
    const key = keyOf(chance.below(KEYS));
    const b = ballot(groupEpoch(1), ++this.round, nodeId(4_000_000_000));
    switch (chance.below(12)) {
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

  private next(partition: Partition): ChangeNumber {
    const change = (this.last.get(partition) ?? 0) + 1;
    this.last.set(partition, change);
    return changeNumber(change);
  }
}

export function intoTables(tables: (partition: Partition) => RegisterTable, entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (entry.kind === "register") tables(entry.partition).put(entry.register, entry.change);
    else if (entry.kind === "removed") tables(entry.partition).remove(entry.key, entry.change);
  }
}

/** Everything that can be seen of a storage, to compare. `bad` keys are shown as such. */
export interface Picture {
  readonly partitions: readonly {
    readonly partition: Partition;
    readonly registers: readonly (readonly [Key, string])[];
    readonly size: number;
    readonly lastChange: number;
    readonly changes: readonly string[];
    readonly tombstones: readonly string[];
  }[];
  readonly states: readonly string[];
}

export function pictureOf(storage: Pick<Storage, "table" | "restored">): Picture {
  return {
    partitions: PARTITIONS.map((partition) => {
      const table = storage.table(partition);
      const registers: [Key, string][] = [];
      for (let i = 0; i < KEYS; i++) {
        const held = table.get(keyOf(i));
        if (held !== null) registers.push([keyOf(i), textOf(held)]);
      }
      return {
        partition,
        registers,
        size: table.size,
        lastChange: table.lastChange,
        changes: table.changesAfter(changeNumber(0), 1_000).map(changeText),
        tombstones: table.tombstones(1_000).map(changeText),
      };
    }),
    states: stateTexts(storage.restored()),
  };
}

const textOf = (held: Register | Bad): string =>
  held === BAD ? "bad" : `${held.timestamp.seq} ${held.value === null ? "gone" : Buffer.from(held.value).toString()}`;

const changeText = ({ change, key, timestamp }: Change): string => `${change} ${key} ${timestamp?.seq ?? "bad"}`;

/** What entries come to, whatever their order among each other. */
export function stateTexts(entries: Iterable<NodeEntry>): string[] {
  const highest = new Map<string, string>();
  for (const entry of entries) {
    if (entry.kind === "register" || entry.kind === "removed" || isViewEntry(entry)) continue;
    const { name, text } = stateText(entry);
    const before = highest.get(name);
    if (before === undefined || entry.kind === "cursor" || text > before) highest.set(name, text);
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
    case "cursor":
      return { name: `${name} ${entry.source}`, text: `${entry.copy} ${padded(entry.change)}` };
  }
}
