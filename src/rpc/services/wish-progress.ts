/**
 * How far the moves of a wish are, as this node has followed them. A view tells which partitions are left, and never
 * how many there were. So each node keeps the view in which it saw the wish first, and counts from there.
 */
import type { MoveProgress } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import type { Partition } from "../../core/model/ids.js";
import { partitionsLeft } from "../../core/view/left.js";
import { ledgerOf } from "../../core/view/operation.js";
import { placementOf, type View, type Wish } from "../../core/view/view.js";
import type { CopySize } from "../../node/copy-sizes.js";
import type { SizesByNode } from "../sizes/cluster-sizes.js";
import { partitionSizes } from "../sizes/moved-sizes.js";

/** Less than this part of the whole says too little of the time left. */
const LEAST_PART = 0.02;

interface Seen {
  readonly since: number;
  readonly first: View;
  /** Partitions that were to change, worked out when somebody asks: it takes a while. */
  partitions: Set<Partition> | null;
}

export class WishProgress {
  private readonly seen = new Map<string, Seen>();

  /** `now`: milliseconds of a clock that never jumps. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** The newest view. */
  follow(view: View): void {
    const { wishes } = ledgerOf(view);
    for (const id of this.seen.keys()) if (!wishes.some((wish) => wish.id === id)) this.seen.delete(id);
    for (const { id } of wishes)
      if (!this.seen.has(id)) this.seen.set(id, { since: this.now(), first: view, partitions: null });
  }

  /** Undefined: it moves nothing. */
  of(view: View, wish: Wish, sizes: SizesByNode): MoveProgress | undefined {
    const seen = this.seen.get(wish.id);
    if (seen === undefined) return undefined;
    seen.partitions ??= new Set(partitionsLeft(seen.first, wish).left);
    const left = new Set(partitionsLeft(view, wish).left);
    for (const partition of left) seen.partitions.add(partition);
    const count = seen.partitions.size;
    if (count === 0) return undefined;
    const done = count - left.size;
    const amount = amountOf(view, seen.partitions, left, sizes);
    const part = amount === null || amount.all.bytes === 0 ? done / count : amount.moved.bytes / amount.all.bytes;
    const told = { partitions: count, partitionsDone: done, ...timeLeft(this.now() - seen.since, part) };
    if (amount === null) return told;
    const { all, moved } = amount;
    return {
      ...told,
      keys: BigInt(all.keys),
      keysMoved: BigInt(moved.keys),
      bytes: BigInt(all.bytes),
      bytesMoved: BigInt(moved.bytes),
    };
  }
}

const timeLeft = (passedMs: number, part: number): { readonly timeLeftMs?: bigint } =>
  part < LEAST_PART ? {} : { timeLeftMs: BigInt(Math.ceil((passedMs * (1 - part)) / part)) };

/** null: nobody told the size of one of them. */
function amountOf(
  view: View,
  partitions: ReadonlySet<Partition>,
  left: ReadonlySet<Partition>,
  sizes: SizesByNode,
): { readonly all: CopySize; readonly moved: CopySize } | null {
  const held = partitionSizes(sizes);
  const [all, moved] = [
    { keys: 0, bytes: 0 },
    { keys: 0, bytes: 0 },
  ];
  for (const partition of partitions) {
    const size = held.get(partition);
    if (size === undefined) return null;
    const there = left.has(partition) ? arrived(view, partition, sizes) : size;
    all.keys += size.keys;
    all.bytes += size.bytes;
    moved.keys += Math.min(size.keys, there.keys);
    moved.bytes += Math.min(size.bytes, there.bytes);
  }
  return { all, moved };
}

const NOTHING: CopySize = { keys: 0, bytes: 0 };

/** As much as has come to the replica that is new in the group; nothing when no replica moves now. */
function arrived(view: View, partition: Partition, sizes: SizesByNode): CopySize {
  const { replicas, previous } = placementOf(view, partition);
  const newcomer = previous === undefined ? undefined : replicas.find((node) => !previous.replicas.includes(node));
  return newcomer === undefined ? NOTHING : (sizes.get(newcomer)?.copies.get(partition) ?? NOTHING);
}
