/**
 * The program `onar` as a later version might be, built for tests: it says more than the version in this tree reads.
 * Nothing of the kind is in the program that is shipped. It adds:
 *
 * - a field that nobody knows yet in every message of the generated code. Those are views and all in them, handshakes,
 *   steps of founding and joining, operations, and messages between nodes that are not frequent;
 * - the same field in the frequent messages, which are written by hand;
 * - a message of a kind that nobody knows yet, in every frame.
 *
 * It reads what it says. So its views are such that an ordinary node takes part in, and proposes no successor of. For
 * each view that it learns it writes `view EPOCH says more` or `view EPOCH says no more`.
 */
import { writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as reconfiguration from "../../dist/gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import * as replication from "../../dist/gen/ts/onar/replication/v1/replication.js";
import { runProcess } from "../../dist/src/cli/process.js";
import { NodeMachine } from "../../dist/src/node/machine.js";
import { Link } from "../../dist/src/rpc/peers/link.js";

/** Field 500, of bytes. */
const TAG = (500 << 3) | 2;
const TEXT = "said by a later version";
/** The field as it is encoded. */
const LATER = Buffer.from([(TAG & 127) | 128, TAG >> 7, TEXT.length, ...Buffer.from(TEXT)]);
/** The tag of a frame's messages. */
const MESSAGES = (2 << 3) | 2;

for (const message of [...Object.values(reconfiguration), ...Object.values(replication)]) {
  if (typeof message?.encode !== "function") continue;
  const { encode, decode } = message;
  message.encode = (value, writer) => encode(value, writer).uint32(TAG).string(TEXT);
  message.decode = (input, length) => {
    const value = decode(input, length);
    if (value._unknownFields !== undefined) delete value._unknownFields[TAG];
    return value;
  };
}

/** The number that begins at `at`, and what follows it. */
function varint(bytes, at) {
  let value = 0;
  for (let [scale, next] = [1, at]; ; scale *= 128) {
    const byte = bytes[next++];
    value += (byte & 127) * scale;
    if (byte < 128) return [value, next];
  }
}

function numberOf(value) {
  const bytes = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** Its first field is the message itself; a place in a trace may follow. */
function withMore(message) {
  const [tag, atLength] = varint(message, 0);
  const [length, start] = varint(message, atLength);
  const body = Buffer.concat([message.subarray(start, start + length), LATER]);
  return Buffer.concat([numberOf(tag), numberOf(body.length), body, message.subarray(start + length)]);
}

/** The frame with the field in each of its messages, one of a later kind, and the field in the frame itself. */
function laterFrame(frame) {
  const parts = [];
  for (let at = 0; at < frame.length; ) {
    const [tag, after] = varint(frame, at);
    const [value, start] = varint(frame, after);
    const next = (tag & 7) === 2 ? start + value : start;
    if (tag === MESSAGES) {
      const message = withMore(frame.subarray(start, next));
      parts.push(Buffer.of(MESSAGES), numberOf(message.length), message);
    } else parts.push(frame.subarray(at, next));
    at = next;
  }
  return Buffer.concat([...parts, Buffer.of(MESSAGES, LATER.length), LATER, LATER]);
}

const streams = new WeakSet();
const { flush } = Link.prototype;
Link.prototype.flush = function (...args) {
  const { stream } = this;
  if (!streams.has(stream)) {
    streams.add(stream);
    const { write } = stream;
    // The handshake is behind it: these are frames of messages.
    stream.write = (frame) => write.call(stream, laterFrame(frame));
  }
  return flush.apply(this, args);
};

const { step } = NodeMachine.prototype;
NodeMachine.prototype.step = function (...args) {
  const before = this.core.newest;
  step.apply(this, args);
  const { newest } = this.core;
  if (newest === before) return;
  const more = Buffer.from(newest.bytes).includes(LATER);
  writeSync(1, `view ${newest.view.epoch} says ${more ? "more" : "no more"}\n`);
};

await runProcess(process.argv.slice(2), fileURLToPath(import.meta.url));
