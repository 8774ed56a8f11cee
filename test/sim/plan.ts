/**
 * A run as an explicit list of what happens in it, which can be made shorter. A seed's run can be recorded as a plan,
 * and run by it, unchanged, it does the same again. With less in the plan it does as much of the same as it can: the
 * rest keeps its time and its numbers.
 */
import type { Prng } from "../../src/base/prng.js";
import type { Key, NodeId } from "../../src/core/model/ids.js";
import { type Chance, recording, replaying } from "./dice.js";
import type { Ruin } from "./log-disk.js";
import type { Swarm } from "./swarm.js";

/** Operations that people ask for and that move replicas, or offices alone. */
export const ASKED = ["drain", "remove", "replace", "rebalance", "transfer-writer"] as const;
export type AskedKind = (typeof ASKED)[number];
export const isAsked = (kind: string): kind is AskedKind => ASKED.some((one) => one === kind);

export type Harm =
  /** `downMs` null: for good. */
  | { readonly kind: "crash"; readonly node: NodeId; readonly downMs: number | null }
  | { readonly kind: "cut"; readonly ways: readonly (readonly [NodeId, NodeId])[]; readonly forMs: number }
  | { readonly kind: "pause"; readonly node: NodeId; readonly deaf: boolean; readonly forMs: number }
  /** A node that is no member asks to be one. */
  | { readonly kind: "join"; readonly node: NodeId }
  /** These members crash and are started again after `downMs`, at other addresses. */
  | { readonly kind: "move"; readonly nodes: readonly NodeId[]; readonly downMs: number }
  /** A replica of the partition is to give way to another member. */
  | { readonly kind: "replace"; readonly partition: number; readonly leaves: NodeId; readonly comes: NodeId }
  /** That member is asked to give every partition so many replicas. */
  | { readonly kind: "resize"; readonly node: NodeId; readonly replicas: number }
  /** Somebody asks at a node for an operation about that one. */
  | {
      readonly kind: "ask";
      readonly at: NodeId;
      readonly operation: AskedKind;
      readonly node: NodeId;
      /** For a replacement: the member that gets the replicas. */
      readonly by: NodeId;
    }
  /** A member without partitions asks to be none any more. */
  | { readonly kind: "farewell"; readonly node: NodeId }
  | { readonly kind: "lose-link"; readonly a: NodeId; readonly b: NodeId }
  /** A backup is restored: the node's writer of that partition raises its revisions by so much. */
  | { readonly kind: "raise"; readonly node: NodeId; readonly partition: number; readonly by: number }
  /** The node is told to stop: it passes its offices on, ends after `afterMs`, and is started again after `downMs`. */
  | { readonly kind: "leave"; readonly node: NodeId; readonly afterMs: number; readonly downMs: number }
  /** The next write of the node's disk fails; it comes back after `downMs`. */
  | { readonly kind: "disk-error"; readonly node: NodeId; readonly downMs: number }
  | { readonly kind: "full"; readonly node: NodeId; readonly forMs: number }
  /** The node's disk stands still. */
  | { readonly kind: "stall"; readonly node: NodeId; readonly forMs: number }
  /** Its directory is copied as it is durably at that moment: what a ruin may put back. */
  | { readonly kind: "copy"; readonly node: NodeId }
  /** The node crashes and its directory is lost for good; it is started after `downMs`. */
  | { readonly kind: "ruin"; readonly node: NodeId; readonly how: Ruin; readonly downMs: number }
  /** A register goes bad; `scrubAfterMs` null: storage does not find it by itself. */
  | { readonly kind: "rot"; readonly node: NodeId; readonly key: Key; readonly scrubAfterMs: number | null };

export interface PlannedHarm {
  /** Virtual milliseconds. */
  readonly at: number;
  readonly harm: Harm;
}

/** A client's next step, as the numbers that it draws for it: key, operation, node, retries. */
export interface PlannedOperation {
  readonly at: number;
  readonly client: number;
  readonly numbers: readonly number[];
}

/** An operation of the liveness phase: the how manyeth, and its numbers. */
export interface PlannedFinal {
  readonly index: number;
  readonly numbers: readonly number[];
}

