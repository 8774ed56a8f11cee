/**
 * One key, as it behaves when operations run one after another: the specification that histories are held against.
 *
 * Every applied write of a key, a delete of a present key included, takes one revision, and revisions grow. So the
 * state is what the key holds plus a version, and the next write must answer a higher one. A write whose outcome is
 * unknown showed nobody its version: the version is then only a lower bound (`exact` is false) until somebody observes
 * it.
 *
 * `after` is partial: null says that this operation with this answer cannot run in this state.
 */
import type { Condition, Done, Found, Operation } from "./history.js";

export interface KeyState {
  /** null: absent. */
  readonly value: string | null;
  /** Exact: the version. Otherwise the least one it can be. For an absent key: the least revision of its tombstone, 0
   * at first. */
  readonly version: number;
  /** False for an absent key: nobody is told the revision of a tombstone. */
  readonly exact: boolean;
}

export const initialState: KeyState = { value: null, version: 0, exact: false };

const int64Least = -(2n ** 63n);
const int64Most = 2n ** 63n - 1n;

/** The number that a value stands for, or null when it is none that fits in 64 bits. */
export function int64(value: string): bigint | null {
  if (!/^[+-]?[0-9]{1,40}$/.test(value)) return null;
  const number = BigInt(value.startsWith("+") ? value.slice(1) : value);
  return number < int64Least || number > int64Most ? null : number;
}

/** The value that `add` makes of another (null: absent, counts as 0), or null where it must fail. */
export function sum(value: string | null, delta: string): string | null {
  const left = value === null ? 0n : int64(value);
  const right = int64(delta);
  if (left === null || right === null) return null;
  const total = left + right;
  return total < int64Least || total > int64Most ? null : total.toString();
}

/**
 * The state after the operation ran with the answer it got. For an unknown outcome: the state after it took effect,
 * null when it has none here (that it never ran needs no step). A failed operation has no step.
 */
export function after(state: KeyState, operation: Operation): KeyState | null {
  const { call, outcome } = operation;
  if (outcome.status === "failed") return null;
  if (outcome.status === "done") return afterAnswer(state, operation, outcome);
  switch (call.kind) {
    case "get":
      return null;
    case "put":
      return written(state, call.value, null);
    case "cas": {
      const matched = meeting(state, call.condition);
      return matched && written(matched, call.value, null);
    }
    case "delete": {
      const matched = call.condition === undefined ? state : meeting(state, call.condition);
      return matched === null || matched.value === null ? null : removed(matched);
    }
    case "add": {
      const total = sum(state.value, call.delta);
      return total === null ? null : written(state, total, null);
    }
    default:
      return unreachable(call);
  }
}

function afterAnswer(state: KeyState, operation: Operation, done: Done): KeyState | null {
  const { call } = operation;
  const { answer } = done;
  switch (call.kind) {
    case "get":
      if (answer.kind !== "get") return null;
      return answer.present ? observed(state, answer) : absent(state);
    case "put":
      return answer.kind === "put" ? written(state, call.value, answer.version) : null;
    case "cas": {
      if (answer.kind !== "cas") return null;
      if (!answer.swapped) return failing(state, call.condition, answer.found);
      const matched = meeting(state, call.condition);
      return matched && written(matched, call.value, answer.version);
    }
    case "delete": {
      if (answer.kind !== "delete") return null;
      if (answer.versionFound === 0) return answer.deleted ? null : absent(state);
      const found = { ...answer.found, version: answer.versionFound };
      // Without a condition nothing but absence keeps a delete from deleting.
      if (!answer.deleted) return call.condition === undefined ? null : failing(state, call.condition, found);
      const seen = observed(state, found);
      const matched = seen !== null && call.condition !== undefined ? meeting(seen, call.condition) : seen;
      return matched && removed(matched);
    }
    case "add": {
      if (answer.kind !== "add" || sum(state.value, call.delta) !== answer.number) return null;
      return written(state, answer.number, answer.version);
    }
    default:
      return unreachable(call);
  }
}

function absent(state: KeyState): KeyState | null {
  return state.value === null ? state : null;
}

/** The state, as far as it can be the entry found: a version not known so far becomes known. */
export function observed(state: KeyState, found: Found): KeyState | null {
  if (state.value === null || (found.value !== undefined && found.value !== state.value)) return null;
  if (state.exact) return state.version === found.version ? state : null;
  return found.version >= state.version ? { value: state.value, version: found.version, exact: true } : null;
}

/** The state as far as it meets the condition: a version not known so far becomes the expected one. */
function meeting(state: KeyState, condition: Condition): KeyState | null {
  switch (condition.kind) {
    case "version":
      return observed(state, { version: condition.version });
    case "value":
      return state.value === condition.value ? state : null;
    case "absent":
      return absent(state);
    case "present":
      return state.value === null ? null : state;
    default:
      return unreachable(condition);
  }
}

function failing(state: KeyState, condition: Condition, found: Found | null): KeyState | null {
  const seen = found === null ? absent(state) : observed(state, found);
  // `seen` is exact or absent, so that whether the condition holds is certain.
  return seen !== null && meeting(seen, condition) === null ? seen : null;
}

function written(state: KeyState, value: string, version: number | null): KeyState | null {
  if (version === null) return { value, version: state.version + 1, exact: false };
  return version > state.version ? { value, version, exact: true } : null;
}

function removed(state: KeyState): KeyState {
  return { value: null, version: state.version + 1, exact: false };
}

export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
