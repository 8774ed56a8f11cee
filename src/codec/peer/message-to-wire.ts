/** Peer messages from the core's form to that of the generated code. */

import type { Timestamp as WireTimestamp } from "../../../gen/ts/onar/replication/v1/register.js";
import {
  type PeerMessage,
  RefusedMessage,
  type OfficeReport as WireOffice,
  type PartitionReport as WireReport,
} from "../../../gen/ts/onar/replication/v1/replication.js";
import { unreachable } from "../../base/assert.js";
import type { Timestamp } from "../../core/model/ballot.js";
import type { OfficeReport, PartitionReport } from "../../core/model/heartbeat.js";
import { type Partition, UNKNOWN_REVISION, VOTERS } from "../../core/model/ids.js";
import type { AskTombstone, Fenced, Purge } from "../../core/model/message.js";
import type { NodeMessage } from "../../core/model/node-message.js";
import type { Register } from "../../core/model/register.js";
import { requestToWire, resultToWire } from "../api/operation.js";
import { bytesOf, NO_BYTES } from "../bytes/bytes.js";
import { ballotToWire } from "../register/ballot.js";
import { encodeRegister } from "../register/register.js";
import { mergeMessageToWire } from "./merge-messages.js";
import { seqRangesToWire } from "./seq-ranges.js";
import { viewMessageToWire } from "./view-messages.js";

export type WireMessage = NonNullable<PeerMessage["message"]>;

export function messageToWire(m: NodeMessage): WireMessage {
  switch (m.kind) {
    case "write":
      return {
        $case: "write",
        value: {
          partition: m.partition,
          ballot: ballotToWire(m.register.timestamp.ballot),
          seq: m.register.timestamp.seq,
          register: encodeRegister(m.register),
          settledSeq: m.settledSeq,
          settledRevision: Math.max(0, m.settledRevision),
        },
      };
    case "written":
      return { $case: "written", value: { partition: m.partition, ballot: ballotToWire(m.ballot), seq: m.seq } };
    case "read":
      return {
        $case: "read",
        value: {
          partition: m.partition,
          groupEpoch: m.groupEpoch,
          attempt: m.attempt,
          key: bytesOf(m.key),
          newerThan: timestampToWire(m.holding),
        },
      };
    case "read-answer":
      return {
        $case: "readAnswer",
        value: {
          partition: m.partition,
          groupEpoch: m.groupEpoch,
          attempt: m.attempt,
          timestamp: timestampToWire(m.timestamp),
          register: registerToWire(m.register),
          settled: m.settled,
          promised: ballotToWire(m.promised),
          settledRevision: Math.max(0, m.settledRevision),
        },
      };
    case "impose":
      return {
        $case: "impose",
        value: {
          partition: m.partition,
          groupEpoch: m.register.timestamp.ballot.groupEpoch,
          attempt: m.attempt,
          register: encodeRegister(m.register),
        },
      };
    case "imposed":
      return { $case: "imposed", value: { partition: m.partition, groupEpoch: m.groupEpoch, attempt: m.attempt } };
    case "recover":
      return {
        $case: "recover",
        value: { partition: m.partition, ballot: ballotToWire(m.ballot), attempt: m.attempt, key: bytesOf(m.key) },
      };
    case "recovered":
      return {
        $case: "recovered",
        value: {
          partition: m.partition,
          ballot: ballotToWire(m.ballot),
          attempt: m.attempt,
          register: registerToWire(m.register),
          floor: m.floor,
        },
      };
    case "confirm":
    case "confirmed":
      return {
        $case: m.kind,
        value: { partition: m.partition, ballot: ballotToWire(m.ballot), attempt: m.attempt },
      };
    case "reserve":
      return {
        $case: "reserve",
        value: {
          partition: m.partition,
          ballot: ballotToWire(m.ballot),
          attempt: m.attempt,
          reservation: m.reservation,
          floor: m.floor,
        },
      };
    case "reserved":
      return {
        $case: "reserved",
        value: { partition: m.partition, ballot: ballotToWire(m.ballot), attempt: m.attempt },
      };
    case "nack":
      return {
        $case: "nack",
        value: {
          partition: m.partition,
          ballot: ballotToWire(m.ballot),
          promised: ballotToWire(m.promised),
          of: FENCED[m.of],
          attempt: m.of === "write" ? 0 : m.attempt,
          seq: m.of === "write" ? m.attempt : 0,
        },
      };
    case "prepare":
      return { $case: "prepare", value: { partition: m.partition, ballot: ballotToWire(m.ballot) } };
    case "promised":
      return {
        $case: "promised",
        value: { partition: m.partition, ballot: ballotToWire(m.ballot), reservation: m.reservation },
      };
    case "hand-over":
      return {
        $case: "handOver",
        value: { partition: m.partition, groupEpoch: m.groupEpoch, attempt: m.attempt, key: bytesOf(m.key) },
      };
    case "handed-over":
      return {
        $case: "handedOver",
        value: {
          partition: m.partition,
          groupEpoch: m.groupEpoch,
          attempt: m.attempt,
          done: m.done,
          register: registerToWire(m.register),
          settledRevision: Math.max(0, m.settledRevision),
          ballot: m.ballot === null ? undefined : ballotToWire(m.ballot),
        },
      };
    case "ask-changes":
      return {
        $case: "askChanges",
        value: {
          partition: m.partition,
          groupEpoch: m.groupEpoch,
          attempt: m.attempt,
          copy: m.copy,
          after: m.after,
          taken: seqRangesToWire(m.taken),
          whole: m.whole,
        },
      };
    case "changes":
      return {
        $case: "changes",
        value: {
          partition: m.partition,
          groupEpoch: m.groupEpoch,
          attempt: m.attempt,
          copy: m.copy,
          upTo: m.upTo,
          more: m.more,
          changes: m.changes.map(({ timestamp, register, settled }) => ({
            key: NO_BYTES,
            timestamp: register === null ? timestampToWire(timestamp) : undefined,
            register: registerToWire(register),
            settled,
          })),
          taken: seqRangesToWire(m.taken),
        },
      };
    case "ask-tombstone":
      return { $case: "askTombstone", value: tombstoneToWire(m) };
    case "tombstone-held":
      return {
        $case: "tombstoneHeld",
        value: { partition: m.partition, ballot: ballotToWire(m.ballot), attempt: m.attempt },
      };
    case "purge":
      return { $case: "purge", value: tombstoneToWire(m) };
    case "purged":
      return {
        $case: "purged",
        value: { partition: m.partition, ballot: ballotToWire(m.ballot), attempt: m.attempt },
      };
    case "your-turn":
      return { $case: "yourTurn", value: { partition: m.partition, ballot: ballotToWire(m.ballot) } };
    case "heartbeat":
      return {
        $case: "heartbeat",
        value: {
          round: m.round,
          reportsSeen: m.reportsSeen,
          logPosition: m.logPosition,
          positionProof: bytesOf(m.positionProof ?? ""),
        },
      };
    case "heartbeat-answer":
      return {
        $case: "heartbeatAnswer",
        value: {
          round: m.round,
          heard: m.heard.slice(),
          reportVersion: m.version,
          since: m.since,
          full: m.full,
          reports: m.reports.filter(ofPartition).map(reportToWire),
          offices: m.offices.filter(ofPartition).map(officeToWire),
          voting: m.reports.filter(ofVoters).map(reportToWire)[0],
          proposing: m.offices.filter(ofVoters).map(officeToWire)[0],
        },
      };
    case "forward":
      return {
        $case: "forward",
        value: {
          id: m.id,
          request: requestToWire(m.request, m.partition),
          deadlineMs: Math.max(0, Math.ceil(m.remaining)),
          hops: 1,
          partition: m.partition,
          groupEpoch: m.groupEpoch,
        },
      };
    case "forwarded":
      return { $case: "forwarded", value: { id: m.id, result: resultToWire(m.result) } };
    case "view-prepare":
    case "view-promised":
    case "view-accept":
    case "view-accepted":
    case "view-refused":
    case "view-wanted":
    case "view-news":
    case "view-held":
    case "join-wish":
    case "operation-wish":
    case "copies-ready":
      return viewMessageToWire(m);
    case "ask-states":
    case "states":
    case "ask-keys":
    case "keys-held":
      return mergeMessageToWire(m);
    default:
      return unreachable(m);
  }
}

