/**
 * Keys and values between bytes and what people type and read. Text is UTF-8. A command line cannot carry bytes that
 * are not UTF-8 (they arrive as U+FFFD, and two keys would become one) nor NUL. Such keys and values are given as
 * base64 or hex. Standard input carries any bytes.
 */

import { isUtf8 } from "node:buffer";
import { unreachable } from "../../base/assert.js";
import { quote } from "../../config/values.js";
import { usage } from "../ending/exit.js";

export const ENCODINGS = ["text", "base64", "hex"] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** `name` is what errors call it: KEY, VALUE, --if-value. */
export function decode(name: string, text: string, encoding: Encoding, option: string): Buffer {
  switch (encoding) {
    case "text":
      if (text.includes("\ufffd") || !text.isWellFormed()) {
        throw usage(
          `${name} is not valid UTF-8 (or holds U+FFFD, which stands for bytes that are not): give it with ${option} base64 or hex`,
        );
      }
      return Buffer.from(text, "utf8");
    case "hex":
      if (!/^(?:[0-9a-fA-F]{2})*$/.test(text))
        throw usage(`${name} must be pairs of hexadecimal digits (${option} hex); it is ${quote(text)}`);
      return Buffer.from(text, "hex");
    case "base64": {
      // The URL-safe alphabet and missing padding are taken, anything else is not: Node would silently skip it.
      const bare = text.replace(/={0,2}$/, "");
      const bytes = Buffer.from(bare, "base64");
      const canonical = bytes.toString("base64url");
      if (canonical !== bare.replaceAll("+", "-").replaceAll("/", "_")) {
        throw usage(`${name} must be base64 (${option} base64); it is ${quote(text)}`);
      }
      return bytes;
    }
    default:
      return unreachable(encoding);
  }
}

/**
 * A value from standard input: as text it is taken as it is, byte for byte; otherwise white space around it is dropped.
 */
export function decodeInput(name: string, bytes: Buffer, encoding: Encoding, option: string): Buffer {
  return encoding === "text" ? bytes : decode(name, bytes.toString("latin1").trim(), encoding, option);
}

/** The printed form of these bytes; as text they are printed as they are. */
export function encode(bytes: Uint8Array, encoding: Encoding): Uint8Array | string {
  if (encoding === "text") return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(encoding);
}

/** The same for JSON, which holds text only: bytes that are not UTF-8 fall back to base64, and the encoding says so. */
export function encodeForJson(
  bytes: Uint8Array,
  encoding: Encoding,
): { readonly text: string; readonly encoding: Encoding } {
  if (encoding === "text") {
    try {
      return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), encoding };
    } catch {
      return { text: encode(bytes, "base64") as string, encoding: "base64" };
    }
  }
  return { text: encode(bytes, encoding) as string, encoding };
}

/** Whether a terminal can show the bytes as text: UTF-8 without control characters but line ends and tabs. */
export function isShowable(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && !/[^\P{Cc}\n\r\t]/u.test(new TextDecoder().decode(bytes));
}
