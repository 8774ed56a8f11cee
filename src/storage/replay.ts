/**
 * The log's records at a start, each for the copy that its table belongs to. The begin of a copy stands in front of its
 * records, and none of them stands behind its drop (T2 in states.ts).
 */
import { assert } from "../base/assert.js";
import { isLazy, isTableEntry, KIND, stateFrom } from "../codec/disk/entry.js";
import type { LogRecord } from "../codec/disk/log-record.js";
import { partitionOfFirst } from "../codec/disk/table-id.js";
import { decodeRegister } from "../codec/register/register.js";
import { partition } from "../core/model/ids.js";
import { planted } from "../core/model/planted.js";
import type { Register } from "../core/model/register.js";
import { BAD, type Bad } from "../core/model/table.js";
import { ownCopy } from "../wire/bytes.js";
import type { CopyState } from "./copy-state.js";
import { LastRecords } from "./last-records.js";
import { RecoveryError } from "./log/recovery.js";
import type { States } from "./states.js";

const NOBODY = partition(0);

export class Replay {
  private readonly last = new LastRecords();

  constructor(private readonly states: States) {}

  /** In the order of the log. */
  apply(record: LogRecord): void {
    const { kind, table, body } = record;
    if (kind === KIND.register || kind === KIND.removed) {
      this.mustTake(record);
      return this.last.take(record);
    }
    if (body === null) {
      assert(isLazy(kind), "a rotten record is applied only when its loss costs time and never safety");
      return;
    }
    const known = this.states.known(table)?.partition ?? partitionOfFirst(table) ?? NOBODY;
    const entry = stateFrom(kind, known, body);
    if (!isTableEntry(entry)) return this.states.apply(entry);
    if (entry.kind === "begun") this.states.begun(table, entry.partition, entry.copy);
    const state = this.mustTake(record);
    this.states.applyTo(state, entry);
    if (entry.kind === "dropped" && !planted("H9.replays-dropped")) this.last.forget(table);
  }

  /** The last record of each key of the copies that are held, those of each copy in the order of their changes. */
  *registers(): Iterable<{ readonly state: CopyState; readonly record: LogRecord }> {
    for (const record of this.last.inOrder()) {
      const state = this.states.at(record.table);
      if (state === null) continue;
      if (state.ended === null) yield { state, record };
      else if (planted("H9.replays-dropped")) yield { state: this.states.of(state.partition), record };
    }
  }

  private mustTake({ table, number }: LogRecord): CopyState {
    const state = this.states.at(table);
    if (state !== null && (state.ended === null || planted("H9.replays-dropped"))) return state;
    throw new RecoveryError(
      `record ${number} of the log belongs to table ${table}, which ${state === null ? "was never begun" : "had been dropped"}. ` +
        "This node counts as lost: move its directory away and replace the node",
    );
  }
}

/** The register that a record tells of; null: it was removed. Keeps its bytes for as long as it lives: a copy, as those
 * it came with belong to a whole segment. */
export function registerIn({ kind, key, body }: LogRecord): Register | Bad | null {
  if (kind === KIND.removed) return null;
  if (body === null) return BAD;
  try {
    const register = decodeRegister(ownCopy(body));
    return register.key === key ? register : BAD;
  } catch {
    return BAD;
  }
}
