/** Frames by hand, for tests: built and read apart from the code under test. */
import { CLIENT_PREFACE } from "../../../../src/http2/frame/wire.js";

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
const NAMES = Object.keys(TYPE);

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
  return bytes;
}

export function settings(...entries: readonly (readonly [number, number])[]): Buffer {
  const payload = entries.map(([id, value]) => Buffer.concat([Buffer.of(id >> 8, id & 255), uint32(value)]));
  return frame(TYPE.settings, 0, 0, Buffer.concat(payload));
}

/** The first bytes of a client, and its acknowledgement of the server's settings. */
export const HELLO = Buffer.concat([CLIENT_PREFACE, settings(), frame(TYPE.settings, 1, 0)]);

/** A block that uses no table: every field a literal. */
export function block(...fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), shortString(name), shortString(value)]));
}

function shortString(text: string): Buffer {
  if (text.length >= 127) throw new Error("too long for a literal by hand");
  return Buffer.concat([Buffer.of(text.length), Buffer.from(text, "latin1")]);
}

export const POST = block([":method", "POST"], [":scheme", "http"], [":path", "/a"], [":authority", "a"]);

export const request = (id: number, endStream = true): Buffer => frame(TYPE.headers, endStream ? 5 : 4, id, POST);
export const response = (id: number, endStream = false): Buffer =>
  frame(TYPE.headers, endStream ? 5 : 4, id, block([":status", "200"]));
export const data = (id: number, text: string, endStream = false): Buffer =>
  frame(TYPE.data, endStream ? 1 : 0, id, Buffer.from(text));
export const reset = (id: number, code: number): Buffer => frame(TYPE.rstStream, 0, id, uint32(code));
export const windowUpdate = (id: number, increment: number): Buffer =>
  frame(TYPE.windowUpdate, 0, id, uint32(increment));
export const ping = (text: string, ack = false): Buffer => frame(TYPE.ping, ack ? 1 : 0, 0, Buffer.from(text));
export const goAway = (lastId: number, code: number): Buffer => frame(TYPE.goAway, 0, 0, uint32(lastId, code));

/** A frame in words: `ping ack`, `rstStream 3 code=8`, `data 1 end 5 bytes`. */
export function describeFrames(bytes: Buffer): string[] {
  const lines: string[] = [];
  let at = bytes.subarray(0, CLIENT_PREFACE.length).equals(CLIENT_PREFACE) ? CLIENT_PREFACE.length : 0;
  while (at < bytes.length) {
    const length = bytes.readUIntBE(at, 3);
    const type = bytes.readUInt8(at + 3);
    const flags = bytes.readUInt8(at + 4);
    const id = bytes.readUInt32BE(at + 5);
    const payload = bytes.subarray(at + 9, at + 9 + length);
    if (payload.length < length) throw new Error("a frame cut short");
    lines.push([NAMES[type] ?? type, ...detail(type, flags, id, payload)].join(" "));
    at += 9 + length;
  }
  return lines;
}

function detail(type: number, flags: number, id: number, payload: Buffer): (string | number)[] {
  const end = (flags & 1) !== 0;
  switch (type) {
    case TYPE.data:
      return [id, ...(end ? ["end"] : []), `${payload.length} bytes`];
    case TYPE.headers:
      return [id, ...(end ? ["end"] : [])];
    case TYPE.rstStream:
      return [id, `code=${payload.readUInt32BE(0)}`];
    case TYPE.settings:
      return end ? ["ack"] : [];
    case TYPE.ping:
      return [...(end ? ["ack"] : []), payload.toString("latin1")];
    case TYPE.goAway:
      return [`last=${payload.readUInt32BE(0)}`, `code=${payload.readUInt32BE(4)}`];
    case TYPE.windowUpdate:
      return [id, payload.readUInt32BE(0)];
    default:
      return [id];
  }
}
