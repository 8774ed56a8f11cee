/**
 * Machines as values: a deep copy to try an input on, and a text that is equal for states that behave alike.
 *
 * The machines of src/core are classes with mutable fields. The copy keeps prototypes and shared references (a flight
 * is found by its seq, by its key and in order). Things that never change (registers, the group, ports) are shared
 * between copies. The text leaves out what is read by nobody in this exploration; OMITTED says why for each field.
 */

import { Register } from "../../src/core/model/register.js";
import { Group } from "../../src/core/quorum/group.js";
import { Flights } from "../../src/core/writer/flights.js";
import { planted } from "../planted/planted.js";

/** By class: the fields that are not part of the text. */
const OMITTED: Readonly<Record<string, readonly string[]>> = {
  // Ports and parts that never change or are described elsewhere.
  Writer: ["group", "replica", "multicast", "answers", "purging", "load", "decisions", "deadlines"],
  Reader: ["group", "replica", "multicast", "heard", "writerPlace", "turn"],
  Revisions: ["group", "attempts", "multicast"],
  Confirmations: ["group", "attempts", "multicast"],
  // The three parts of a writer share one counter of attempts: shown here.
  Keys: ["group", "multicast", "load", "weighed"],
  SmallNode: ["stage", "place", "attempts", "readerAttempts"],
  // These are the same always. A merge that is through says so by the life.
  MovingNode: ["stage", "place", "attempts", "readerAttempts", "world", "receiver"],
  // Which merge it is; figures for people; what is the same always, as its clock stands still and no key goes bad.
  Merge: ["options", "keys", "bytes", "waitsFor", "ownBytes", "undecidedSince", "waitedFor"],
  MergeSources: ["options", "askingOrder"],
  // No key goes bad, is caught up with or purged.
  Copy: ["group", "upkeep", "post", "outlook", "mendingLoad"],
  // The encoded form is the codec's.
  Register: ["encoded"],
  // No register goes bad here. The states that a copy had are told to one that catches up, and none does here.
  Replica: ["group", "badKeys", "recollection"],
  // `settledUnsaved` asks for an entry once a round; `settledRevision` is shown to clients as a hint and decides
  // nothing.
  PartitionRevisions: ["partition", "settledRevision", "recollection"],
  // No epoch becomes void here: nobody is asked whether it accepted anything of one.
  Fence: ["group", "accepted"],
  // Instants: every resend explored here is due. `messages` counts only under a planted bug.
  Round: ["asking", "messages"],
  Flight: ["undone", "owner", "bytes", "askedAt", "repeated", "departedAt", "done", "messages"],
  // No record grows old here.
  KeyState: ["knownSince", "bytes"],
};

/** Fields of a read that its phase looks at. */
const READ_PHASES: Readonly<Record<string, readonly string[]>> = {
  asking: ["ticket", "attempt", "own", "best", "holders", "answers", "sawAbsent", "bestSettled"],
  imposing: ["ticket", "attempt", "best", "holders", "refusals"],
  "handing-over": ["ticket", "attempt"],
};

/** Hints in messages that no machine decides by. */
const HINTS: readonly string[] = ["settledRevision", "promised"];

/** A copy that can be changed without changing the original. */
export function copyOf<Machine extends object>(machine: Machine, isShared: (part: object) => boolean): Machine {
  const copies = new Map<object, object>();
  const copy = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (value instanceof Register || value instanceof Group || value instanceof Uint8Array || isShared(value)) {
      return value;
    }
    const made = copies.get(value);
    if (made !== undefined) return made;
    if (Array.isArray(value)) {
      const array: unknown[] = [];
      copies.set(value, array);
      for (const item of value) array.push(copy(item));
      return array;
    }
    if (value instanceof Map) {
      const map = new Map<unknown, unknown>();
      copies.set(value, map);
      for (const [key, item] of value) map.set(copy(key), copy(item));
      return map;
    }
    if (value instanceof Set) {
      const set = new Set<unknown>();
      copies.set(value, set);
      for (const item of value) set.add(copy(item));
      return set;
    }
    const object: Record<string, unknown> = Object.create(Object.getPrototypeOf(value));
    copies.set(value, object);
    for (const [name, field] of Object.entries(value)) object[name] = copy(field);
    return object;
  };
  return copy(machine) as Machine;
}

/** Equal texts: the machines answer every further input alike. */
export function textOf(value: unknown): string {
  return new Text().of(value);
}

/** Equal texts: the messages have the same effect wherever they arrive. */
export function textOfMessage(message: object): string {
  const kept = Object.entries(message).filter(([name]) => !HINTS.includes(name) || countsHints());
  return new Text().of(Object.fromEntries(kept));
}

/** One planted bug makes a hint decide. */
const countsHints = (): boolean => planted("R13.no-reservation");
const countsMessages = (): boolean => planted("R7.count-messages");

class Text {
  private readonly met = new Map<object, number>();

  of(value: unknown): string {
    if (typeof value !== "object" || value === null) return String(value);
    if (value instanceof Uint8Array) return `"${String.fromCharCode(...value)}"`;
    if (Array.isArray(value)) return `[${value.map((item) => this.of(item)).join(" ")}]`;
    if (value instanceof Map) {
      const entries = [...value].map(([key, item]) => `${this.of(key)}:${this.of(item)}`);
      return `{${entries.sort().join(" ")}}`;
    }
    const name = value.constructor.name;
    if (name === "Object" || value instanceof Register) return this.fields(name, value, Object.keys(value));
    const met = this.met.get(value);
    if (met !== undefined) return `#${met}`;
    this.met.set(value, this.met.size);
    if (value instanceof Flights) return this.flights(value);
    return this.fields(name, value, namesOf(name, value));
  }

  /**
   * Once a majority holds a write it is over. Its later acknowledgements decide only what is sent again to whom, and
   * the settled seq follows from the oldest flight that is not done.
   */
  private flights(flights: Flights): string {
    const underway = flights["order"].filter((flight) => !flight.done);
    return `Flights[${underway.map((flight) => this.of(flight)).join(" ")}]`;
  }

  private fields(name: string, value: object, names: readonly string[]): string {
    const omitted = OMITTED[name] ?? [];
    const parts: string[] = [];
    for (const field of names) {
      if (omitted.includes(field) && !isCounted(field)) continue;
      parts.push(`${field}=${this.of(Reflect.get(value, field))}`);
    }
    return `${name}(${parts.join(" ")})`;
  }
}

const isCounted = (field: string): boolean =>
  (field === "messages" && countsMessages()) || (field === "settledRevision" && countsHints());

function namesOf(name: string, value: object): readonly string[] {
  if (name === "ReadState") {
    const names = READ_PHASES[String(Reflect.get(value, "phase"))] ?? [];
    return ["phase", ...names, ...(countsMessages() ? ["messages", "answers"] : [])];
  }
  // Once elected, who else promised and what was reported concern the election alone, or nobody.
  const elected = name === "OwnOffice" && Reflect.get(value, "elected") === true;
  return Object.keys(value).filter((field) => !elected || (field !== "promised" && field !== "highestReported"));
}
