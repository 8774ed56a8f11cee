/**
 * Requests of strangers are measured before they are decoded. Bytes that say nothing (wire/request-surplus.ts) are
 * bounded, as a decoder keeps them at many times what they cost to send. A client from the future may send some of it,
 * which this version does not heed.
 */
import { requestFields } from "../../../gen/ts/request-fields.js";
import { surplusOf } from "../../wire/request-surplus.js";
import type { Failure } from "./failure.js";
import { invalid } from "./validate.js";

/** One request may have so many that say nothing. */
export const MAX_SURPLUS_BYTES = 4_096;

/** @throws Failure when the message is refused before it is decoded */
export function boundedDecode<T, B extends Uint8Array>(
  path: string,
  decode: (bytes: B) => T,
  kind: "read" | "write",
): (bytes: B) => T {
  const fields = requestFields.get(path);
  if (fields === undefined) throw new Error(`the fields of ${path} are not known`);
  return (bytes) => {
    if (surplusOf(bytes, fields, MAX_SURPLUS_BYTES) > MAX_SURPLUS_BYTES) throw tooMuch(kind);
    return decode(bytes);
  };
}

export const tooMuch = (kind: "read" | "write"): Failure =>
  invalid(
    "UNKNOWN_FIELDS_TOO_LONG",
    `the request has more than ${MAX_SURPLUS_BYTES} bytes in unknown fields, in fields given more than once, or in a list that is too long`,
    { field: "(unknown)", bound: String(MAX_SURPLUS_BYTES) },
    kind,
  );