const ofVoters = ({ partition }: { readonly partition: Partition }): boolean => partition === VOTERS;
const ofPartition = ({ partition }: { readonly partition: Partition }): boolean => partition !== VOTERS;

const reportToWire = (r: PartitionReport): WireReport => ({
  partition: r.partition,
  groupEpoch: r.groupEpoch,
  ready: r.ready,
  promise: ballotToWire(r.promise),
  live: r.live,
  settled: timestampToWire(r.settled),
  settledRevision: Math.max(0, r.settledRevision),
  revisionUnknown: r.settledRevision === UNKNOWN_REVISION,
  lastChange: r.lastChange,
  lagging: r.lagging,
});

const officeToWire = (o: OfficeReport): WireOffice => ({
  partition: o.partition,
  ballot: o.ballot === null ? undefined : ballotToWire(o.ballot),
});

const registerToWire = (register: Register | null): Buffer => (register === null ? NO_BYTES : encodeRegister(register));

const timestampToWire = (t: Timestamp | null): WireTimestamp | undefined =>
  t === null ? undefined : { ballot: ballotToWire(t.ballot), seq: t.seq };

const tombstoneToWire = (m: AskTombstone | Purge) => ({
  partition: m.partition,
  ballot: ballotToWire(m.ballot),
  attempt: m.attempt,
  key: bytesOf(m.key),
  timestamp: timestampToWire(m.timestamp),
});

/** The message that a Nack refuses. */
export const FENCED: Record<Fenced, RefusedMessage> = {
  prepare: RefusedMessage.PREPARE,
  recover: RefusedMessage.RECOVER,
  reserve: RefusedMessage.RESERVE,
  confirm: RefusedMessage.CONFIRM,
  write: RefusedMessage.WRITE,
  impose: RefusedMessage.IMPOSE,
  purge: RefusedMessage.PURGE,
};
