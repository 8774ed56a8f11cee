/**
 * Peer messages from the generated code's form to the core's. A kind this version does not know is null: skipped, never
 * an error.
 */
import type { Timestamp as WireTimestamp } from "../../../gen/ts/onar/replication/v1/register.js";
import type {
  Forward as WireForward,
  OfficeReport as WireOffice,
  PartitionReport as WireReport,
} from "../../../gen/ts/onar/replication/v1/replication.js";
import { duration } from "../../base/time.js";
import type { Timestamp } from "../../core/model/ballot.js";
import type { OfficeReport, PartitionReport } from "../../core/model/heartbeat.js";
import {
  attempt,
  changeNumber,
  groupEpoch,
  type Key,
  nodeId,
  partition,
  revision,
  UNKNOWN_REVISION,
} from "../../core/model/ids.js";
import type { Fenced } from "../../core/model/message.js";
import type { NodeMessage } from "../../core/model/node-message.js";
import type { Register } from "../../core/model/register.js";
import { ownCopy, toBuffer } from "../../wire/bytes.js";
import { requestFromWire, resultFromWire } from "../api/operation.js";
import { textOf } from "../bytes/bytes.js";
import { ballotFromWire } from "../register/ballot.js";
import { decodeRegister } from "../register/register.js";
import { listedChange } from "./hot-lists.js";
import { mergeMessageFromWire } from "./merge-messages.js";
import { FENCED, type WireMessage } from "./message-to-wire.js";
import { seqRangesFromWire } from "./seq-ranges.js";
import { viewMessageFromWire } from "./view-messages.js";

export function messageFromWire(wire: WireMessage | undefined): NodeMessage | null {
  if (wire === undefined) return null;
  switch (wire.$case) {
    case "write": {
      const v = wire.value;
      return {
        kind: "write",
        partition: partition(v.partition),
        register: decodeRegister(ownCopy(v.register)),
        settledSeq: v.settledSeq,
        settledRevision: revision(v.settledRevision),
      };
    }
    case "written":
      return {
        kind: "written",
        partition: partition(wire.value.partition),
        ballot: ballotFromWire(wire.value.ballot),
        seq: wire.value.seq,
      };
    case "read": {
      const v = wire.value;
      return {
        kind: "read",
        partition: partition(v.partition),
        groupEpoch: groupEpoch(v.groupEpoch),
        attempt: attempt(v.attempt),
        key: textOf<Key>(v.key),
        holding: timestampFromWire(v.newerThan),
      };
    }
    case "readAnswer": {
      const v = wire.value;
      return {
        kind: "read-answer",
        partition: partition(v.partition),
        groupEpoch: groupEpoch(v.groupEpoch),
        attempt: attempt(v.attempt),
        timestamp: timestampFromWire(v.timestamp),
        register: registerFromWire(v.register),
        settled: v.settled,
        promised: ballotFromWire(v.promised),
        settledRevision: revision(v.settledRevision),
      };
    }
    case "impose":
      return {
        kind: "impose",
        partition: partition(wire.value.partition),
        attempt: attempt(wire.value.attempt),
        register: decodeRegister(ownCopy(wire.value.register)),
      };
    case "imposed":
      return {
        kind: "imposed",
        partition: partition(wire.value.partition),
        groupEpoch: groupEpoch(wire.value.groupEpoch),
        attempt: attempt(wire.value.attempt),
      };
    case "recover":
      return { kind: "recover", ...round(wire.value), key: textOf<Key>(wire.value.key) };
    case "recovered":
      return {
        kind: "recovered",
        ...round(wire.value),
        register: registerFromWire(wire.value.register),
        floor: revision(wire.value.floor),
      };
    case "confirm":
    case "confirmed":
    case "reserved":
      return { kind: wire.$case, ...round(wire.value) };
    case "reserve":
      return {
        kind: "reserve",
        ...round(wire.value),
        reservation: revision(wire.value.reservation),
        floor: revision(wire.value.floor),
      };
    case "nack": {
      const v = wire.value;
      const of = FENCED_NAMES.get(v.of);
      if (of === undefined) return null;
      return {
        kind: "nack",
        partition: partition(v.partition),
        of,
        ballot: ballotFromWire(v.ballot),
        attempt: of === "write" ? v.seq : v.attempt,
        promised: ballotFromWire(v.promised),
      };
    }
    case "prepare":
    case "yourTurn":
      return {
        kind: wire.$case === "prepare" ? "prepare" : "your-turn",
        partition: partition(wire.value.partition),
        ballot: ballotFromWire(wire.value.ballot),
      };
    case "promised":
      return {
        kind: "promised",
        partition: partition(wire.value.partition),
        ballot: ballotFromWire(wire.value.ballot),
        reservation: revision(wire.value.reservation),
      };
    case "handOver":
      return {
        kind: "hand-over",
        partition: partition(wire.value.partition),
        groupEpoch: groupEpoch(wire.value.groupEpoch),
        attempt: attempt(wire.value.attempt),
        key: textOf<Key>(wire.value.key),
      };
    case "handedOver":
      return {
        kind: "handed-over",
        partition: partition(wire.value.partition),
        groupEpoch: groupEpoch(wire.value.groupEpoch),
        attempt: attempt(wire.value.attempt),
        done: wire.value.done,
        ballot: wire.value.ballot === undefined ? null : ballotFromWire(wire.value.ballot),
        register: registerFromWire(wire.value.register),
        settledRevision: revision(wire.value.settledRevision),
      };
    case "askChanges": {
      const v = wire.value;
      return {
        kind: "ask-changes",
        partition: partition(v.partition),
        groupEpoch: groupEpoch(v.groupEpoch),
        attempt: attempt(v.attempt),
        copy: groupEpoch(v.copy),
        after: changeNumber(v.after),
        taken: seqRangesFromWire(v.taken),
        whole: v.whole,
      };
    }
    case "changes": {
      const v = wire.value;
      return {
        kind: "changes",
        partition: partition(v.partition),
        groupEpoch: groupEpoch(v.groupEpoch),
        attempt: attempt(v.attempt),
        copy: groupEpoch(v.copy),
        upTo: changeNumber(v.upTo),
        more: v.more,
        changes: v.changes.map((change) =>
          listedChange(timestampFromWire(change.timestamp), registerFromWire(change.register), change.settled),
        ),
        taken: seqRangesFromWire(v.taken),
      };
    }
    case "askTombstone":
    case "purge":
      return {
        kind: wire.$case === "purge" ? "purge" : "ask-tombstone",
        ...round(wire.value),
        key: textOf<Key>(wire.value.key),
        timestamp: mustHaveTimestamp(wire.value.timestamp),
      };
    case "tombstoneHeld":
      return { kind: "tombstone-held", ...round(wire.value) };
    case "purged":
      return { kind: "purged", ...round(wire.value) };
    case "heartbeat":
      return {
        kind: "heartbeat",
        round: wire.value.round,
        reportsSeen: wire.value.reportsSeen,
        logPosition: wire.value.logPosition,
        ...(wire.value.positionProof.length === 0 ? {} : { positionProof: proofOf(wire.value.positionProof) }),
      };
    case "heartbeatAnswer": {
      const v = wire.value;
      return {
        kind: "heartbeat-answer",
        round: v.round,
        heard: v.heard.map(nodeId),
        version: v.reportVersion,
        since: v.since,
        full: v.full,
        reports: [...v.reports, ...(v.voting === undefined ? [] : [v.voting])].map(reportFromWire),
        offices: [...v.offices, ...(v.proposing === undefined ? [] : [v.proposing])].map(officeFromWire),
      };
    }
    case "forward":
      return forwardFromWire(wire.value);
    case "forwarded":
      return { kind: "forwarded", id: wire.value.id, result: resultFromWire(wire.value.result) };
    case "askStates":
    case "states":
    case "askKeys":
    case "keysHeld":
      return mergeMessageFromWire(wire);
    default:
      return viewMessageFromWire(wire);
  }
}

