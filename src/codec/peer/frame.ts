/**
 * Frames: all that one event-loop turn has for one peer. They are cut where they grow too long, so that a large value
 * does not silence a node. Heartbeats go first.
 */

import { FRAME } from "../../../gen/ts/onar/replication/v1/fields.js";
import {
  Authentication,
  Frame,
  Handshake,
  PeerMessage,
  Refusal,
} from "../../../gen/ts/onar/replication/v1/replication.js";
import { unreachable } from "../../base/assert.js";
import type { TraceContext } from "../../base/trace-context.js";
import { type SeqRanges, sameBallot } from "../../core/model/ballot.js";
import type { Key, ViewEpoch } from "../../core/model/ids.js";
import type { NodeMessage } from "../../core/model/node-message.js";
import type { WriteOperation } from "../../core/model/operation.js";
import { BYTES, tag, VARINT, WireReader, WireWriter } from "../../wire/protobuf.js";
import { NO_BYTES } from "../bytes/bytes.js";
import { encodeRegister } from "../register/register.js";
import { decodeHot } from "./hot-decode.js";
import { encodeHot } from "./hot-encode.js";
import { messageFromWire } from "./message-from-wire.js";
import { messageToWire } from "./message-to-wire.js";
import { putTrace, readTrace } from "./trace.js";

/** A frame is cut at about this many bytes; a single larger message still goes whole. */
export const FRAME_BYTES = 256 * 1024;

/** Its buffer serves frame after frame. */
const writer = new WireWriter();

/**
 * `sent` learns of each frame how many messages it holds. `traceOf`: where a message belongs in a trace; null: nothing
 * is traced. `digest`: of the view of that epoch, for the first frame; null: the peer knows it.
 */
export function encodeFrames(
  epoch: ViewEpoch,
  messages: readonly NodeMessage[],
  sent: (frame: Buffer, count: number) => void,
  traceOf: ((message: NodeMessage) => TraceContext | null) | null = null,
  digest: Uint8Array | null = null,
): void {
  let unsaid = digest;
  let count = 0;
  let size = 0;
  const begin = (): void => {
    writer.number(FRAME.viewEpoch, epoch);
    if (unsaid === null) return;
    const start = writer.begin(FRAME.viewDigest);
    writer.raw(unsaid);
    writer.end(start);
    unsaid = null;
  };
  const put = (message: NodeMessage): void => {
    if (count === 0) begin();
    const start = writer.begin(FRAME.messages);
    if (!encodeHot(message, writer))
      writer.raw(PeerMessage.encode({ message: messageToWire(message), trace: undefined }).finish());
    if (traceOf !== null) {
      const trace = traceOf(message);
      if (trace !== null) putTrace(trace, writer);
    }
    writer.end(start);
    count++;
    size += sizeOf(message);
    if (size >= FRAME_BYTES) cut();
  };
  const cut = (): void => {
    if (count === 0) return;
    sent(writer.finish(), count);
    count = 0;
    size = 0;
  };
  const latest = latestWrites(messages);
  for (const message of messages) if (isHeartbeat(message)) put(message);
  for (const message of messages) if (!isHeartbeat(message) && !isSuperseded(message, latest)) put(message);
  cut();
}

/**
 * Each of several writes of one key carries the whole register, so only the last needs to travel. A replica that
 * acknowledges it holds what the earlier ones said. Many requests on one key would otherwise cost a register with all
 * its records each.
 */
function latestWrites(messages: readonly NodeMessage[]): ReadonlyMap<Key, WriteMessage> {
  if (!messages.some((message) => message.kind === "write" && message.crowded === true)) return NONE_CROWDED;
  const latest = new Map<Key, WriteMessage>();
  for (const message of messages) if (message.kind === "write") latest.set(message.register.key, message);
  return latest;
}

const NONE_CROWDED: ReadonlyMap<Key, WriteMessage> = new Map();

function isSuperseded(message: NodeMessage, latest: ReadonlyMap<Key, WriteMessage>): boolean {
  if (message.kind !== "write") return false;
  const last = latest.size === 0 ? undefined : latest.get(message.register.key);
  if (last === undefined || last === message) return false;
  const [mine, later] = [message.register.timestamp, last.register.timestamp];
  return sameBallot(mine.ballot, later.ballot) && mine.seq <= later.seq;
}

type WriteMessage = Extract<NodeMessage, { kind: "write" }>;

export const encodeHandshake = (handshake: Handshake): Buffer => encodeFrame({ handshake });
export const encodeRefusal = (refusal: Refusal): Buffer => encodeFrame({ refusal });
export const encodeAuthentication = (authentication: Authentication): Buffer => encodeFrame({ authentication });

/** A frame as it came; its messages are decoded one by one, by `messagesOf`. */
export interface ReceivedFrame {
  readonly viewEpoch: number;
  /** Empty when it was told before. */
  readonly viewDigest: Buffer;
  readonly handshake: Handshake | undefined;
  readonly refusal: Refusal | undefined;
  readonly authentication: Authentication | undefined;
  /** Encoded PeerMessages: where they lie in the frame. */
  readonly messages: readonly WireReader[];
}

