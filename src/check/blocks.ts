/**
 * A key's history sorted by the versions that its answers carry. A block is the life of one version: the write that
 * made it, the answers that showed it, the delete that ended it. Versions grow with every write, so the blocks stand in
 * the only order in which they can have happened. Whatever breaks that order is a contradiction by itself, no matter
 * what the operations of unknown outcome did:
 *
 * B1 one version is made by one write and ended by at most one delete;
 * B2 all answers that show a version show the same value, that of the write that made it;
 * B3 an operation of a later block cannot have returned before one of an earlier block was invoked. Within a block the
 *    write goes first and the delete last;
 * B4 an answer does not contradict its own call (a compare-and-set refused with what it expected).
 */
import { latest } from "./checker.js";
import { described } from "./describe.js";
import type { DoneOperation, Found } from "./history.js";
import { versionMade } from "./relevance.js";
import { after, initialState, type KeyState } from "./sequential.js";

export interface Block {
  readonly version: number;
  /** null: no answer shows it. */
  readonly value: string | null;
  /** An operation whose answer shows the value, for explanations. */
  readonly witness: DoneOperation;
  /** null: an operation of unknown outcome made it. */
  readonly maker: DoneOperation | null;
  readonly observers: readonly DoneOperation[];
  readonly deleter: DoneOperation | null;
  /**
   * Until when a write before or of this block must have been invoked: the first return in this block or a later one.
   */
  readonly due: number;
  /** The operation that returned at `due`. */
  readonly dueBy: DoneOperation;
}

export interface Contradiction {
  readonly reason: string;
  readonly culprits: readonly DoneOperation[];
}

export interface Blocks {
  readonly blocks: readonly Block[];
  /** Operations that found the key absent: which of its absences they saw is not in the answer. */
  readonly absences: readonly DoneOperation[];
  readonly contradiction: Contradiction | null;
}

interface Draft {
  version: number;
  value: string | null;
  valueBy: DoneOperation;
  maker: DoneOperation | null;
  observers: DoneOperation[];
  deleter: DoneOperation | null;
}

export function blocksOf(operations: readonly DoneOperation[]): Blocks {
  const drafts = new Map<number, Draft>();
  const absences: DoneOperation[] = [];
  const contradictions: Contradiction[] = [];
  for (const operation of operations) {
    const contradiction = enter(operation, drafts, absences);
    if (contradiction !== null) contradictions.push(contradiction);
  }
  const blocks = finished([...drafts.values()].sort((left, right) => left.version - right.version));
  const contradiction = contradictions[0] ?? contradictionWithCall(blocks, absences) ?? contradictionInTime(blocks);
  return { blocks, absences, contradiction };
}

/** The key's state while the block lasts; null when no answer tells. */
export function stateIn(block: Block): KeyState | null {
  return block.value === null ? null : { value: block.value, version: block.version, exact: true };
}

/** B1 and B2, while an operation is sorted in. */
function enter(operation: DoneOperation, drafts: Map<number, Draft>, absences: DoneOperation[]): Contradiction | null {
  const { call } = operation;
  const { answer } = operation.outcome;
  const made = versionMade(operation);
  if (made !== null) {
    const value =
      answer.kind === "add" ? answer.number : call.kind === "put" || call.kind === "cas" ? call.value : null;
    const draft = drafted(drafts, made, operation);
    if (draft.maker !== null) {
      return {
        reason: `Two writes made version ${made}: ${described(draft.maker)}; ${described(operation)}.`,
        culprits: [operation, draft.maker],
      };
    }
    draft.maker = operation;
    if (call.kind === "cas" && call.condition.kind === "version") drafted(drafts, call.condition.version, operation);
    return shown(draft, value, operation);
  }
  const found = entryFound(operation);
  if (found === null) {
    absences.push(operation);
    return null;
  }
  const draft = drafted(drafts, found.version, operation);
  if (answer.kind !== "delete" || !answer.deleted) {
    draft.observers.push(operation);
    return shown(draft, found.value ?? null, operation);
  }
  if (draft.deleter !== null) {
    return {
      reason: `Version ${found.version} was deleted twice: ${described(draft.deleter)}; ${described(operation)}.`,
      culprits: [operation, draft.deleter],
    };
  }
  draft.deleter = operation;
  const expected = call.kind === "delete" && call.condition?.kind === "value" ? call.condition.value : found.value;
  return shown(draft, expected ?? null, operation);
}

