/**
 * A Forward keeps these bytes of a request from the future: every kind of request, and nothing where there is nothing.
 */

import { describe, expect, test } from "vitest";
import type { FieldNumber } from "../../../gen/ts/field-number.js";
import { duration } from "../../../src/base/time.js";
import { withUnread } from "../../../src/codec/api/unread.js";
import { decodeFrame, encodeFrames, messagesOf } from "../../../src/codec/peer/frame.js";
import { groupEpoch, key, NO_REVISION, partition, viewEpoch } from "../../../src/core/model/ids.js";
import type { NodeMessage, Request } from "../../../src/core/model/node-message.js";
import type { WriteOperation } from "../../../src/core/model/operation.js";
import { BYTES, tag, VARINT } from "../../../src/wire/protobuf.js";

const FUTURE = {
  [tag(99 as FieldNumber, BYTES)]: [Buffer.of(2, 7, 8)],
  [tag(100 as FieldNumber, VARINT)]: [Buffer.of(5), Buffer.of(6)],
};
const K = key("k");
const V = Buffer.from("v");
const write = (operation: WriteOperation): Request => ({
  kind: "write",
  write: { operation, requestId: null, after: null, fingerprint: 0 },
});
const REQUESTS: readonly Request[] = [
  { kind: "read", read: { key: K, consistency: "local" } },
  write({ kind: "put", key: K, value: V }),
  write({ kind: "cas", key: K, condition: { kind: "version", version: NO_REVISION }, value: V }),
  write({ kind: "delete", key: K, condition: null }),
  write({ kind: "add", key: K, delta: 3n }),
];

/** As the node at the other end reads it. */
function arrived(request: Request): Request {
  const forward: NodeMessage = {
    kind: "forward",
    id: 1,
    partition: partition(2),
    groupEpoch: groupEpoch(3),
    request,
    remaining: duration(1_000),
  };
  const got: NodeMessage[] = [];
  encodeFrames(viewEpoch(1), [forward], (frame) => messagesOf(decodeFrame(frame), (one) => void got.push(one)));
  const [message] = got;
  if (message?.kind !== "forward") throw new Error("no Forward");
  return message.request;
}

describe.each(REQUESTS)("a request: $kind, $write.operation.kind", (request) => {
  test("keeps what this version does not know", () => {
    expect(arrived(withUnread(request, { _unknownFields: FUTURE }))).toEqual({ ...request, unread: FUTURE });
  });

  test("has nothing more where there is nothing", () => {
    expect(withUnread(request, { _unknownFields: {} })).toBe(request);
    expect(arrived(request)).toEqual(request);
  });
});
