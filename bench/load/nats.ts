/**
 * JetStream's key-value store as its own clients speak to it. A PUT publishes to the key's subject, and a GET asks for
 * the subject's last message. Whichever replica takes the question answers it, also one that lags.
 */

import { INBOX_MARK, INBOX_TOKEN_BYTES, NatsLine } from "../nats/line.js";
import type { CallKind, DecodedAnswer, Dialect, RequestTemplate } from "./dialect.js";

export const BUCKET = "bench";
export const STREAM = `KV_${BUCKET}`;
const SUBJECT = `$KV.${BUCKET}.`;
const INBOX = `${INBOX_MARK}${"0".repeat(INBOX_TOKEN_BYTES)}`;
const EXPECTED = "Nats-Expected-Last-Subject-Sequence: ";
/** Leading zeros are read as nothing, and keep the length the same. */
const VERSION_DIGITS = 16;
/** It does not say which one while another write of the key is on its way. */
const WRONG_SEQUENCE = /wrong last sequence(?:: (\d+))?/;

export const nats: Dialect = { dial: (options) => new NatsLine(options), template, decode };

function template(
  kind: CallKind,
  { keyBytes, valueBytes }: { readonly keyBytes: number; readonly valueBytes: number },
): RequestTemplate {
  const key = "0".repeat(keyBytes);
  if (kind === "get") {
    const start = `PUB $JS.API.DIRECT.GET.${STREAM}.${SUBJECT}`;
    return {
      path: "",
      bytes: Buffer.from(`${start}${key} ${INBOX} 0\r\n\r\n`),
      keyAt: start.length,
      valueAt: 0,
      requestIdAt: 0,
    };
  }
  const headers = kind === "cas" ? `NATS/1.0\r\n${EXPECTED}${"0".repeat(VERSION_DIGITS)}\r\n\r\n` : "";
  const sizes = kind === "cas" ? `${headers.length} ${headers.length + valueBytes}` : `${valueBytes}`;
  const start = `${kind === "cas" ? "HPUB" : "PUB"} ${SUBJECT}`;
  const head = `${start}${key} ${INBOX} ${sizes}\r\n${headers}`;
  const bytes = Buffer.from(`${head}${"0".repeat(valueBytes)}\r\n`);
  const made = { path: "", bytes, keyAt: start.length, valueAt: head.length, requestIdAt: 0 };
  if (kind === "put") return made;
  const versionAt = head.length - 4 - VERSION_DIGITS;
  const expect = (version: number): number => {
    bytes.write(`${version}`.padStart(VERSION_DIGITS, "0"), versionAt, "latin1");
    return bytes.length;
  };
  return { ...made, expect };
}

function decode(kind: CallKind, body: Buffer): DecodedAnswer {
  if (kind === "get") {
    const end = body.indexOf("\r\n\r\n");
    const head = body.toString("latin1", 0, end);
    const sequence = /\r\nNats-Sequence: (\d+)/.exec(head)?.[1];
    if (sequence === undefined) return { version: 0, value: undefined, applied: true };
    return { version: Number(sequence), value: Buffer.from(body.subarray(end + 4)), applied: true };
  }
  const text = body.toString("utf8");
  const other = WRONG_SEQUENCE.exec(text);
  if (other !== null) return { version: Number(other[1] ?? 0), value: undefined, applied: false };
  const sequence = /"seq": ?(\d+)/.exec(text)?.[1];
  if (sequence === undefined) throw new Error(`no sequence in ${text}`);
  return { version: Number(sequence), value: undefined, applied: true };
}