export interface Plan {
  readonly seed: number;
  readonly swarm: Swarm;
  /** No node stays down in the liveness phase. */
  readonly everybodyUp: boolean;
  readonly harms: readonly PlannedHarm[];
  readonly operations: readonly PlannedOperation[];
  /** The others are left out; `null`: all of them, also those not reached when the plan was made. */
  readonly finals: readonly PlannedFinal[] | null;
  /** 0: messages fare as they did; others: each fares by another luck. */
  readonly luck: number;
  /** By way and kind, for each message in turn: the numbers that decide what becomes of it. */
  readonly messages: ReadonlyMap<string, readonly (readonly number[])[]>;
}

/** Where a run gets its randomness from, and what of it is left out. */
export interface Source {
  /** Runs by this; null: by what the seed draws. */
  readonly plan: Plan | null;
  harmed(at: number, harm: Harm): void;
  operation(at: number, client: number, stream: Prng): Chance;
  planned(operation: PlannedOperation): Chance;
  /** null: left out. */
  final(index: number, stream: Prng): Chance | null;
  message(from: NodeId, to: NodeId, kind: string, stream: Prng): Chance;
}

/** The ordinary run: everything is drawn from its stream, nothing is written down. */
export const DRAWN: Source = {
  plan: null,
  harmed: () => {},
  operation: (_at, _client, stream) => stream,
  planned: () => never(),
  final: (_index, stream) => stream,
  message: (_from, _to, _kind, stream) => stream,
};

/** Does what the ordinary run does and writes it down. */
export class Recorder implements Source {
  readonly plan = null;
  readonly harms: PlannedHarm[] = [];
  readonly operations: PlannedOperation[] = [];
  readonly finals: PlannedFinal[] = [];
  readonly messages = new Map<string, number[][]>();

  harmed(at: number, harm: Harm): void {
    this.harms.push({ at, harm });
  }

  operation(at: number, client: number, stream: Prng): Chance {
    const numbers: number[] = [];
    this.operations.push({ at, client, numbers });
    return recording(stream, numbers);
  }

  planned(): Chance {
    return never();
  }

  final(index: number, stream: Prng): Chance {
    const numbers: number[] = [];
    this.finals.push({ index, numbers });
    return recording(stream, numbers);
  }

  message(from: NodeId, to: NodeId, kind: string, stream: Prng): Chance {
    const numbers: number[] = [];
    const way = wayOf(from, to, kind);
    const before = this.messages.get(way);
    if (before === undefined) this.messages.set(way, [numbers]);
    else before.push(numbers);
    return recording(stream, numbers);
  }
}

/** The run as it was recorded. */
export function planOf(seed: number, swarm: Swarm, { harms, operations, finals, messages }: Recorder): Plan {
  return { seed, swarm, everybodyUp: false, harms, operations, finals, luck: 0, messages };
}

/** Does what is left of the plan. */
export class Replayer implements Source {
  private readonly counts = new Map<string, number>();

  constructor(readonly plan: Plan) {}

  harmed(): void {}

  operation(): Chance {
    return never();
  }

  planned({ numbers, client, at }: PlannedOperation): Chance {
    return replaying(numbers, this.plan.seed, `operation ${client} ${at}`);
  }

  final(index: number): Chance | null {
    const { finals, seed } = this.plan;
    const planned = finals?.find((final) => final.index === index);
    if (finals !== null && planned === undefined) return null;
    return replaying(planned?.numbers ?? [], seed, `final ${index}`);
  }

  message(from: NodeId, to: NodeId, kind: string): Chance {
    const way = wayOf(from, to, kind);
    const count = this.counts.get(way) ?? 0;
    this.counts.set(way, count + 1);
    const { messages, luck, seed } = this.plan;
    const numbers = luck === 0 ? messages.get(way)?.[count] : undefined;
    return replaying(numbers ?? [], seed, `${way} ${count} ${luck}`);
  }
}

const wayOf = (from: NodeId, to: NodeId, kind: string): string => `${from}→${to} ${kind}`;

function never(): never {
  throw new Error("a run draws its operations or has them planned, not both");
}
