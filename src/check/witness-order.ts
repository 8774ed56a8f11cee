/**
 * Builds an order of a key's operations from its blocks (see blocks.ts), or says where that fails.
 *
 * 1. Versions that no answered write made get a maker among the writes of unknown outcome: first where the value is
 *    known and one write suffices.
 * 2. Where a write cannot follow what the block before it left (its condition, its sum), unknown writes bridge the gap.
 *    Versions of which no value was shown come last: many writes would do.
 * 3. Operations that found the key absent: the *absences* are the stretches of the order in which it is. Each operation
 *    goes to the first absence that is not over before it was invoked. Where there is none, an unknown delete may make
 *    one.
 *
 * Why the first absence will do. Fix the order of everything else. Absence g suits operation r if nothing after g
 * returned before r was invoked, and nothing before g was invoked after r returned. The first condition holds from some
 * g on, the second up to some g. So if any absence suits, the first that meets the first condition does. And if r
 * returned before r' was invoked, the first one for r is not behind the first one for r'. Within one absence the order
 * of invocation keeps that order.
 *
 * The place of an unknown operation is a guess that may take from one gap what another needs. So where an attempt
 * fails, the next one begins with the gaps at which it did. And a guess may have been invoked too late for an absence
 * that a known delete made. Then everything before that delete must have been invoked before the reader of the absence
 * had returned.
 */
import { type Block, stateIn } from "./blocks.js";
import { Bridges, firstIndex } from "./bridges.js";
import { latest } from "./checker.js";
import type { DoneOperation, Operation } from "./history.js";
import { after, initialState, type KeyState, observed } from "./sequential.js";

/** Attempts, each beginning with the gaps at which the ones before failed. */
const attempts = 24;
/** Gaps in which an unknown delete is tried for one operation that found nothing. */
const gapsTried = 64;

export type Obstacle =
  | { readonly kind: "no maker"; readonly index: number; readonly before: KeyState | null }
  | { readonly kind: "cannot follow"; readonly index: number; readonly before: KeyState }
  | { readonly kind: "never absent"; readonly operation: DoneOperation };

export interface BuiltOrder {
  readonly order: readonly Operation[];
  /** Empty: the order is complete. */
  readonly obstacles: readonly Obstacle[];
}

/** One attempt after the other, until one has no obstacle or the last one taught nothing. */
export function* builtOrders(
  blocks: readonly Block[],
  absences: readonly DoneOperation[],
  unknowns: readonly Operation[],
): Generator<BuiltOrder, void> {
  const sorted = absences.toSorted((left, right) => left.invoked - right.invoked);
  const lessons: Lessons = { gaps: new Set(), absences: new Set(), ends: new Map() };
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const built = new Builder(blocks, new Bridges(unknowns), lessons).build(sorted);
    yield built;
    if (built.obstacles.length === 0 || unknowns.length === 0 || !learn(lessons, built.obstacles, blocks)) return;
  }
}

/** The lessons of the attempts so far. */
interface Lessons {
  /** Gaps to be bridged first. */
  readonly gaps: Set<number>;
  /** Operations that found nothing, for which an unknown delete is to be placed first. */
  readonly absences: Set<DoneOperation>;
  /** By operation that found nothing: the block whose known delete is to serve it. */
  readonly ends: Map<DoneOperation, number>;
}

/** Whether there was something new. */
function learn({ gaps, absences, ends }: Lessons, obstacles: readonly Obstacle[], blocks: readonly Block[]): boolean {
  const size = gaps.size + absences.size + ends.size;
  for (const obstacle of obstacles) {
    if (obstacle.kind !== "never absent") {
      gaps.add(obstacle.index);
      continue;
    }
    const { operation } = obstacle;
    const end = ends.has(operation) ? null : endFor(operation, blocks);
    if (end === null) absences.add(operation);
    else ends.set(operation, end);
  }
  return gaps.size + absences.size + ends.size > size;
}

/**
 * The first block with a known delete after which the operation can have found nothing, as far as the known ones go.
 */
function endFor(operation: DoneOperation, blocks: readonly Block[]): number | null {
  for (const [index, { maker, observers, deleter }] of blocks.entries()) {
    const members = [maker, ...observers, deleter];
    if (members.some((member) => member !== null && member.invoked > operation.returned)) return null;
    const due = blocks[index + 1]?.due ?? Number.POSITIVE_INFINITY;
    if (deleter !== null && due >= operation.invoked) return index;
  }
  return null;
}

class Builder {
  private readonly blocks: readonly Block[];
  private readonly bridges: Bridges;
  private readonly lessons: Lessons;
  /** By block: the unknown operations before its first known one; the last of them is the maker if that is unknown. */
  private readonly before: Operation[][];
  /** By block: until when an unknown write before it must have been invoked. */
  private readonly dues: readonly number[];
  /** By block: what it holds, as far as known by now. */
  private readonly states: (KeyState | null)[];
  private readonly filled = new Set<number>();
  private readonly obstacles: Obstacle[] = [];