const reportFromWire = (r: WireReport): PartitionReport => ({
  partition: partition(r.partition),
  groupEpoch: groupEpoch(r.groupEpoch),
  ready: r.ready,
  promise: ballotFromWire(r.promise),
  live: r.live,
  settled: timestampFromWire(r.settled),
  settledRevision: r.revisionUnknown ? UNKNOWN_REVISION : revision(r.settledRevision),
  lastChange: changeNumber(r.lastChange),
  lagging: r.lagging,
});

const officeFromWire = (o: WireOffice): OfficeReport => ({
  partition: partition(o.partition),
  ballot: o.ballot === undefined ? null : ballotFromWire(o.ballot),
});

function forwardFromWire(v: WireForward): NodeMessage | null {
  if (v.request === undefined) return null;
  return {
    kind: "forward",
    id: v.id,
    partition: partition(v.partition),
    groupEpoch: groupEpoch(v.groupEpoch),
    request: requestFromWire(v.request),
    remaining: duration(v.deadlineMs),
  };
}

const round = (v: { partition: number; ballot: Parameters<typeof ballotFromWire>[0]; attempt: number }) => ({
  partition: partition(v.partition),
  ballot: ballotFromWire(v.ballot),
  attempt: attempt(v.attempt),
});

/** Longer ones are no node's. */
const MAX_PROOF_BYTES = 32;

function proofOf(bytes: Uint8Array): string {
  if (bytes.length > MAX_PROOF_BYTES) throw new Error(`a proof of ${bytes.length} bytes`);
  return toBuffer(bytes).toString("latin1");
}

const registerFromWire = (bytes: Uint8Array): Register | null =>
  bytes.length === 0 ? null : decodeRegister(ownCopy(bytes));

const timestampFromWire = (wire: WireTimestamp | undefined): Timestamp | null =>
  wire === undefined ? null : { ballot: ballotFromWire(wire.ballot), seq: wire.seq };

function mustHaveTimestamp(wire: WireTimestamp | undefined): Timestamp {
  if (wire === undefined) throw new Error("a key without timestamp");
  return { ballot: ballotFromWire(wire.ballot), seq: wire.seq };
}

const FENCED_NAMES = new Map(Object.entries(FENCED).map(([name, code]) => [code, name as Fenced]));
