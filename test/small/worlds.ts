/** Small worlds: three replicas, one key, some offices, some operations, each invoked once. */
import { type Ballot, ballot, timestamp } from "../../src/core/model/ballot.js";
import { CompletionRecords } from "../../src/core/model/completion-records.js";
import { type GroupEpoch, groupEpoch, key, type NodeId, nodeId, revision } from "../../src/core/model/ids.js";
import type { Request } from "../../src/core/model/node-message.js";
import type { RequestId, WriteOperation } from "../../src/core/model/operation.js";
import { Register } from "../../src/core/model/register.js";

const KEY = key("k");
export const EPOCH = groupEpoch(1);
/** Those that serve the key at the beginning. */
export const FOUNDERS = [1, 2, 3].map(nodeId);
/** Where it moves to, in a world that has a move: node 4 takes the place of node 3. */
export const NEXT_EPOCH = groupEpoch(2);
export const NEXT_REPLICAS = [1, 2, 4].map(nodeId);
const NODES = [1, 2, 3, 4].map(nodeId);

export interface SmallOperation {
  readonly name: OperationName;
  readonly request: Request;
  /**
   * How often it may be sent: a request with an id comes twice, to whatever writers, the second copy at any time after
   * the first.
   */
  readonly copies: number;
}

export type OperationName = "put" | "cas" | "swap" | "get";

export interface SmallWorld {
  /** Each may be taken once, by its ballot's node. */
  readonly offices: readonly Ballot[];
  /** Their index is their ticket. */
  readonly operations: readonly SmallOperation[];
  /** The state that all replicas hold at the beginning; null: nothing. */
  readonly held: Register | null;
  /** Writers may send again what is not answered: the same registers, with what they know to be settled by then. */
  readonly resends: boolean;
  /** null: the group stays as it is. */
  readonly move: SmallMove | null;
}

/** The next view, which each node may learn at any time: node 4 takes over from node 3. */
export interface SmallMove {
  /** How often the newcomer may change its mind about the replicas that it hears. */
  readonly turns: number;
}

/** The nodes of a world, in the order of their places in it. */
export const nodesOf = ({ move }: SmallWorld): readonly NodeId[] => (move === null ? FOUNDERS : NODES);

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

function write(operation: WriteOperation, id: string | null): Request {
  const requestId = id === null ? null : (id.padEnd(16, ".") as RequestId);
  return { kind: "write", write: { operation, requestId, after: null, fingerprint: 0 } };
}

/**
 * The held value, if any, is "a": a CAS swaps what was there at the beginning, a swap whatever is there. `nth`: so many
 * came before.
 */
function operationNamed(word: string, nth: number, present: boolean): SmallOperation {
  const name = word.replace(/\*$/, "");
  const id = name === word ? null : `${name}${nth}`;
  const copies = id === null ? 1 : 2;
  const value = bytes(`${name.slice(0, 1)}${nth === 0 ? "" : nth + 1}`);
  switch (name) {
    case "put":
      return { name, copies, request: write({ kind: "put", key: KEY, value }, id) };
    case "cas": {
      const condition = present ? ({ kind: "value", value: bytes("a") } as const) : ({ kind: "absent" } as const);
      return { name, copies, request: write({ kind: "cas", key: KEY, condition, value }, id) };
    }
    case "swap":
      return { name, copies, request: write({ kind: "cas", key: KEY, condition: { kind: "present" }, value }, id) };
    case "get":
      if (id === null)
        return { name, copies, request: { kind: "read", read: { key: KEY, consistency: "linearizable" } } };
      break;
  }
  throw new Error(
    `unknown operation ${JSON.stringify(word)}; known: put, cas, swap, get, and put*, cas*, swap* with a request id`,
  );
}

/** The held value has round 1, so that the first office of a group has round 2. */
function officesFrom(name: string, text: string, epoch: GroupEpoch, replicas: readonly NodeId[]): Ballot[] {
  return text.split(",").map((word, index) => {
    const node = Number(word);
    if (!replicas.some((known) => known === node))
      throw new Error(`${name}: no node ${JSON.stringify(word)}; known: ${replicas.join(", ")}`);
    return ballot(epoch, index + 2, nodeId(node));
  });
}

export interface WorldOptions {
  /** `1,2`: node 1 may campaign with round 2, then node 2 with round 3. */
  readonly offices: string;
  /** `put,cas,get`; `put*` has a request id and is sent twice. */
  readonly operations: string;
  /** The key has a value at the beginning, held and settled everywhere. */
  readonly present?: boolean;
  readonly resends?: boolean;
  /** `1,4`: the group may move (`SmallMove`), and then node 1 may campaign with round 2, then node 4 with round 3. */
  readonly moved?: string;
  /** As in `SmallMove`; 1 by default. */
  readonly turns?: number;
}

export function smallWorld(options: WorldOptions): SmallWorld {
  const { offices, operations, present = false, resends = false, moved, turns = 1 } = options;
  const [first, none] = [revision(1), revision(0)];
  const held = new Register(
    KEY,
    timestamp(ballot(EPOCH, 1, nodeId(1)), 1),
    bytes("a"),
    first,
    first,
    none,
    CompletionRecords.none,
  );
  const names = operations.split(",");
  return {
    offices: [
      ...officesFrom("OFFICES", offices, EPOCH, FOUNDERS),
      ...(moved === undefined ? [] : officesFrom("MOVED", moved, NEXT_EPOCH, NEXT_REPLICAS)),
    ],
    operations: names.map((name, index) =>
      operationNamed(name, names.slice(0, index).filter((other) => other === name).length, present),
    ),
    held: present ? held : null,
    resends,
    move: moved === undefined ? null : { turns },
  };
}

export const nameOf = ({ offices, operations, present, resends, moved, turns = 1 }: WorldOptions): string =>
  `${operations}${present ? " present" : ""}${resends ? " resends" : ""}, offices ${offices}` +
  `${moved === undefined ? "" : ` moved ${moved}${turns === 1 ? "" : ` turns ${turns}`}`}`;