  constructor(blocks: readonly Block[], bridges: Bridges, lessons: Lessons) {
    this.blocks = blocks;
    this.bridges = bridges;
    this.lessons = lessons;
    // One more: unknown deletes after the last block.
    this.before = Array.from({ length: blocks.length + 1 }, () => []);
    this.states = blocks.map(stateIn);
    this.dues = duesOf(blocks, lessons);
  }

  build(absences: readonly DoneOperation[]): BuiltOrder {
    const { lessons } = this;
    if (!this.bridges.isEmpty) {
      for (const gap of lessons.gaps) this.fill(gap);
      if (lessons.absences.size > 0) this.addDeletes([...lessons.absences]);
      this.findMakers();
      for (const [index] of this.blocks.entries()) {
        if (this.states[index] !== null && this.stateBefore(index) !== null) this.fill(index);
      }
    }
    for (const [index] of this.blocks.entries()) this.fill(index);
    let placed = placedAbsences(this.order(), absences);
    if (placed.left.length > 0 && !this.bridges.isEmpty) {
      this.addDeletes(placed.left);
      placed = placedAbsences(this.order(), absences);
    }
    for (const operation of placed.left) this.obstacles.push({ kind: "never absent", operation });
    return { order: placed.order, obstacles: this.obstacles };
  }

  private findMakers(): void {
    for (const [index, block] of this.blocks.entries()) {
      if (block.maker !== null || block.value === null || this.before[index]?.length !== 0) continue;
      const from = this.stateBefore(index) ?? { value: null, version: this.versionBefore(index) + 1, exact: false };
      const maker = this.bridges.write(from, block.value, this.dueFrom(index), (state) => this.begins(index, state));
      if (maker !== null) this.before[index] = [maker];
    }
  }

  /** Finds what leads from the end of the block before to the beginning of this one. */
  private fill(index: number): void {
    const block = this.blocks[index];
    if (block === undefined || this.filled.has(index)) return;
    this.filled.add(index);
    if (this.stateBefore(index) === null) this.fill(index - 1);
    const from = this.stateBefore(index);
    if (from === null) {
      // The state before the block is an obstacle of its own.
      if (block.maker === null && this.before[index]?.length === 0)
        this.obstacles.push({ kind: "no maker", index, before: null });
      return;
    }
    const reached = run(from, this.before[index] ?? []);
    if (reached !== null && this.begins(index, reached)) return;
    const due = this.dueFrom(index);
    const bridge =
      (block.value === null ? this.bridges.bridge(from, due, (state) => this.beginsTwo(index, state)) : null) ??
      this.bridges.bridge(from, due, (state) => this.begins(index, state));
    if (bridge !== null) {
      this.before[index] = bridge;
      const made = run(from, bridge);
      if (block.value === null) this.states[index] = made && observed(made, { version: block.version });
    } else if (block.maker === null) this.obstacles.push({ kind: "no maker", index, before: from });
    else this.obstacles.push({ kind: "cannot follow", index, before: from });
  }

  /** Unknown deletes for operations that found nothing where the key never was absent: as late as each allows. */
  private addDeletes(left: readonly DoneOperation[]): void {
    const lastInvoked = this.lastInvocations();
    const added: { gap: number; invoked: number }[] = [];
    for (const operation of left.toSorted((one, other) => one.returned - other.returned)) {
      const first = firstIndex(this.blocks.length, (gap) => this.dueFrom(gap + 1) >= operation.invoked);
      const end = firstIndex(this.blocks.length, (gap) => (lastInvoked[gap] ?? 0) > operation.returned);
      if (added.some(({ gap, invoked }) => gap >= first && gap < end && invoked <= operation.returned)) continue;
      for (let gap = end - 1; gap >= Math.max(first, end - gapsTried); gap--) {
        const invoked = this.addDelete(gap, operation.returned);
        if (invoked === null) continue;
        added.push({ gap, invoked });
        break;
      }
    }
  }

  private addDelete(gap: number, returned: number): number | null {
    const from = this.stateBefore(gap + 1);
    const bridge = this.before[gap + 1];
    const next = this.blocks[gap + 1];
    if (from === null || from.value === null || bridge === undefined) return null;
    const unknownMaker = next !== undefined && next.maker === null;
    if (bridge.length !== (unknownMaker ? 1 : 0)) return null;
    const continues = (state: KeyState): boolean => {
      const reached = run(state, bridge);
      return reached !== null && (next === undefined || this.begins(gap + 1, reached));
    };
    const removal = this.bridges.delete(from, Math.min(returned, this.dueFrom(gap + 1)), continues);
    if (removal === null) return null;
    this.before[gap + 1] = [removal, ...bridge];
    return removal.invoked;
  }

  private begins(index: number, state: KeyState): boolean {
    const block = this.blocks[index];
    return block !== undefined && begins(block, state);
  }

  /** Whether the block can begin in this state, and the one after it directly behind. */
  private beginsTwo(index: number, state: KeyState): boolean {
    const block = this.blocks[index];
    const held = block !== undefined && this.begins(index, state) ? observed(state, { version: block.version }) : null;
    const left = held !== null && block?.deleter ? after(held, block.deleter) : held;
    const next = this.blocks[index + 1];
    return left !== null && (next === undefined || next.maker === null || this.begins(index + 1, left));
  }

