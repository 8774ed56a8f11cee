/**
 * A copy's answers to one that catches up with it: pages of what changed, each register whole and once.
 *
 * The asking copy says up to which change number it has everything, and which states it has had since (taken.ts). A
 * page goes through the changes after that number, in their order, and leaves out what was had. So what travels is what
 * is lacking, and a page that gets lost costs no more than that page.
 *
 * Invariants:
 *   I1 Whatever changed after what was asked and up to `upTo` is in the page, unless the asker had it, or it is bad
 *       here. A bad register changes again when it is mended.
 *   I2 This copy's own states are told only with the last page, and only while it knows of nothing bad here. Then all
 *       of them are there. It tells nothing on that it learned from others. A register may have been bad in an earlier
 *       life of the node, been passed over then, and not been looked at since.
 */
import { assert } from "../../base/assert.js";
import { LOOK_BYTES, PAGE_BYTES } from "../model/bounds.js";
import { type ChangeNumber, NO_CHANGE } from "../model/ids.js";
import type { AskChanges, Changes, ListedChange } from "../model/message.js";
import { planted } from "../model/planted.js";
import { BAD, type Change } from "../model/table.js";
import type { Group } from "../quorum/group.js";
import type { Replica } from "./replica.js";
import { Taken } from "./taken.js";

/** Changes in one page. */
export const MAX_LISTED = 512;
/** Changes looked at for one page, as others wait meanwhile: each may be a read of a block. */
const MAX_LOOKED = 1_024;
/** Changes taken from the table together: few at first, as keys may be long. */
const FIRST_PORTION = 8;
const LAST_PORTION = 128;

export function pageOf(replica: Replica, group: Group, asked: AskChanges): Changes {
  const page = new Page(replica, asked);
  page.fill();
  const sound = page.sound && replica.bad.size === 0 && !replica.overlooked;
  const tells = (!page.more || planted("C1.told-early")) && sound;
  const told = planted("C1.tells-learned") ? replica.recollection.taken : replica.recollection.ownTaken;
  return {
    kind: "changes",
    partition: group.partition,
    groupEpoch: group.epoch,
    attempt: asked.attempt,
    copy: replica.copy,
    upTo: page.upTo,
    more: page.more,
    changes: page.changes,
    taken: tells ? told.list() : [],
  };
}

class Page {
  readonly changes: ListedChange[] = [];
  more = true;
  /** Nothing that was looked at is bad. */
  sound = true;
  upTo: ChangeNumber;
  private bytes = 0;
  private readonly had: Taken;

  constructor(
    private readonly replica: Replica,
    private readonly asked: AskChanges,
  ) {
    this.upTo = asked.copy === replica.copy ? asked.after : NO_CHANGE;
    this.had = Taken.of(asked.taken);
  }

  fill(): void {
    const { table } = this.replica;
    let portion = FIRST_PORTION;
    let keyBytes = 0;
    for (let looked = 0; looked < MAX_LOOKED && keyBytes < LOOK_BYTES; ) {
      const found = table.changesAfter(this.upTo, portion);
      for (const change of found) {
        assert(change.change > this.upTo, "I1: changes are gone through in their order");
        if (!this.take(change)) return;
        this.upTo = change.change;
        keyBytes += change.key.length;
      }
      looked += found.length;
      if (found.length < portion) {
        this.upTo = table.lastChange;
        this.more = false;
        return;
      }
      portion = Math.min(2 * portion, LAST_PORTION);
    }
  }

  /** False: the page is full. */
  private take({ key, timestamp }: Change): boolean {
    if (timestamp !== null && this.had.has(timestamp)) return true;
    const full = this.changes.length >= MAX_LISTED;
    if (timestamp !== null && !this.asked.whole) {
      if (!full) this.changes.push({ timestamp, register: null, settled: false });
      return !full;
    }
    const held = this.replica.look(key);
    if (held === BAD || held === null) {
      this.sound = false;
      return true;
    }
    const over = this.bytes + held.bytes > PAGE_BYTES && !planted("B1.page-by-number");
    if (this.changes.length > 0 && (full || over)) return false;
    this.bytes += held.bytes;
    this.changes.push({
      timestamp: held.timestamp,
      register: held,
      settled: this.replica.isSettled(held),
    });
    return true;
  }
}
