/**
 * Whether a message of a transfer can be. P2 holds here, too: nothing that a copy holds is of a later epoch than the
 * group that asks.
 */
import { unreachable } from "../../base/assert.js";
import type { Instant } from "../../base/time.js";
import type { Timestamp } from "../model/ballot.js";
import { compareKeys } from "../model/key-order.js";
import type { HeldState, KeysHeld, MergeMessage, States } from "../model/transfer-message.js";
import { MAX_BALLOTS } from "../replica/settled.js";
import { MAX_KEYS, MAX_STATES } from "../transfer/source.js";
import type { Values } from "./values.js";
import { first, listed, type Wrong } from "./wrong.js";

export function transferMessage(values: Values, now: Instant, message: MergeMessage): Wrong {
  const { partition, groupEpoch, previous } = message;
  if (previous >= groupEpoch) return `a group of epoch ${previous} before that of epoch ${groupEpoch}`;
  switch (message.kind) {
    case "ask-states":
      return message.after === null ? null : values.key(partition, message.after);
    case "ask-keys":
      return listed(message.keys.length, MAX_KEYS, "keys") ?? first(message.keys, (one) => values.key(partition, one));
    case "states":
      return (
        listed(message.states.length, MAX_STATES, "states") ??
        ordered(message.states) ??
        sealed(values, now, message) ??
        (message.upTo === null ? null : values.key(partition, message.upTo)) ??
        first(
          message.states,
          ({ key: one, timestamp }) =>
            values.key(partition, one) ?? (timestamp === null ? null : held(values, now, message, timestamp)),
        )
      );
    case "keys-held":
      return (
        listed(message.held.length, MAX_KEYS, "keys") ??
        sealed(values, now, message) ??
        first(
          message.held,
          ({ key: one, register }) =>
            values.key(partition, one) ??
            values.optional(now, partition, register) ??
            (register === null ? null : held(values, now, message, register.timestamp)),
        )
      );
    default:
      return unreachable(message);
  }
}

function held(values: Values, now: Instant, { partition, groupEpoch }: MergeMessage, timestamp: Timestamp): Wrong {
  const { groupEpoch: of } = timestamp.ballot;
  if (of > groupEpoch) return `a state of epoch ${of} in a message of epoch ${groupEpoch}`;
  return values.timestamp(now, partition, timestamp);
}

function sealed(values: Values, now: Instant, message: States | KeysHeld): Wrong {
  const { floor, reservation, settled } = message.sealed;
  const { partition } = message;
  return (
    listed(settled.length, MAX_BALLOTS, "ballots") ??
    values.revision(now, partition, floor) ??
    values.revision(now, partition, reservation) ??
    first(settled, (timestamp) => held(values, now, message, timestamp))
  );
}

/** Whoever merges relies on it, and would decide a key before it was told. */
function ordered(states: readonly HeldState[]): Wrong {
  for (let i = 1; i < states.length; i++) {
    const [before, after] = [states[i - 1], states[i]];
    if (before !== undefined && after !== undefined && compareKeys(before.key, after.key) >= 0)
      return "states that are not in the order of keys";
  }
  return null;
}
