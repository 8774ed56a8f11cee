/**
 * Is there an order of the operations that explains every answer? It takes O(n log n), because the answers give the
 * order away. Each carries a version, and versions grow with every write of the key, so they are the witness of the
 * order. The idea is that of checking with unique values in Gibbons and Korach ("Testing shared memories", SIAM J.
 * Comput. 1997). Elle's version orders use it as well (Kingsbury and Alvaro, VLDB 2020).
 *
 * The argument has two halves, which do not lean on each other.
 *
 * *Ok* is only ever said with an order in hand. `explains` replays the order against the sequential specification and
 * the clock, and knows nothing of how it was found. So a mistake in finding one cannot make a bad history pass.
 *
 * *Violation* is only ever said for a condition that every order must meet, whatever the unknown operations did:
 * 1. blocks.ts, B1–B4: about answers alone.
 * 2. A version that was shown has a maker. Without an answered one it is an unknown write of that value, invoked before
 *    the block is due. So k versions of one value need k of them. (An addition makes any number: where one could have,
 *    this proves nothing.)
 * 3. A write follows what was there. The state that the block before it left is known. If the write's condition or sum
 *    does not fit it, unknown operations invoked in time must stand between. They are no more than the gap between the
 *    versions has room for. All ways are tried, as if no other gap needed any, within an allowance. The same for
 *    versions with an unknown maker. A write that expects a version fits directly behind it or nowhere: versions do not
 *    come back.
 * 4. A read that found the key absent needs an absence that suits (witness-order.ts). That is at the start, behind a
 *    delete, or where an unknown delete, invoked in time, fits in a gap with room.
 *
 * Without unknown operations that can matter the order is forced except for the absences, and witness-order.ts finds a
 * place for those if there is one. So one of the two is always said. With them, what could take their effect where is
 * chosen by rules of thumb, in a few attempts. When those get stuck and nothing proves a violation, the key is handed
 * to the Wing–Gong search, and the verdict says so (`decidedBy`).
 */
import { type Block, blocksOf, type Contradiction } from "./blocks.js";
import { Bridges, isSum } from "./bridges.js";
import { type Budget, type Checker, latest, takesPart, type Verdict } from "./checker.js";
import { described, quoted, stateInWords } from "./describe.js";
import { type DoneOperation, isDone, type Operation } from "./history.js";
import { usefulUnknowns } from "./relevance.js";
import { after, initialState, type KeyState } from "./sequential.js";
import { wingGong } from "./wing-gong.js";
import { begins, builtOrders, type Obstacle } from "./witness-order.js";

export const versionWitness: Checker = { name: "version-witness", check };

function check(operations: readonly Operation[], budget: Budget): Verdict {
  return decide(operations, budget) ?? wingGong.check(operations, budget);
}

/** The verdict as far as the versions tell; null: they do not. */
export function decide(operations: readonly Operation[], budget: Budget = {}): Verdict | null {
  const taking = operations.filter(takesPart);
  const { blocks, absences, contradiction } = blocksOf(taking.filter(isDone));
  if (contradiction !== null) return violation(contradiction);
  const unknowns = usefulUnknowns(taking);
  const refuter = new Refuter(blocks, new Bridges(unknowns), operations);
  for (const { order, obstacles } of builtOrders(blocks, absences, unknowns)) {
    if (obstacles.length === 0 && explains(order, taking)) {
      return { kind: "ok", linearization: order, decidedBy: "version-witness" };
    }
    for (const obstacle of obstacles) {
      const proof = refuter.refute(obstacle);
      if (proof !== null) return violation(proof);
    }
    if (budget.expired?.() === true) break;
  }
  return null;
}

/** Whether an order holds all operations with an answer once, respects the clock and explains every answer. */
export function explains(order: readonly Operation[], operations: readonly Operation[]): boolean {
  const missing = new Set(operations.filter(takesPart));
  let state: KeyState | null = initialState;
  let lastInvoked = Number.NEGATIVE_INFINITY;
  for (const operation of order) {
    if (!missing.delete(operation)) return false;
    lastInvoked = Math.max(lastInvoked, operation.invoked);
    state = after(state, operation);
    if (state === null || latest(operation) < lastInvoked) return false;
  }
  for (const operation of missing) if (isDone(operation)) return false;
  return true;
}

function violation({ reason, culprits }: Contradiction): Verdict {
  return { kind: "violation", reason, culprits, partial: [], decidedBy: "version-witness" };
}

/** States that proofs by exhaustion may look at, per key. */
const statesOfProofs = 500_000;

/** Turns an obstacle into a proof that there is no order, where it is one. */
class Refuter {
  private readonly blocks: readonly Block[];
  private readonly bridges: Bridges;
  private readonly operations: readonly Operation[];
  private readonly allowance = { states: statesOfProofs };
  /** Gaps over which some bridge leads, or may. */
  private readonly bridged = new Set<number>();

  constructor(blocks: readonly Block[], bridges: Bridges, operations: readonly Operation[]) {
    this.blocks = blocks;
    this.bridges = bridges;
    this.operations = operations;
  }

  refute(obstacle: Obstacle): Contradiction | null {
    if (obstacle.kind === "no maker") return this.withoutMaker(obstacle.index, obstacle.before);
    if (obstacle.kind === "cannot follow") return this.withoutPredecessor(obstacle.index, obstacle.before);
    return this.withoutAbsence(obstacle.operation);
  }

