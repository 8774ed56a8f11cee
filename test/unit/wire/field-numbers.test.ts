/** Code that reads or writes bytes by hand names the fields: their numbers are generated from the proto files. */
import { expect, test } from "vitest";
import { HEADER } from "../../../gen/ts/onar/kv/v1/fields.js";
import { PEER_MESSAGE } from "../../../gen/ts/onar/replication/v1/fields.js";
import { BYTES, tag, WireReader, WireWriter } from "../../../src/wire/protobuf.js";

test("the compiler refuses a bare number where a field belongs", () => {
  const writer = new WireWriter();
  // @ts-expect-error 6 is no FieldNumber.
  writer.number(6, 2);
  const byDigit = writer.finish();
  writer.number(HEADER.writerNodeId, 2);
  expect(writer.finish()).toEqual(byDigit);
  // @ts-expect-error 39 is no FieldNumber.
  expect(tag(39, BYTES)).toBe(tag(PEER_MESSAGE.trace, BYTES));
  expect(new WireReader(byDigit).tag() >>> 3).toBe(HEADER.writerNodeId);
});
