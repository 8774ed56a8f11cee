/** The messages of a merge, between the core's form and that of the generated code. */
import type { Timestamp as WireTimestamp } from "../../../gen/ts/onar/replication/v1/register.js";
import type { PeerMessage, SealedCopy as WireSealedCopy } from "../../../gen/ts/onar/replication/v1/replication.js";
import { unreachable } from "../../base/assert.js";
import type { Timestamp } from "../../core/model/ballot.js";
import { attempt, changeNumber, groupEpoch, type Key, partition, revision } from "../../core/model/ids.js";
import type { KeysHeld, MergeMessage, SealedCopy, SourceNumbers, States } from "../../core/model/transfer-message.js";
import { ownCopy } from "../../wire/bytes.js";
import { bytesOf, NO_BYTES, textOf } from "../bytes/bytes.js";
import { ballotFromWire, ballotToWire } from "../register/ballot.js";
import { decodeRegister, encodeRegister } from "../register/register.js";

type WireMessage = NonNullable<PeerMessage["message"]>;
/** Those that are of a merge. */
export type WireMergeMessage = Extract<WireMessage, { $case: "askStates" | "states" | "askKeys" | "keysHeld" }>;

export function mergeMessageToWire(m: MergeMessage): WireMergeMessage {
  const { partition, groupEpoch, previous, attempt } = m;
  const header = { partition, groupEpoch, previous, attempt };
  switch (m.kind) {
    case "ask-states":
      return { $case: "askStates", value: { ...header, after: optional(m.after) } };
    case "states": {
      const states = m.states.map(({ key, timestamp, settled }) => ({
        key: bytesOf(key),
        timestamp: timestamp === null ? undefined : timestampToWire(timestamp),
        settled,
      }));
      return { $case: "states", value: { ...header, source: sourceToWire(m), states, upTo: optional(m.upTo) } };
    }
    case "ask-keys":
      return { $case: "askKeys", value: { ...header, keys: m.keys.map(bytesOf) } };
    case "keys-held": {
      const held = m.held.map(({ key, register, bad, settled }) => ({
        key: bytesOf(key),
        register: register === null ? NO_BYTES : encodeRegister(register),
        bad,
        settled,
      }));
      return { $case: "keysHeld", value: { ...header, source: sourceToWire(m), held } };
    }
    default:
      return unreachable(m);
  }
}

/** Throws when it cannot be read. */
export function mergeMessageFromWire(wire: WireMergeMessage): MergeMessage {
  const header = {
    partition: partition(wire.value.partition),
    groupEpoch: groupEpoch(wire.value.groupEpoch),
    previous: groupEpoch(wire.value.previous),
    attempt: attempt(wire.value.attempt),
  };
  switch (wire.$case) {
    case "askStates":
      return { kind: "ask-states", ...header, after: keyFrom(wire.value.after) };
    case "states": {
      const states = wire.value.states.map(({ key, timestamp, settled }) => ({
        key: textOf<Key>(key),
        timestamp: timestamp === undefined ? null : timestampFromWire(timestamp),
        settled,
      }));
      return { kind: "states", ...header, ...sourceFrom(wire.value.source), states, upTo: keyFrom(wire.value.upTo) };
    }
    case "askKeys":
      return { kind: "ask-keys", ...header, keys: wire.value.keys.map((key) => textOf<Key>(key)) };
    case "keysHeld": {
      const held = wire.value.held.map(({ key, register, bad, settled }) => ({
        key: textOf<Key>(key),
        register: register.length === 0 ? null : decodeRegister(ownCopy(register)),
        bad,
        settled,
      }));
      return { kind: "keys-held", ...header, ...sourceFrom(wire.value.source), held };
    }
    default:
      return unreachable(wire);
  }
}

const optional = (key: Key | null): Buffer | undefined => (key === null ? undefined : bytesOf(key));
const keyFrom = (key: Buffer | undefined): Key | null => (key === undefined ? null : textOf<Key>(key));

const sourceToWire = ({ source, sealed }: States | KeysHeld): WireSealedCopy => ({
  copy: source.copy,
  lastChange: source.lastChange,
  size: source.size,
  votes: sealed.votes,
  floor: sealed.floor,
  reservation: sealed.reservation,
  settled: sealed.settled.map(timestampToWire),
});

/** A copy that says nothing of itself has no vote, and nothing else that counts. */
function sourceFrom(wire: WireSealedCopy | undefined): { source: SourceNumbers; sealed: SealedCopy } {
  return {
    source: {
      copy: groupEpoch(wire?.copy ?? 0),
      lastChange: changeNumber(wire?.lastChange ?? 0),
      size: wire?.size ?? 0,
    },
    sealed: {
      votes: wire?.votes ?? false,
      floor: revision(wire?.floor ?? 0),
      reservation: revision(wire?.reservation ?? 0),
      settled: (wire?.settled ?? []).map(timestampFromWire),
    },
  };
}

const timestampToWire = ({ ballot, seq }: Timestamp): WireTimestamp => ({ ballot: ballotToWire(ballot), seq });
const timestampFromWire = ({ ballot, seq }: WireTimestamp): Timestamp => ({ ballot: ballotFromWire(ballot), seq });
