/**
 * The highest revision of each partition that this client was told: what it hands back as `after`. It proves that a
 * request without record never ran, as long as no record above it was forgotten. So an old one is asked for anew before
 * it is used.
 */
import type { Revision } from "../../gen/ts/onar/kv/v1/common.js";

/** A revision told longer ago than this is asked for again. */
const FRESH_MS = 1_000;
/** After a request came too late, the partition is a busy one: then this counts for a while. */
const FRESH_BUSY_MS = 20;
const BUSY_MS = 10_000;

interface Told {
  revision: bigint;
  at: number;
  busyUntil: number;
}

export class Revisions {
  private readonly told = new Map<number, Told>();

  hear(revision: Revision | undefined, now: number): void {
    if (revision === undefined) return;
    const told = this.told.get(revision.partition);
    if (told === undefined) {
      this.told.set(revision.partition, { revision: revision.revision, at: now, busyUntil: 0 });
      return;
    }
    // A lower one comes from a replica that lags: it says nothing new.
    if (revision.revision < told.revision) return;
    told.revision = revision.revision;
    told.at = now;
  }

  /** A request on this partition was refused as expired. */
  expired(partition: number, now: number): void {
    const told = this.told.get(partition);
    if (told !== undefined) told.busyUntil = now + BUSY_MS;
  }

  /** Whether a revision is known that needs not be asked for first. */
  fresh(partition: number, now: number): boolean {
    const told = this.told.get(partition);
    return told !== undefined && now - told.at <= (now < told.busyUntil ? FRESH_BUSY_MS : FRESH_MS);
  }

  /** The revision to say in `after`; undefined when nothing was told yet. */
  after(partition: number): Revision | undefined {
    const told = this.told.get(partition);
    return told === undefined ? undefined : { partition, revision: told.revision };
  }
}
