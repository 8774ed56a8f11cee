/**
 * The answers of a copy to one that takes over from it. They are pages, bounded in bytes and in number, and made anew
 * for each question. A source remembers nothing of its targets.
 *
 * Invariants:
 *   I1  A replica answers a merge only once its seal of the group before is durable. Otherwise it could accept
 *       something afterwards, which the merge would miss (V3).
 *   I2  A stretch of keys is told whole: every key of it that is held, bad ones included. It is what the copy holds
 *       now. A copy that serves the new group already tells what it holds in that one.
 *   I3  A key that was inherited as bad is told as bad, and never left out.
 *
 * Whoever sends an answer does so after all that it tells is durable (R8).
 */
import { STATES_BYTES, TRANSFER_PAGE_BYTES } from "../model/bounds.js";
import { type ChangeNumber, type GroupEpoch, type Key, NO_CHANGE } from "../model/ids.js";
import { compareKeys } from "../model/key-order.js";
import { planted } from "../model/planted.js";
import type { Register } from "../model/register.js";
import { FORGOTTEN } from "../model/removals.js";
import { BAD, type Bad, type Held, orderedPage, type RegisterTable } from "../model/table.js";
import type {
  AskDelta,
  AskKeys,
  AskRegisters,
  AskStates,
  Delta,
  GivenRegister,
  HeldKey,
  HeldState,
  KeysHeld,
  Registers,
  SealedCopy,
  SourceNumbers,
  States,
} from "../model/transfer-message.js";
import type { InheritedKeys } from "../replica/inherited.js";
import type { PartitionRevisions } from "../replica/partition-revisions.js";

/** Registers, states, changes and removals in one page. */
export const MAX_GIVEN = 1_024;
export const MAX_STATES = 2_048;
/** Keys of one question. */
export const MAX_KEYS = 256;
/** Registers taken from the table together; and their bytes, as they may be long. */
const PORTION = 128;
const PORTION_BYTES = 32 * 1_024;
/** Bytes of a state beside its key. */
const STATE_BYTES = 48;

/** A copy as a source sees it. A replica is one. */
export interface SourceCopy {
  /** The group epoch in which it began with nothing. */
  readonly copy: GroupEpoch;
  readonly table: RegisterTable;
  readonly revisions: Pick<PartitionRevisions, "floor" | "reservation" | "settled">;
  /** Keys that too few could speak for when this copy took over. */
  readonly inherited: InheritedKeys;
  /** The last group epoch in which it took anything over; 0: it never did. */
  readonly tookOver: GroupEpoch;
  look(key: Key): Register | Bad | null;
  /** That register, which it holds, is known to be settled. */
  isSettled(register: Register): boolean;
}

/** The life of a copy, as its node knows it. */
export interface SourceLife {
  /** The copy was a ready replica of that group. */
  wasReady(epoch: GroupEpoch): boolean;
  /** Its seal of that group is durable, or this step makes it so. */
  hasSealed(epoch: GroupEpoch): boolean;
  /** The newest group of the partition that the node knows. */
  readonly newest: GroupEpoch;
}

/** Answers a copy that merges, if this one may. Whoever is not told waits, and asks again. */
export function answerMerge(asked: AskStates | AskKeys, copy: SourceCopy, life: SourceLife): States | KeysHeld | null {
  if (!mayAnswer(asked, life)) return null;
  return asked.kind === "ask-states" ? statesPage(asked, copy) : keysPage(asked, copy);
}

/** Answers a copy that takes over beforehand, if this one may. */
export function answerPreCopy(
  asked: AskRegisters | AskDelta,
  copy: SourceCopy,
  life: SourceLife,
): Registers | Delta | null {
  if (!life.wasReady(asked.groupEpoch)) return null;
  return asked.kind === "ask-registers" ? registersPage(asked, copy) : deltaPage(asked, copy);
}

function mayAnswer({ previous, groupEpoch }: AskStates | AskKeys, life: SourceLife): boolean {
  if (planted("V3.unsealed")) return life.wasReady(previous);
  return life.wasReady(previous) && life.hasSealed(previous) && life.newest <= groupEpoch;
}

function registersPage({ partition, groupEpoch, attempt, after }: AskRegisters, copy: SourceCopy): Registers {
  const registers: GivenRegister[] = [];
  let bytes = 0;
  let upTo: Key | null = null;
  const whole = eachOrdered(copy.table, after, (held) => {
    const size = held.held === BAD ? held.key.length : held.held.bytes;
    if (bytes > 0 && (bytes + size > TRANSFER_PAGE_BYTES || registers.length >= MAX_GIVEN)) return false;
    bytes += size;
    if (held.held !== BAD) registers.push({ register: held.held, settled: isSettled(copy, held) });
    upTo = held.key;
    return true;
  });
  return {
    kind: "registers",
    partition,
    groupEpoch,
    attempt,
    source: numbersOf(copy),
    registers,
    upTo: whole ? null : upTo,
  };
}

