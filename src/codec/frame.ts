/**
 * Frames: all that one event-loop turn has for one peer, cut where it grows too long, so that a large value does not silence a node.
 * Heartbeats go first.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { Frame, type Handshake, PeerMessage, type Refusal } from "../../gen/ts/onar/replication/v1/replication.js";
import { sameBallot } from "../core/ballot.js";
import type { Key, ViewEpoch } from "../core/ids.js";
import type { NodeMessage } from "../core/node-message.js";
import type { WriteOperation } from "../core/register/operation.js";
import { messageFromWire, messageToWire } from "./message.js";
import { encodeRegister } from "./register.js";

/** A frame is cut at about this many bytes; a single larger message still goes whole. */
export const FRAME_BYTES = 256 * 1024;

const VIEW_EPOCH = (1 << 3) | 0;
const MESSAGES = (2 << 3) | 2;

/** Making a writer costs more than encoding with it; `finish` leaves it empty for the next. */
const writer = new BinaryWriter();

/** `sent` learns of each frame how many messages it holds. */
export function encodeFrames(
  epoch: ViewEpoch,
  messages: readonly NodeMessage[],
  sent: (frame: Buffer, count: number) => void,
): void {
  let count = 0;
  let size = 0;
  const put = (message: NodeMessage): void => {
    if (count === 0) writer.uint32(VIEW_EPOCH).uint64(epoch);
    writer.uint32(MESSAGES).fork();
    PeerMessage.encode({ message: messageToWire(message) }, writer);
    writer.join();
    count++;
    size += sizeOf(message);
    if (size >= FRAME_BYTES) cut();
  };
  const cut = (): void => {
    if (count === 0) return;
    const bytes = writer.finish();
    sent(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), count);
    count = 0;
    size = 0;
  };
  const latest = latestWrites(messages);
  for (const message of messages) if (isHeartbeat(message)) put(message);
  for (const message of messages) if (!isHeartbeat(message) && !isSuperseded(message, latest)) put(message);
  cut();
}

/**
 * Of several writes of one key, each of which carries the whole register, only the last needs to travel: who acknowledges it holds what the
 * earlier ones said. Many requests on one key would otherwise cost a register with all its records each.
 */
function latestWrites(messages: readonly NodeMessage[]): Map<Key, WriteMessage> {
  const latest = new Map<Key, WriteMessage>();
  for (const message of messages) if (message.kind === "write") latest.set(message.register.key, message);
  return latest;
}

function isSuperseded(message: NodeMessage, latest: ReadonlyMap<Key, WriteMessage>): boolean {
  if (message.kind !== "write") return false;
  const last = latest.get(message.register.key);
  if (last === undefined || last === message) return false;
  const [mine, later] = [message.register.timestamp, last.register.timestamp];
  return sameBallot(mine.ballot, later.ballot) && mine.seq <= later.seq;
}

type WriteMessage = Extract<NodeMessage, { kind: "write" }>;

export const encodeHandshake = (handshake: Handshake): Buffer => encodeFrame({ handshake, refusal: undefined });
export const encodeRefusal = (refusal: Refusal): Buffer => encodeFrame({ handshake: undefined, refusal });
export const decodeFrame = (bytes: Uint8Array): Frame => Frame.decode(bytes);

/** The frame's messages in order; kinds this version does not know are skipped. */
export function messagesOf(frame: Frame, each: (message: NodeMessage) => void): void {
  for (const wire of frame.messages) {
    const message = messageFromWire(wire.message);
    if (message !== null) each(message);
  }
}

const encodeFrame = (parts: Pick<Frame, "handshake" | "refusal">): Buffer =>
  Buffer.from(Frame.encode({ viewEpoch: 0, messages: [], ...parts }).finish());

const isHeartbeat = (message: NodeMessage): boolean =>
  message.kind === "heartbeat" || message.kind === "heartbeat-answer";

/** About how many bytes a message takes: exact for what is long. */
function sizeOf(message: NodeMessage): number {
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
      return message.key.length + 64;
    case "heartbeat-answer":
      return 64 * (1 + message.reports.length + message.offices.length) + 8 * message.heard.length;
    case "forward":
      return message.request.kind === "read"
        ? message.request.read.key.length + 64
        : operationSize(message.request.write.operation) + 128;
    case "forwarded":
      return message.result.status === "done" ? answerSize(message.result.answer) : 64;
    default:
      return 64;
  }
}

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
