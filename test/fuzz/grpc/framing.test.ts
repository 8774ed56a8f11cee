/**
 * Bodies of requests, mutated and cut anywhere, against a model of gRPC's framing that reads them as a whole. Status
 * and answer are the same, and nothing is held afterwards. `SEED=N` begins elsewhere, `RUNS=N` goes on for longer.
 */
import { gunzipSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { STATUS } from "../../../src/grpc/status.js";
import { ask, statusOf } from "../../unit/grpc/support/ask.js";
import { Chance } from "../http2/fuzzer.js";

const MAX_BYTES = 3_000;
const FIRST = Number(process.env["SEED"] ?? "1");
const RUNS = Number(process.env["RUNS"] ?? "1500");
const PREFIX = 5;

interface Outcome {
  readonly status: number;
  /** All messages behind each other. */
  readonly bytes: string;
}

const failed = (status: number): Outcome => ({ status, bytes: "" });

/** The answer that a server owes to this body: for a method of one message, or of many. */
function model(body: Buffer, gzip: boolean, many: boolean): Outcome {
  const messages: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    if (body.length - at < PREFIX) return failed(STATUS.internal);
    const flag = body.readUInt8(at);
    const length = body.readUInt32BE(at + 1);
    if (flag > 1) return failed(STATUS.internal);
    if (length > MAX_BYTES) return failed(STATUS.resourceExhausted);
    if (body.length - at < PREFIX + length) return failed(STATUS.internal);
    let message = body.subarray(at + PREFIX, at + PREFIX + length);
    if (flag === 1) {
      if (!gzip || length < 18) return failed(STATUS.internal);
      const said = message.readUInt32LE(length - 4);
      if (said > MAX_BYTES) return failed(STATUS.resourceExhausted);
      try {
        message = gunzipSync(message, { maxOutputLength: Math.max(1, said) });
      } catch {
        return failed(STATUS.internal);
      }
    }
    messages.push(message);
    if (messages.length > 1 && !many) return failed(STATUS.unimplemented);
    at += PREFIX + length;
  }
  if (messages.length === 0 && !many) return failed(STATUS.unimplemented);
  return { status: STATUS.ok, bytes: Buffer.concat(messages).toString("hex") };
}

function framed(message: Buffer, compressed: boolean): Buffer {
  const bytes = compressed ? gzipSync(message) : message;
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt8(compressed ? 1 : 0);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

function bodyBy(chance: Chance): Buffer {
  const messages = Array.from({ length: chance.below(4) }, () => {
    const length = chance.below(8) === 0 ? chance.below(MAX_BYTES + 10) : chance.below(60);
    return framed(Buffer.alloc(length, `${chance.below(1_000)}`), chance.below(3) === 0);
  });
  let body: Buffer = Buffer.concat(messages);
  for (let times = chance.below(3); times > 0 && body.length > 0; times--) {
    const at = chance.below(body.length);
    switch (chance.below(5)) {
      case 0:
        body[at] = (body[at] ?? 0) ^ (1 << chance.below(8));
        break;
      case 1:
        body = body.subarray(0, at);
        break;
      case 2:
        body = Buffer.concat([body.subarray(0, at), body]);
        break;
      case 3:
        // The length of the first message.
        body[1 + chance.below(4)] = chance.below(256);
        break;
      default:
        body = Buffer.concat([body, Buffer.alloc(chance.below(9), chance.below(3))]);
    }
  }
  return body;
}

function piecesOf(body: Buffer, chance: Chance): Buffer[] {
  const pieces: Buffer[] = [];
  const largest = chance.below(3) === 0 ? 5_000 : 20;
  for (let at = 0; at < body.length; ) {
    const end = Math.min(body.length, at + 1 + chance.below(largest));
    pieces.push(Buffer.from(body.subarray(at, end)));
    at = end;
  }
  return pieces;
}

test(`the server reads ${RUNS} bodies as the model does`, async () => {
  const seen = new Set<number>();
  for (let run = FIRST; run < FIRST + RUNS; run++) {
    const chance = new Chance(run);
    const body = bodyBy(chance);
    const gzip = chance.below(2) === 0;
    const many = chance.below(2) === 0;
    const expected = model(body, gzip, many);
    const asked = ask({
      headers: { ":path": `/test.Echo/${many ? "Collect" : "Unary"}`, "grpc-encoding": gzip ? "gzip" : undefined },
      body: piecesOf(body, chance),
      serving: { maxRequestBytes: MAX_BYTES },
    });
    await asked.done();
    const answer = { status: statusOf(asked), bytes: asked.body.slice(2 * PREFIX) };
    expect({ run, ...answer, gathered: asked.gathered }).toEqual({ run, ...expected, gathered: 0 });
    seen.add(answer.status);
  }
  if (RUNS >= 1_000) {
    const all = [STATUS.ok, STATUS.resourceExhausted, STATUS.unimplemented, STATUS.internal];
    expect([...seen].toSorted((a, b) => a - b)).toEqual(all);
  }
});