  /** The state that the block before this one leaves; null when its value is not known. A delete leaves the same,
   * whatever it found. */
  private stateBefore(index: number): KeyState | null {
    if (index === 0) return initialState;
    const state = this.states[index - 1] ?? null;
    const block = this.blocks[index - 1];
    if (block === undefined || block.deleter === null) return state;
    return state === null ? { value: null, version: block.version + 1, exact: false } : after(state, block.deleter);
  }

  private versionBefore(index: number): number {
    return this.blocks[index - 1]?.version ?? 0;
  }

  private dueFrom(index: number): number {
    return this.dues[index] ?? Number.POSITIVE_INFINITY;
  }

  /** By block: the last invocation up to its end. */
  private lastInvocations(): number[] {
    let last = Number.NEGATIVE_INFINITY;
    return this.blocks.map((_, index) => {
      for (const { invoked } of this.membersOf(index)) last = Math.max(last, invoked);
      return last;
    });
  }

  private membersOf(index: number): Operation[] {
    const members = [...(this.before[index] ?? [])];
    const block = this.blocks[index];
    if (block === undefined) return members;
    if (block.maker !== null) members.push(block.maker);
    for (const operation of block.observers) members.push(operation);
    if (block.deleter !== null) members.push(block.deleter);
    return members;
  }

  private order(): Operation[] {
    return this.before.flatMap((_, index) => this.membersOf(index));
  }
}

function duesOf(blocks: readonly Block[], { ends }: Lessons): number[] {
  const dues = blocks.map(({ due }) => due);
  for (const [{ returned }, end] of ends) dues[end] = Math.min(dues[end] ?? returned, returned);
  // Everything that goes before a later block with an earlier due goes before that as well.
  for (let index = dues.length - 2; index >= 0; index--) {
    dues[index] = Math.min(dues[index] as number, dues[index + 1] as number);
  }
  return dues;
}

/** Whether a block can begin in this state: its maker can run, or the unknown maker just ran. */
export function begins({ maker, version, value }: Block, state: KeyState): boolean {
  if (maker !== null) return after(state, maker) !== null;
  return !state.exact && observed(state, value === null ? { version } : { version, value }) !== null;
}

function run(from: KeyState, operations: readonly Operation[]): KeyState | null {
  return operations.reduce<KeyState | null>((state, operation) => state && after(state, operation), from);
}

/** Puts each operation that found nothing in the first absence that suits; those without any are left. */
function placedAbsences(
  order: readonly Operation[],
  absences: readonly DoneOperation[],
): { order: Operation[]; left: DoneOperation[] } {
  if (absences.length === 0) return { order: [...order], left: [] };
  const places = absentPlaces(order);
  const guests: DoneOperation[][] = places.map(() => []);
  const left: DoneOperation[] = [];
  for (const operation of absences) {
    const index = firstIndex(places.length, (at) => (places[at]?.due ?? 0) >= operation.invoked);
    const place = places[index];
    if (place === undefined || place.lastInvoked > operation.returned) left.push(operation);
    else guests[index]?.push(operation);
  }
  const whole: Operation[] = [];
  let from = 0;
  for (const [index, { position }] of places.entries()) {
    for (; from < position; from++) pushIfAny(whole, order[from]);
    for (const guest of guests[index] ?? []) whole.push(guest);
  }
  for (; from < order.length; from++) pushIfAny(whole, order[from]);
  return { order: whole, left };
}

interface Place {
  /** Number of operations of the order that go before. */
  readonly position: number;
  readonly lastInvoked: number;
  /** The first return of what comes after. */
  readonly due: number;
}

function absentPlaces(order: readonly Operation[]): Place[] {
  const due = new Float64Array(order.length + 1).fill(Number.POSITIVE_INFINITY);
  for (let index = order.length - 1; index >= 0; index--) {
    const operation = order[index];
    due[index] = Math.min(due[index + 1] ?? 0, operation === undefined ? Number.POSITIVE_INFINITY : latest(operation));
  }
  const places: Place[] = [];
  let lastInvoked = Number.NEGATIVE_INFINITY;
  for (let position = 0; position <= order.length; position++) {
    const previous = order[position - 1];
    if (previous !== undefined) lastInvoked = Math.max(lastInvoked, previous.invoked);
    if (previous === undefined || removes(previous)) places.push({ position, lastInvoked, due: due[position] ?? 0 });
  }
  return places;
}

/** In an order, an unknown delete is there because it had its effect. */
function removes({ call, outcome }: Operation): boolean {
  if (call.kind !== "delete") return false;
  return (
    outcome.status === "unknown" ||
    (outcome.status === "done" && outcome.answer.kind === "delete" && outcome.answer.deleted)
  );
}

function pushIfAny(operations: Operation[], operation: Operation | undefined): void {
  if (operation !== undefined) operations.push(operation);
}