export function decodeFrame(bytes: Uint8Array): ReceivedFrame {
  const reader = new WireReader(bytes);
  const messages: WireReader[] = [];
  let viewEpoch = 0;
  let viewDigest: Buffer = NO_BYTES;
  let handshake: Handshake | undefined;
  let refusal: Refusal | undefined;
  let authentication: Authentication | undefined;
  while (reader.more) {
    const key = reader.tag();
    if (key === tag(FRAME.viewEpoch, VARINT)) viewEpoch = reader.varint();
    else if (key === tag(FRAME.viewDigest, BYTES)) viewDigest = Buffer.from(reader.view());
    else if (key === tag(FRAME.messages, BYTES)) messages.push(reader.message());
    else if (key === tag(FRAME.handshake, BYTES)) handshake = Handshake.decode(reader.view());
    else if (key === tag(FRAME.refusal, BYTES)) refusal = Refusal.decode(reader.view());
    else if (key === tag(FRAME.authentication, BYTES)) authentication = Authentication.decode(reader.view());
    else reader.skip(key);
  }
  return { viewEpoch, viewDigest, handshake, refusal, authentication, messages };
}

/**
 * The frame's messages in order, with their places in a trace if those are asked for (`traced`); kinds this version
 * does not know are skipped.
 */
export function messagesOf(
  frame: ReceivedFrame,
  each: (message: NodeMessage, trace: TraceContext | null) => void,
  traced = false,
): void {
  for (const reader of frame.messages) {
    const start = reader.position;
    const message = decodeMessage(reader);
    if (message === null) continue;
    each(message, traced ? readTrace(reader.from(start)) : null);
  }
}

/** null: of a kind this version does not know. */
function decodeMessage(reader: WireReader): NodeMessage | null {
  if (!reader.more) return null;
  const start = reader.position;
  return decodeHot(reader) ?? messageFromWire(PeerMessage.decode(reader.from(start).rest()).message);
}

const encodeFrame = (parts: Partial<Frame>): Buffer =>
  Buffer.from(Frame.encode({ ...Frame.create(), ...parts }).finish());

const isHeartbeat = (message: NodeMessage): boolean =>
  message.kind === "heartbeat" || message.kind === "heartbeat-answer";

/** About how many bytes a message takes: exact for what is long. A register is encoded for it, and stays so. */
export function sizeOf(message: NodeMessage): number {
  switch (message.kind) {
    case "write":
    case "impose":
      return encodeRegister(message.register).length + 64;
    case "recovered":
    case "read-answer":
    case "handed-over":
      return (message.register === null ? 0 : encodeRegister(message.register).length) + 64;
    case "recover":
    case "read":
    case "hand-over":
    case "ask-tombstone":
    case "purge":
      return message.key.length + 64;
    case "changes":
      return message.changes.reduce(
        (sum, { register }) => sum + (register === null ? 32 : encodeRegister(register).length + 8),
        64 + rangesSize(message.taken),
      );
    case "states":
      return message.states.reduce((sum, { key }) => sum + key.length + 48, 256 + 32 * message.sealed.settled.length);
    case "ask-keys":
      return message.keys.reduce((sum, key) => sum + key.length + 4, 64);
    case "keys-held":
      return message.held.reduce(
        (sum, { key, register }) => sum + key.length + (register === null ? 0 : encodeRegister(register).length) + 16,
        256 + 32 * message.sealed.settled.length,
      );
    case "ask-states":
      return 64 + (message.after?.length ?? 0);
    case "ask-changes":
      return 64 + rangesSize(message.taken);
    case "heartbeat-answer":
      return 64 * (1 + message.reports.length + message.offices.length) + 8 * message.heard.length;
    case "forward":
      return message.request.kind === "read"
        ? message.request.read.key.length + 64
        : operationSize(message.request.write.operation) + 128;
    case "forwarded":
      return message.result.status === "done" ? answerSize(message.result.answer) : 64;
    case "view-promised":
      return (message.vote?.next.bytes.length ?? 0) + 128;
    case "view-accept":
      return message.next.bytes.length + 128;
    case "view-news":
      return message.decided.bytes.length + 64;
    case "confirm":
    case "confirmed":
    case "copies-ready":
    case "heartbeat":
    case "imposed":
    case "join-wish":
    case "nack":
    case "operation-wish":
    case "prepare":
    case "promised":
    case "purged":
    case "reserve":
    case "reserved":
    case "tombstone-held":
    case "view-accepted":
    case "view-held":
    case "view-prepare":
    case "view-refused":
    case "view-wanted":
    case "written":
    case "your-turn":
      return 64;
    default:
      return unreachable(message);
  }
}

const rangesSize = (list: readonly SeqRanges[]): number =>
  list.reduce((sum, { ranges }) => sum + 32 + 4 * ranges.length, 0);

function operationSize(operation: WriteOperation): number {
  const value = "value" in operation ? operation.value.length : 0;
  const condition = "condition" in operation ? operation.condition : null;
  return operation.key.length + value + (condition?.kind === "value" ? condition.value.length : 0);
}

type DoneAnswer = Extract<Extract<NodeMessage, { kind: "forwarded" }>["result"], { status: "done" }>["answer"];

function answerSize(answer: DoneAnswer): number {
  if (answer.kind === "get") return (answer.entry?.value.length ?? 0) + 64;
  return ("found" in answer ? (answer.found?.value.length ?? 0) : 0) + 64;
}
