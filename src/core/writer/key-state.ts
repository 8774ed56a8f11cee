/** The writer's memory of one key in one office: its latest decision, or that it is still finding out. */
import type { Instant } from "../../base/time.js";
import type { Timestamp } from "../model/ballot.js";
import { type Key, NO_REVISION } from "../model/ids.js";
import type { Register } from "../model/register.js";
import type { Round } from "../quorum/round.js";
import type { Flight } from "./flights.js";
import type { Line } from "./line.js";
import type { Queued } from "./queued.js";

export class KeyState {
  /** The latest decision, or the highest recovered; null: absent. While recovering: the highest seen so far. */
  register: Register | null = null;
  /** Nothing with an id ran here at or below this revision without leaving a record. */
  floor = NO_REVISION;
  /** Not null: the first touch, still asking. */
  recovery: Round | null = null;
  /** The own copy must be among the majority that tells of it. */
  withOwnCopy = false;
  /** The state that was recovered; null: absent. */
  found: Timestamp | null = null;
  waiting: Queued[] = [];
  /** The share of its register in the node's load. */
  bytes = 0;
  /** Its writes that are not on a majority yet, oldest first. */
  readonly undone: Flight[] = [];
  /** Its writes that wait for these; null: none does. */
  line: Line | null = null;
  /** When this writer first knew each of the register's records. */
  knownSince: Instant[] = [];

  constructor(readonly key: Key) {}

  recoveredAt(now: Instant): void {
    const { register } = this;
    if (register === null) return;
    this.found = register.timestamp;
    this.floor = register.floor;
    this.knownSince = new Array(register.records.length).fill(now);
  }

  decided(register: Register, forgotten: number, now: Instant): void {
    this.register = register;
    this.floor = register.floor;
    if (forgotten > 0) this.knownSince.splice(0, forgotten);
    while (this.knownSince.length < register.records.length) this.knownSince.push(now);
  }

  /** The same value in this writer's ballot. */
  imposed(register: Register): void {
    this.register = register;
  }
}
