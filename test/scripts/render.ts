/** Peer messages in the words of the golden traces: one line each, the fields that matter, always in the same order. */
import { unreachable } from "../../src/base/assert.js";
import type { Ballot, SeqRanges, Timestamp } from "../../src/core/model/ballot.js";
import type { OfficeReport, PartitionReport } from "../../src/core/model/heartbeat.js";
import type { ListedChange } from "../../src/core/model/message.js";
import type { NodeMessage, Request } from "../../src/core/model/node-message.js";
import type { Condition, Result, WriteOperation } from "../../src/core/model/operation.js";
import type { Register } from "../../src/core/model/register.js";
import type { Verdict } from "../../src/node/outgoing.js";
import { renderView } from "./render-view.js";

/** Group epoch 1 is not shown: most scripts have no other. */
export const renderBallot = (b: Ballot): string =>
  `${b.groupEpoch === 1 ? "" : `${b.groupEpoch}.`}${b.round}.${b.node === 0 ? "none" : `n${b.node}`}`;

export const renderTimestamp = (t: Timestamp | null): string =>
  t === null ? "absent" : `b=${renderBallot(t.ballot)} s=${t.seq}`;

export function renderRegister(register: Register | null): string {
  if (register === null) return "absent";
  const { key, timestamp, value, version, records } = register;
  const ids =
    records.length === 0 ? "" : ` ids=${renderIds([...records].map((record) => printable(record.requestId)))}`;
  return `${key}=${value === null ? "⌫" : textOf(value)} ${renderTimestamp(timestamp)} v=${version}${ids}`;
}

function renderIds(ids: readonly string[]): string {
  const [first = "", ...rest] = ids;
  return rest.length < 4 ? ids.join(",") : `${first},…,${rest.at(-1)} (${ids.length})`;
}

export function renderMessage(m: NodeMessage): string {
  switch (m.kind) {
    case "prepare":
      return `Prepare b=${renderBallot(m.ballot)}`;
    case "promised":
      return `Promised b=${renderBallot(m.ballot)} reserved=${m.reservation}`;
    case "reserve":
      return `Reserve b=${renderBallot(m.ballot)} up to ${m.reservation}${m.floor === 0 ? "" : ` floor ${m.floor}`}`;
    case "reserved":
      return `Reserved b=${renderBallot(m.ballot)}`;
    case "recover":
      return `Recover ${m.key} b=${renderBallot(m.ballot)}`;
    case "recovered":
      return `Recovered ${renderRegister(m.register)}`;
    case "confirm":
      return `Confirm b=${renderBallot(m.ballot)}`;
    case "confirmed":
      return `Confirmed b=${renderBallot(m.ballot)}`;
    case "write":
      return `Write ${renderRegister(m.register)} settled=${m.settledSeq}`;
    case "written":
      return `Written b=${renderBallot(m.ballot)} s=${m.seq}`;
    case "nack":
      return `Nack of ${m.of} promised=${renderBallot(m.promised)}`;
    case "read":
      return `Read ${m.key} holding ${renderTimestamp(m.holding)}`;
    case "read-answer":
      return `ReadAnswer ${m.register === null ? renderTimestamp(m.timestamp) : renderRegister(m.register)}${m.settled ? " settled" : ""}`;
    case "impose":
      return `Impose ${renderRegister(m.register)}`;
    case "imposed":
      return "Imposed";
    case "hand-over":
      return `HandOver ${m.key}`;
    case "handed-over":
      return m.done ? `HandedOver ${renderRegister(m.register)}` : "HandedOver not the writer";
    case "ask-changes":
      return `AskChanges after ${m.after}${m.whole ? "" : ", timestamps"}${renderTaken("but for", m.taken)}`;
    case "changes":
      return `Changes up to ${m.upTo}${m.more ? " and more" : ""}${m.changes.map(renderChange).join("")}${renderTaken("had", m.taken)}`;
    case "ask-tombstone":
      return `AskTombstone ${m.key} ${renderTimestamp(m.timestamp)} in b=${renderBallot(m.ballot)}`;
    case "tombstone-held":
      return "TombstoneHeld";
    case "purge":
      return `Purge ${m.key} ${renderTimestamp(m.timestamp)} in b=${renderBallot(m.ballot)}`;
    case "purged":
      return "Purged";
    case "ask-states":
      return `AskStates after ${m.after ?? "nothing"}`;
    case "states":
      return `States ${m.states.map(({ key, timestamp }) => `${key} ${timestamp === null ? "bad" : renderTimestamp(timestamp)}`).join(", ")} up to ${m.upTo ?? "the last"}`;
    case "ask-keys":
      return `AskKeys ${m.keys.join(" ")}`;
    case "keys-held":
      return `KeysHeld ${m.held.map(({ key, register, bad }) => (bad ? `${key} bad` : `${key} ${register === null ? "absent" : renderRegister(register)}`)).join(", ")}`;
    case "your-turn":
      return `YourTurn b=${renderBallot(m.ballot)}`;
    case "forward":
      return `Forward ${renderRequest(m.request)}`;
    case "forwarded":
      return `Forwarded ${renderVerdict(m.result)}`;
    case "heartbeat":
      return `Heartbeat round ${m.round} seen ${m.reportsSeen} records ${m.logPosition}`;
    case "heartbeat-answer":
      return `HeartbeatAnswer round ${m.round} version ${m.since}–${m.version}${m.reports.map(renderReport).join("")}${m.offices.map(renderOffice).join("")}`;
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
      return renderView(m);
    default:
      return unreachable(m);
  }
}

