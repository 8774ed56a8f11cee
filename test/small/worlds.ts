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
}

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

const write = (operation: WriteOperation): Request => ({
  kind: "write",
  write: { operation, requestId: null, after: null, fingerprint: 0 },
});

/** The held value, if any, is "a": the CAS swaps what was there at the beginning. */
function operationNamed(name: string, present: boolean): SmallOperation {
  switch (name) {
    case "put":
      return { name, request: write({ kind: "put", key: KEY, value: bytes("p") }) };
    case "cas": {
      const condition = present ? ({ kind: "value", value: bytes("a") } as const) : ({ kind: "absent" } as const);
      return { name, request: write({ kind: "cas", key: KEY, condition, value: bytes("c") }) };
    }
    case "get":
      return { name, request: { kind: "read", read: { key: KEY, consistency: "linearizable" } } };
    default:
      throw new Error(`unknown operation ${JSON.stringify(name)}; known: put, cas, get`);
  }
}

/** `1,2`: node 1 may campaign with round 1, then node 2 with round 2; `1,2,1`: node 1 once more, with round 3. */
function officesFrom(text: string): Ballot[] {
  return text.split(",").map((word, index) => {
    const node = Number(word);
    if (!NODES.some((known) => known === node)) throw new Error(`OFFICES: no node ${JSON.stringify(word)}; known: 1, 2, 3`);
    return ballot(EPOCH, index + 2, nodeId(node));
  });
}

/** Offices as `1,2`, operations as `put,cas,get`; `present`: the key has a value at the beginning, held and settled everywhere. */
export function smallWorld(offices: string, operations: string, present = false): SmallWorld {
  const held = new Register(KEY, timestamp(ballot(EPOCH, 1, nodeId(1)), 1), bytes("a"), revision(1), revision(1), revision(0), []);
  return {
    offices: officesFrom(offices),
    operations: operations.split(",").map((name) => operationNamed(name, present)),
    held: present ? held : null,
  };
}
