/** Small worlds: three replicas, one key, some offices, some operations, each invoked once. */
import { type Ballot, ballot, timestamp } from "../../src/core/ballot.js";
import { groupEpoch, key, nodeId, revision } from "../../src/core/ids.js";
import type { Request } from "../../src/core/node-message.js";
import type { WriteOperation } from "../../src/core/register/operation.js";
import { Register } from "../../src/core/register/register.js";

export const KEY = key("k");
export const EPOCH = groupEpoch(1);
export const NODES = [1, 2, 3].map(nodeId);

export interface SmallOperation {
  readonly name: OperationName;
  readonly request: Request;
}

export type OperationName = "put" | "cas" | "get";

export interface SmallWorld {
  /** Each may be taken once, by its ballot's node. */
  readonly offices: readonly Ballot[];
  /** Their index is their ticket. */
  readonly operations: readonly SmallOperation[];
  /** What all replicas hold at the beginning; null: nothing. */
  readonly held: Register | null;
  /** Writers may send again what is not answered: the same registers, with what they know to be settled by then. */
  readonly resends: boolean;
}

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

const write = (operation: WriteOperation): Request => ({
  kind: "write",
  write: { operation, requestId: null, after: null, fingerprint: 0 },
});

/** The held value, if any, is "a": a CAS swaps what was there at the beginning. `nth`: so many of the name came before. */
function operationNamed(name: string, nth: number, present: boolean): SmallOperation {
  const nthOnes = nth === 0 ? "" : String(nth + 1);
  switch (name) {
    case "put":
      return { name, request: write({ kind: "put", key: KEY, value: bytes(`p${nthOnes}`) }) };
    case "cas": {
      const condition = present ? ({ kind: "value", value: bytes("a") } as const) : ({ kind: "absent" } as const);
      return { name, request: write({ kind: "cas", key: KEY, condition, value: bytes(`c${nthOnes}`) }) };
    }
    case "get":
      return { name, request: { kind: "read", read: { key: KEY, consistency: "linearizable" } } };
    default:
      throw new Error(`unknown operation ${JSON.stringify(name)}; known: put, cas, get`);
  }
}

function officesFrom(text: string): Ballot[] {
  return text.split(",").map((word, index) => {
    const node = Number(word);
    if (!NODES.some((known) => known === node))
      throw new Error(`OFFICES: no node ${JSON.stringify(word)}; known: 1, 2, 3`);
    return ballot(EPOCH, index + 2, nodeId(node));
  });
}

export interface WorldOptions {
  /** `1,2`: node 1 may campaign with round 2, then node 2 with round 3. */
  readonly offices: string;
  /** `put,cas,get` */
  readonly operations: string;
  /** The key has a value at the beginning, held and settled everywhere. */
  readonly present?: boolean;
  readonly resends?: boolean;
}

export function smallWorld({ offices, operations, present = false, resends = false }: WorldOptions): SmallWorld {
  const [first, none] = [revision(1), revision(0)];
  const held = new Register(KEY, timestamp(ballot(EPOCH, 1, nodeId(1)), 1), bytes("a"), first, first, none, []);
  const names = operations.split(",");
  return {
    offices: officesFrom(offices),
    operations: names.map((name, index) =>
      operationNamed(name, names.slice(0, index).filter((other) => other === name).length, present),
    ),
    held: present ? held : null,
    resends,
  };
}

export const nameOf = ({ offices, operations, present, resends }: WorldOptions): string =>
  `${operations}${present ? " present" : ""}${resends ? " resends" : ""}, offices ${offices}`;
