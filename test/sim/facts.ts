/** The checks' knowledge of registers by their ballots, and when two registers are the same state. */
import type { RequestId } from "../../src/core/model/operation.js";
import type { Register } from "../../src/core/model/register.js";

/** The registers decided in one ballot, as far as they are known. */
export class BallotFacts {
  /** By seq. */
  readonly registers: (Register | undefined)[] = [];
  /** By seq: the replicas that ever held it durably, one bit each. */
  readonly holders: number[] = [];
  /** Claims up to this seq were found true. */
  settled = 0;
}

/** The id of the request that took the register's revision; null: none, or its record was forgotten. */
export function idOf(register: Register): RequestId | null {
  const record = register.records.at(-1);
  return record === undefined || record.revision !== register.revision ? null : record.requestId;
}

export function sameState(a: Register, b: Register): boolean {
  return a.key === b.key && a.version === b.version && sameBytes(a.value, b.value);
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === b) return true;
  if (a === null || b === null || a.length !== b.length) return false;
  return a.every((byte, index) => byte === b[index]);
}
