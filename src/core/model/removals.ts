/**
 * The removals of a copy that are remembered: a copy that takes over from this one would otherwise bring back what was
 * purged meanwhile (H8). The newest ones are kept, up to a bound in number and in bytes of keys. Whoever asks from
 * before what was forgotten is told so.
 */

import { present } from "../../base/assert.js";
import { MAX_REMOVALS, REMOVAL_BYTES } from "./bounds.js";
import { ChangeList } from "./change-list.js";
import { type ChangeNumber, type Key, NO_CHANGE } from "./ids.js";

/** The latest change of the key removed it. */
export interface Removal {
  readonly key: Key;
  readonly change: ChangeNumber;
}

export interface RemovalsPage {
  /** By ascending change. */
  readonly found: readonly Removal[];
  /** All up to this change are found. */
  readonly upTo: ChangeNumber;
  /** There may be later ones. */
  readonly more: boolean;
}

/** Not all removals since then are known any more: the asker begins anew. */
export const FORGOTTEN = "forgotten";
export type Forgotten = typeof FORGOTTEN;

/** The oldest go so many at a time: a map's first key is found by passing over all that were deleted in front of it. */
const SLACK = 1 / 16;

export class Removals {
  private readonly latest = new Map<Key, { readonly change: ChangeNumber }>();
  private readonly list = new ChangeList(this.latest);
  private bytes = 0;
  /** Removals up to this change may have been forgotten. */
  forgotten: ChangeNumber = NO_CHANGE;

  constructor(
    private readonly most = MAX_REMOVALS,
    private readonly mostBytes = REMOVAL_BYTES,
  ) {}

  /** `change` is above all earlier ones. */
  add(key: Key, change: ChangeNumber): void {
    this.takeBack(key);
    this.latest.set(key, { change });
    this.list.add(key, change);
    this.bytes += key.length;
    if (this.latest.size > this.most * (1 + SLACK)) this.forget(this.most, this.mostBytes);
    if (this.bytes > this.mostBytes * (1 + SLACK)) this.forget(this.most, this.mostBytes);
  }

  /** The key is held again. */
  takeBack(key: Key): void {
    if (this.latest.size > 0 && this.latest.delete(key)) this.bytes -= key.length;
  }

  get size(): number {
    return this.latest.size;
  }

  /** All that are left above that change, by ascending number. */
  *since(after: ChangeNumber): IterableIterator<Removal> {
    for (const key of this.list.keysAfter(after)) yield { key, change: this.changeOf(key) };
  }

  /** At most `limit`, and no further once their keys have so many bytes. `upTo`: when there are no more. */
  page(after: ChangeNumber, limit: number, maxBytes: number, upTo: ChangeNumber): RemovalsPage | Forgotten {
    return after < this.forgotten ? FORGOTTEN : removalsPage(this.since(after), limit, maxBytes, upTo);
  }

  /** With the same content. */
  copy(): Removals {
    const copy = new Removals(this.most, this.mostBytes);
    for (const { key, change } of this.since(NO_CHANGE)) copy.add(key, change);
    copy.forgotten = this.forgotten;
    return copy;
  }

  private forget(most: number, mostBytes: number): void {
    for (const key of this.list.keysAfter(NO_CHANGE)) {
      if (this.latest.size <= most && this.bytes <= mostBytes) return;
      this.forgotten = this.changeOf(key);
      this.takeBack(key);
    }
  }

  private changeOf(key: Key): ChangeNumber {
    return present(this.latest.get(key), "a removal that is kept").change;
  }
}

/** At most `limit` of these, and no further once their keys have so many bytes. `upTo`: when there are no more. */
export function removalsPage(
  removals: Iterable<Removal>,
  limit: number,
  maxBytes: number,
  upTo: ChangeNumber,
): RemovalsPage {
  const found: Removal[] = [];
  let bytes = 0;
  for (const removal of removals) {
    found.push(removal);
    bytes += removal.key.length;
    if (found.length >= limit || bytes >= maxBytes) return { found, upTo: removal.change, more: true };
  }
  return { found, upTo, more: false };
}