const renderChange = ({ timestamp, register, settled }: ListedChange): string =>
  `, ${register === null ? renderTimestamp(timestamp) : renderRegister(register)}${settled ? " settled" : ""}`;

/** " HOW b=1.n1 1–3 5–5". */
const renderTaken = (how: string, taken: readonly SeqRanges[]): string =>
  taken.map(({ ballot, ranges }) => ` ${how} b=${renderBallot(ballot)}${renderRanges(ranges)}`).join("");

const renderRanges = (ranges: readonly number[]): string =>
  ranges.map((bound, i) => (i % 2 === 0 ? ` ${bound}` : `–${bound}`)).join("");

const renderReport = ({ promise, live, settled }: PartitionReport): string =>
  `, promised b=${renderBallot(promise)}${live ? " live" : ""}${settled === null ? "" : ` settled ${renderTimestamp(settled)}`}`;

const renderOffice = ({ partition, ballot }: OfficeReport): string =>
  `, ${ballot === null ? "no office" : `office b=${renderBallot(ballot)}`} in ${partition}`;

export function renderRequest(request: Request): string {
  if (request.kind === "read")
    return `${request.read.consistency === "local" ? "local get" : "get"} ${request.read.key}`;
  const { operation, requestId, after } = request.write;
  const id = requestId === null ? "" : ` id=${printable(requestId)}${after === null ? "" : ` after=${after}`}`;
  return `${renderOperation(operation)}${id}`;
}

function renderOperation(operation: WriteOperation): string {
  switch (operation.kind) {
    case "put":
      return `put ${operation.key}=${textOf(operation.value)}`;
    case "cas":
      return `cas ${operation.key} ${renderCondition(operation.condition)} → ${textOf(operation.value)}`;
    case "delete":
      return `delete ${operation.key}${operation.condition === null ? "" : ` if ${renderCondition(operation.condition)}`}`;
    case "add":
      return `add ${operation.key} ${operation.delta}`;
    default:
      return unreachable(operation);
  }
}

function renderCondition(condition: Condition): string {
  if (condition.kind === "version") return `v=${condition.version}`;
  return condition.kind === "value" ? textOf(condition.value) : condition.kind;
}

export function renderVerdict(verdict: Verdict): string {
  switch (verdict.status) {
    case "done":
      return renderAnswer(verdict);
    case "refused": {
      const { refusal } = verdict;
      if (refusal.reason === "not-writer")
        return `refused: not the writer${refusal.hint === 0 ? "" : `, try n${refusal.hint}`}`;
      return `refused: ${refusal.reason}`;
    }
    case "unknown":
      return `unknown: ${verdict.unknown.reason}`;
    case "unserved":
      return `unserved: ${verdict.reason}`;
    case "deadline":
      return `deadline: ${verdict.mayHaveRun ? "may have run" : "did not run"}`;
    default:
      return unreachable(verdict);
  }
}

function renderAnswer({ answer }: Result & { status: "done" }): string {
  switch (answer.kind) {
    case "get":
      return answer.entry === null ? "absent" : `${textOf(answer.entry.value)} v=${answer.entry.version}`;
    case "put":
      return `put v=${answer.version}`;
    case "cas":
      return answer.swapped
        ? `swapped v=${answer.version}`
        : `not swapped, found ${answer.found === null ? `v=${answer.version}` : `${textOf(answer.found.value)} v=${answer.version}`}`;
    case "delete":
      return answer.deleted ? `deleted v=${answer.versionFound}` : `not deleted, found v=${answer.versionFound}`;
    case "add":
      return `${answer.number} v=${answer.version}`;
    default:
      return unreachable(answer);
  }
}

export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Request ids of scripts are words filled up with dots to 16 bytes. */
const printable = (id: string): string => id.replace(/\.+$/, "");