/** The entry that an operation found and left or deleted; null: it found the key absent. */
function entryFound({ outcome: { answer } }: DoneOperation): Found | null {
  if (answer.kind === "get") return answer.present ? answer : null;
  if (answer.kind === "cas") return answer.swapped ? null : answer.found;
  if (answer.kind !== "delete" || answer.versionFound === 0) return null;
  return { ...answer.found, version: answer.versionFound };
}

function drafted(drafts: Map<number, Draft>, version: number, operation: DoneOperation): Draft {
  const known = drafts.get(version);
  if (known !== undefined) return known;
  const draft: Draft = { version, value: null, valueBy: operation, maker: null, observers: [], deleter: null };
  drafts.set(version, draft);
  return draft;
}

function shown(draft: Draft, value: string | null, operation: DoneOperation): Contradiction | null {
  if (value === null || value === draft.value) return null;
  if (draft.value === null) {
    draft.value = value;
    draft.valueBy = operation;
    return null;
  }
  return {
    reason: `Version ${draft.version} has two values: ${described(draft.valueBy)}; ${described(operation)}.`,
    culprits: [operation, draft.valueBy],
  };
}

function finished(drafts: readonly Draft[]): Block[] {
  const blocks: Block[] = [];
  let dueBy: DoneOperation | null = null;
  for (const draft of drafts.toReversed()) {
    for (const operation of members(draft)) {
      if (dueBy === null || operation.returned < dueBy.returned) dueBy = operation;
    }
    // A version that only a later compare-and-set expects has no member of its own, but that one comes later.
    const by: DoneOperation = dueBy ?? draft.valueBy;
    const observers = draft.observers.toSorted((left, right) => left.invoked - right.invoked);
    const { version, value, maker, deleter } = draft;
    blocks.push({
      version,
      value,
      witness: maker ?? draft.valueBy,
      maker,
      observers,
      deleter,
      due: by.returned,
      dueBy: by,
    });
  }
  return blocks.reverse();
}

function members({ maker, observers, deleter }: Pick<Block, "maker" | "observers" | "deleter">): DoneOperation[] {
  const all = maker === null ? [...observers] : [maker, ...observers];
  if (deleter !== null) all.push(deleter);
  return all;
}

/** B4 */
function contradictionWithCall(blocks: readonly Block[], absences: readonly DoneOperation[]): Contradiction | null {
  const impossible = (operation: DoneOperation): Contradiction => ({
    reason: `An answer contradicts its own call: ${described(operation)}.`,
    culprits: [operation],
  });
  for (const operation of absences) if (after(initialState, operation) === null) return impossible(operation);
  for (const block of blocks) {
    const state = stateIn(block);
    if (state === null) continue;
    for (const operation of block.observers) if (after(state, operation) === null) return impossible(operation);
    if (block.deleter !== null && after(state, block.deleter) === null) return impossible(block.deleter);
  }
  return null;
}

/** B3: goes through the blocks with the latest invocation so far. */
function contradictionInTime(blocks: readonly Block[]): Contradiction | null {
  let last: DoneOperation | null = null;
  let lastVersion = 0;
  for (const block of blocks) {
    const stages = [
      block.maker === null ? [] : [block.maker],
      block.observers,
      block.deleter === null ? [] : [block.deleter],
    ];
    for (const stage of stages) {
      for (const operation of stage) {
        if (last !== null && latest(operation) < last.invoked) {
          return { reason: sentence(last, lastVersion, operation, block), culprits: [last, operation] };
        }
      }
      for (const operation of stage) {
        if (last !== null && operation.invoked <= last.invoked) continue;
        last = operation;
        lastVersion = block.version;
      }
    }
  }
  return null;
}

function sentence(late: DoneOperation, lateVersion: number, early: DoneOperation, block: Block): string {
  if (lateVersion !== block.version) {
    return `Version ${lateVersion} comes back after version ${block.version}: ${described(late)}, although this had returned before: ${described(early)}.`;
  }
  if (early === block.deleter) {
    return `Version ${lateVersion} is seen after its end: ${described(late)}, although this had returned before: ${described(early)}.`;
  }
  return `Version ${lateVersion} was seen before it was written: ${described(early)}, which had returned before this was invoked: ${described(late)}.`;
}