function deltaPage(asked: AskDelta, copy: SourceCopy): Delta {
  const { partition, groupEpoch, attempt } = asked;
  const { table } = copy;
  const same = asked.copy === copy.copy || planted("V3.cursor-without-copy");
  const removals = same ? table.removalsAfter(asked.after, MAX_GIVEN, TRANSFER_PAGE_BYTES) : FORGOTTEN;
  const header = { kind: "delta", partition, groupEpoch, attempt, source: numbersOf(copy) } as const;
  if (removals === FORGOTTEN || (asked.after > table.lastChange && !planted("V3.cursor-without-copy")))
    return { ...header, known: false, upTo: NO_CHANGE, changed: [], removed: [] };
  const changed: GivenRegister[] = [];
  const removed: Key[] = [];
  let bytes = 0;
  let upTo = asked.after;
  let next = 0;
  // Removals and changes of registers have one count: the page goes along it. False: the page is full.
  const removedUpTo = (change: ChangeNumber): boolean => {
    for (; ; next++) {
      const removal = removals.found[next];
      if (removal === undefined || removal.change > change) return removal !== undefined || removals.upTo >= change;
      if (bytes > 0 && bytes + removal.key.length > TRANSFER_PAGE_BYTES) return false;
      bytes += removal.key.length + STATE_BYTES;
      if (!planted("V3.removals-not-fed")) removed.push(removal.key);
      upTo = removal.change;
    }
  };
  const page = (): Delta => ({ ...header, known: true, upTo, changed, removed });
  for (let looked = 0; looked < MAX_GIVEN; ) {
    const found = table.changesAfter(upTo, PORTION);
    for (const { change, key, timestamp } of found) {
      if (!removedUpTo(change)) return page();
      const held = timestamp === null ? BAD : copy.look(key);
      const size = held === BAD || held === null ? key.length : held.bytes;
      if (bytes > 0 && bytes + size > TRANSFER_PAGE_BYTES) return page();
      bytes += size;
      if (held !== BAD && held !== null) changed.push({ register: held, settled: copy.isSettled(held) });
      upTo = change;
    }
    looked += found.length;
    if (found.length < PORTION) {
      if (removedUpTo(table.lastChange)) upTo = table.lastChange;
      return page();
    }
  }
  return page();
}

export function statesPage(asked: AskStates, copy: SourceCopy): States {
  const { partition, groupEpoch, previous, attempt } = asked;
  const states: HeldState[] = [];
  let bytes = 0;
  let upTo: Key | null = null;
  const bad = inheritedAfter(copy, asked.after);
  let next = 0;
  const add = (state: HeldState): boolean => {
    const size = state.key.length + STATE_BYTES;
    if (states.length > 0 && (bytes + size > STATES_BYTES || states.length >= MAX_STATES)) return false;
    bytes += size;
    states.push(state);
    upTo = state.key;
    return true;
  };
  /** Inherited bad keys in front of that one, in their places; null: all that are left. */
  const badUpTo = (key: Key | null): boolean => {
    for (; ; next++) {
      const one = bad[next];
      if (one === undefined) return true;
      if (key !== null && compareKeys(one, key) >= 0) return true;
      if (!add({ key: one, timestamp: null, settled: false })) return false;
    }
  };
  const whole =
    eachOrdered(copy.table, asked.after, (held) => {
      if (!badUpTo(held.key)) return false;
      if (bad[next] === held.key) next++;
      const isBad = held.held === BAD || copy.inherited.has(held.key);
      const timestamp = held.held === BAD || isBad ? null : held.held.timestamp;
      return add({ key: held.key, timestamp, settled: !isBad && isSettled(copy, held) });
    }) && badUpTo(null);
  return {
    kind: "states",
    partition,
    groupEpoch,
    previous,
    attempt,
    source: numbersOf(copy),
    sealed: sealedOf(copy, previous),
    states,
    upTo: whole ? null : upTo,
  };
}

function keysPage(asked: AskKeys, copy: SourceCopy): KeysHeld {
  const { partition, groupEpoch, previous, attempt } = asked;
  const held: HeldKey[] = [];
  let bytes = 0;
  for (const key of asked.keys.slice(0, MAX_KEYS)) {
    const found = copy.look(key);
    const size = found === null || found === BAD ? key.length : found.bytes;
    if (held.length > 0 && bytes + size > TRANSFER_PAGE_BYTES) break;
    bytes += size;
    if (found === null || found === BAD) held.push({ key, register: null, bad: found === BAD, settled: false });
    else held.push({ key, register: found, bad: false, settled: copy.isSettled(found) });
  }
  return {
    kind: "keys-held",
    partition,
    groupEpoch,
    previous,
    attempt,
    source: numbersOf(copy),
    sealed: sealedOf(copy, previous),
    held,
  };
}

const numbersOf = ({ copy, table }: SourceCopy): SourceNumbers => ({
  copy,
  lastChange: table.lastChange,
  size: table.size,
});

const sealedOf = (copy: SourceCopy, previous: GroupEpoch): SealedCopy => ({
  votes: copy.tookOver <= previous || planted("V3.merged-votes"),
  floor: copy.revisions.floor,
  reservation: copy.revisions.reservation,
  settled: copy.revisions.settled.list(),
});

const isSettled = (copy: SourceCopy, { held, settled }: Held): boolean =>
  settled || (held !== BAD && copy.revisions.settled.covers(held.timestamp));

function inheritedAfter({ inherited }: SourceCopy, after: Key | null): Key[] {
  if (inherited.marks.size === 0) return [];
  const keys = [...inherited.marks.keys()].filter((key) => after === null || compareKeys(key, after) > 0);
  return keys.sort(compareKeys);
}

/** Visits what is behind that key, in order, until a visit refuses. True: all were visited. */
function eachOrdered(table: RegisterTable, after: Key | null, visit: (held: Held) => boolean): boolean {
  for (let last = after; ; ) {
    const portion = orderedPage(table, last, PORTION, PORTION_BYTES);
    for (const held of portion.found) {
      if (!visit(held)) return false;
      last = held.key;
    }
    if (!portion.more) return true;
  }
}
