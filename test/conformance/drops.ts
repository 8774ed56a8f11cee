/**
 * A process that begins, fills and drops copies of one partition, one after the other, and says what has become
 * durable, until it is killed. Then a look at what it has left.
 */
import { changeNumber, groupEpoch, type Key, partition } from "../../src/core/model/ids.js";
import type { NodeEntry } from "../../src/core/model/node-entry.js";
import { BAD } from "../../src/core/model/table.js";
import { diskHome, type Home } from "../../src/storage/home.js";
import { inOrder, register } from "./operations.js";

const P = partition(3);
export const KEYS = 3_000;
const BATCH = 250;

export const openDirectory = (path: string): Promise<Home> => {
  const failed = (why: string): void => {
    throw new Error(why);
  };
  const bad = (): void => failed("a register is bad");
  const events = { notice: () => {}, failed, bad, space: () => {} };
  return diskHome({ path, memoryMib: 16, shortOfTime: () => false, events });
};

const textFor = (copy: number): string => `of copy ${copy} `.repeat(20);
const nameOf = (i: number): Key => `key-${10_000 + i}` as Key;

/** Forever: each copy is filled, then the one before it is dropped. `say` is told of what is durable. */
export async function dropForever({ storage }: Home, say: (line: string) => void): Promise<void> {
  const durable = (entries: readonly NodeEntry[], line: string): void => storage.append(entries, () => say(line));
  let newest = Math.max(0, ...[...storage.copies()].map(({ copy }) => copy));
  for (;;) {
    const before = [...storage.copies()].map(({ copy }) => copy);
    const copy = groupEpoch(++newest);
    durable([{ kind: "begun", partition: P, copy }], `begun ${copy} 0`);
    const table = storage.table(P);
    for (let at = 0; at < KEYS; at += BATCH) {
      const entries: NodeEntry[] = [];
      for (let i = at; i < at + BATCH; i++) {
        const change = changeNumber(i + 1);
        const held = register(nameOf(i), { value: textFor(copy), seq: i + 1 });
        table.put(held, change);
        entries.push({ kind: "register", partition: P, register: held, change });
      }
      durable(entries, `filled ${copy} ${at + BATCH}`);
      await new Promise((turn) => setTimeout(turn, 1));
    }
    for (const old of before) durable([{ kind: "dropped", partition: P, copy: old }], `dropped ${old} 0`);
    await new Promise((turn) => setTimeout(turn, 1));
  }
}

/** Everything in the directory that is not as it was said to be. */
export function wrongIn({ storage }: Home, said: readonly string[]): string[] {
  const wrong: string[] = [];
  const keys = new Map<number, number>();
  const gone = new Set<number>();
  for (const line of said) {
    const [what, copy, count] = line.split(" ");
    if (what === "dropped") gone.add(Number(copy));
    else keys.set(Number(copy), Number(count));
  }
  const held = new Map([...storage.copies()].map((copy) => [copy.copy as number, copy]));
  for (const copy of gone) if (held.has(copy)) wrong.push(`copy ${copy} was dropped, and is there`);
  const newest = Math.max(0, ...keys.keys());
  if (newest > 0 && ![...held.keys()].some((copy) => copy >= newest)) wrong.push(`copy ${newest} is lost`);
  for (const [copy, { table }] of held) {
    let count = 0;
    for (const one of inOrder(table, 500, 1_000_000)) {
      const value = one.held === BAD ? "bad" : Buffer.from(one.held.value ?? []).toString();
      if (one.key !== nameOf(count) || value !== textFor(copy)) wrong.push(`copy ${copy} has ${one.key}: ${value}`);
      count++;
    }
    if (count < (keys.get(copy) ?? 0)) wrong.push(`copy ${copy} has ${count} keys of ${keys.get(copy)}`);
    if (count !== table.size) wrong.push(`copy ${copy} has ${count} keys and says ${table.size}`);
  }
  return wrong.slice(0, 10);
}
