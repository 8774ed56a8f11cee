/**
 * Coverage of rare paths: a check that nothing is violated proves little unless the paths where it could be were taken.
 * Every point has a name in this list. A run marks those it reached, and a long run in which one was never reached says
 * so.
 */
const ALWAYS = [
  "a node crashed",
  "a crash lost unsynced entries",
  "a crash kept part of an unsynced batch",
  "every node crashed at once",
  "a node restarted",
  "a node was paused",
  "a node missed what was sent while it stood still",
  "a one-way cut",
  "a two-way cut",
  "a link was lost",
  "a request met no stream",
  "a node was told to stop",
  "revisions were raised",
  "a message was lost",
  "a message was doubled",
  "a message of an earlier life arrived",
  "a message overtook another by a second",
  "a write was refused by the fence",
  "an impose was refused by the fence",
  "a prepare was refused by the fence",
  "a confirm was refused by the fence",
  "a recover was refused by the fence",
  "a read imposed",
  "a read was handed over",
  "a hand-over was answered",
  "a hand-over was turned away",
  "a writer campaigned again in one life",
  "an office was handed over",
  "a key was recovered by another writer",
  "a register was imposed in a new ballot",
  "an answer was repeated from its record",
  "a request was refused as expired",
  "an answer told no revision",
  "a request came from the future",
  "a request was unserved",
  "an outcome was unknown",
  "a deadline came with a copy under way",
  "a deadline came before any copy left",
  "a copy of a request was sent",
  "a client went away",
  "a local read was answered locally",
  "a failed condition was answered",
  "a condition failed with a request id",
  "a number overflowed or was none",
  "two offices of one partition at once",
  "a replica caught up",
  "a settled register was taken over below the promise",
  "a register was taken over",
  "a takeover was refused by the fence",
  "a torn write was cut off",
  "a write found the disk full",
  "a message that brings a register was dropped as the disk was full",
  "a write failed and its node ended",
  "a disk stood still",
  "the log was folded into the checkpoint",
  "a record of the log rotted",
  "a record of the checkpoint rotted",
  "a node came back with a rotten register",
  "a directory was copied while its node ran",
  "a node came back with an older directory",
  "an older directory was refused by a peer",
  "a peer had forgotten what it was told",
  "an emptied directory was refused",
  "a directory that cannot be trusted was refused",
  "a register went bad",
  "a key was lost with its majority",
  "something lasted for minutes",
  "a bad register was found",
  "a bad register was mended by the writer",
  "a tombstone was purged",
  "a tombstone that passes left behind was removed",
  "a purge was refused by the fence",
  "a purge pass was given up",
  "a key was created again after a purge",
  "a transfer was dropped by a purge",
  "a newcomer became a member",
  "a member moved",
  "all members moved at once",
  "a member left for good",
  "a call was lost",
  "two proposers at once",
  "a partition moved",
  "a writer moved away",
  "a copy became ready by a merge",
  "a copy was dropped",
] as const;

/** In worlds that heal by themselves (moving.ts). */
const HEALING = [
  "a member was lost",
  "others had all replicas of a lost member",
  "a lost member was welcome again",
  "replicas were spread evenly",
] as const;

/** In worlds with groups of two that heal by themselves. */
const VOID = ["a newcomer of a group of two was lost", "an epoch was void"] as const;

/** In worlds in which groups grow and shrink. */
const RESIZING = ["all partitions had another number of replicas"] as const;

/** In worlds in which people ask for moves by operations (moving.ts). */
const ASKED = [
  "a drain was done",
  "a replace was done",
  "a remove was done",
  "a rebalance was done",
  "a transfer-writer was done",
] as const;

export type Point =
  | (typeof ALWAYS)[number]
  | (typeof HEALING)[number]
  | (typeof VOID)[number]
  | (typeof RESIZING)[number]
  | (typeof ASKED)[number];

export const POINTS: readonly Point[] = [
  ...ALWAYS,
  ...(process.env.HEALING === undefined ? [] : HEALING),
  ...(process.env.FEW === undefined || process.env.HEALING === undefined ? [] : VOID),
  ...(process.env.RESIZING === undefined ? [] : RESIZING),
  ...(process.env.ASKED === undefined ? [] : ASKED),
];

export class Sometimes {
  private readonly counts = new Map<Point, number>();

  hit(point: Point): void {
    this.counts.set(point, (this.counts.get(point) ?? 0) + 1);
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries(this.counts);
  }
}