  /** Whether no bridge leads to the block from what the one before it is known to have left. */
  private isBeyondReach(index: number, before: KeyState): boolean {
    const block = this.blocks[index];
    // Without a value shown, what the block before holds was only guessed; its version was not, nor what a delete left.
    const previous = this.blocks[index - 1];
    const isGuess = previous !== undefined && previous.value === null && previous.deleter === null;
    if (block === undefined || isGuess || this.bridged.has(index)) return false;
    const reaches = (state: KeyState): boolean => begins(block, state);
    const isBeyond = this.bridges.leads(before, block.due, block.version, reaches, this.allowance) === false;
    if (!isBeyond) this.bridged.add(index);
    return isBeyond;
  }

  private withoutMaker(index: number, before: KeyState | null): Contradiction | null {
    const block = this.blocks[index];
    if (block === undefined) return null;
    const { value, due, version, witness } = block;
    const mayAdd = this.bridges.some(due, ({ call }) => call.kind === "add") && (value === null || isSum(value));
    const mayWrite =
      value === null
        ? this.bridges.some(due, ({ call }) => call.kind !== "delete")
        : this.bridges.writesOf(value, due) > 0;
    if (before !== null && (mayAdd || mayWrite) && this.isBeyondReach(index, before)) {
      const which = value === null ? "" : ` of ${quoted(value)}`;
      const held = `the key held ${stateInWords(before)} before`;
      return {
        reason: `No write${which} can have made version ${version}: ${described(witness)}, and ${held}.`,
        culprits: [witness],
      };
    }
    if (value === null) {
      if (mayWrite) return null;
      return {
        reason: `No write made version ${version}, which this saw: ${described(witness)}.`,
        culprits: [witness],
      };
    }
    if (mayAdd) return null;
    const candidates = this.bridges.writesOf(value, due);
    const alike = this.blocks.slice(0, index + 1).filter((other) => other.maker === null && other.value === value);
    if (candidates >= alike.length) return null;
    const [first] = alike;
    if (candidates === 0 || first === undefined || first === block) {
      return { reason: `${this.phantom(value, due)}: ${described(witness)}.`, culprits: [witness] };
    }
    const times = candidates === 1 ? "only one write" : `only ${candidates} writes`;
    return {
      reason:
        `${quoted(value)} comes back as version ${version}, although ${times} of unknown outcome can have made it: ` +
        `${described(first.witness)}; ${described(witness)}.`,
      culprits: [witness, first.witness],
    };
  }

  private phantom(value: string, due: number): string {
    const writes = this.operations.filter(
      ({ call }) => (call.kind === "put" || call.kind === "cas") && call.value === value,
    );
    if (writes.some(({ outcome }) => outcome.status === "failed"))
      return `${quoted(value)} was shown, although its write was not executed`;
    if (writes.some(({ invoked }) => invoked > due)) return `${quoted(value)} was shown before anybody wrote it`;
    if (writes.length > 0) return `${quoted(value)} was shown at a version that its write did not make`;
    return `${quoted(value)} was shown, but nobody wrote it`;
  }

  private withoutPredecessor(index: number, before: KeyState): Contradiction | null {
    const block = this.blocks[index];
    const maker = block?.maker ?? null;
    if (block === undefined || maker === null) return null;
    const expected =
      maker.call.kind === "cas" && maker.call.condition.kind === "version" ? maker.call.condition.version : null;
    const hasRoom = block.version > before.version + 1;
    if (expected === null && hasRoom && !this.isBeyondReach(index, before)) return null;
    const previous = this.blocks[index - 1];
    const origin = previous?.deleter ?? previous?.witness ?? null;
    const by = origin === null ? "" : `: ${described(origin)}`;
    let why = `the key held ${stateInWords(before)} directly before version ${block.version}${by}`;
    if (expected !== null && expected >= block.version) why = "versions only grow";
    else if (expected !== null) why = `version ${expected} was gone by then${by}`;
    else if (maker.call.kind === "put") why = `no version is left for the delete before it${by}`;
    return {
      reason: `This write cannot have succeeded: ${described(maker)}, because ${why}.`,
      culprits: origin === null ? [maker] : [maker, origin],
    };
  }

  private withoutAbsence(operation: DoneOperation): Contradiction | null {
    let lastInvoked = Number.NEGATIVE_INFINITY;
    let lastSeen: DoneOperation | null = null;
    for (let index = 0; index <= this.blocks.length; index++) {
      const previous = this.blocks[index - 1];
      const next = this.blocks[index];
      if (previous !== undefined) {
        const members = previous.maker === null ? previous.observers : [previous.maker, ...previous.observers];
        for (const member of previous.deleter === null ? members : [...members, previous.deleter]) {
          lastInvoked = Math.max(lastInvoked, member.invoked);
          lastSeen = member;
        }
      }
      if (lastInvoked > operation.returned) break;
      const due = next?.due ?? Number.POSITIVE_INFINITY;
      if (due < operation.invoked) continue;
      if (previous === undefined || previous.deleter !== null) return null;
      const hasRoom = next === undefined || next.version > previous.version + 1;
      if (hasRoom && this.bridges.some(Math.min(due, operation.returned), ({ call }) => call.kind === "delete"))
        return null;
    }
    const holder = this.holderBefore(operation) ?? lastSeen;
    const presence = holder === null ? "" : `, although the key was there: ${described(holder)}`;
    return {
      reason: `This found the key absent: ${described(operation)}${presence}.`,
      culprits: holder === null ? [operation] : [operation, holder],
    };
  }

  /** The last operation that showed the key to be there and returned before this one was invoked. */
  private holderBefore(operation: DoneOperation): DoneOperation | null {
    let holder: DoneOperation | null = null;
    for (const { maker, observers } of this.blocks) {
      for (const member of maker === null ? observers : [maker, ...observers]) {
        if (member.returned < operation.invoked && (holder === null || member.returned >= holder.returned))
          holder = member;
      }
    }
    return holder;
  }
}
