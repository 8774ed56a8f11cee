/**
 * A field from the future: a newer client sets it, and an older entry node passes the request on. It reaches the writer
 * as it was sent.
 */

import { type Channel, createChannel, createClient } from "nice-grpc";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { FieldNumber } from "../../../gen/ts/field-number.js";
import { Presence } from "../../../gen/ts/onar/kv/v1/common.js";
import { KeyValueServiceDefinition, PipelineRequest, PutRequest } from "../../../gen/ts/onar/kv/v1/kv.js";
import type { Forward } from "../../../src/core/model/node-message.js";
import { Router } from "../../../src/node/router.js";
import { startTestCluster, type TestCluster } from "../../../src/testing/cluster.js";
import { BYTES, tag } from "../../../src/wire/protobuf.js";

/** Field 99, three bytes, as generated code keeps what it does not know: the length, then the bytes. */
const FUTURE = { [tag(99 as FieldNumber, BYTES)]: [Uint8Array.of(3, 1, 2, 3)] };

let cluster: TestCluster;
let channels: Channel[];
const forwards: Forward[] = [];

beforeAll(async () => {
  cluster = await startTestCluster({ nodes: 3, partitions: 1 });
  channels = cluster.endpoints.map((endpoint) => createChannel(endpoint));
  const arrives = Router.prototype.onForward;
  vi.spyOn(Router.prototype, "onForward").mockImplementation(function (this: Router, now, from, message, out) {
    forwards.push(message);
    return arrives.call(this, now, from, message, out);
  });
});
beforeEach(() => forwards.splice(0));
afterAll(async () => {
  vi.restoreAllMocks();
  for (const channel of channels ?? []) channel.close();
  await cluster?.close();
});

/** The generated client leaves unknown fields out of what it is given; a newer one would know them. */
const keeping = <Type extends { fromPartial(object: never): unknown }>(type: Type): Type => ({
  ...type,
  fromPartial: (message: never) => ({
    ...(type.fromPartial(message) as object),
    _unknownFields: (message as { _unknownFields?: unknown })._unknownFields,
  }),
});
const { methods } = KeyValueServiceDefinition;
const NEWER = {
  ...KeyValueServiceDefinition,
  methods: {
    put: { ...methods.put, requestType: keeping(methods.put.requestType) },
    compareAndSet: { ...methods.compareAndSet, requestType: keeping(methods.compareAndSet.requestType) },
    delete: { ...methods.delete, requestType: keeping(methods.delete.requestType) },
    add: { ...methods.add, requestType: keeping(methods.add.requestType) },
    pipeline: {
      ...methods.pipeline,
      requestType: { ...PipelineRequest, fromPartial: (message: PipelineRequest) => message },
    },
  },
} as const;
const clients = () => channels.map((channel) => createClient(NEWER, channel));
const key = Buffer.from("k");
const value = Buffer.from("v");

test("unknown fields of a write reach the writer in the Forward, whichever call it is", async () => {
  for (const client of clients()) {
    const future = { _unknownFields: FUTURE };
    await client.put({ key, value, ...future });
    await client.compareAndSet({
      key,
      value,
      condition: { expected: { $case: "presence", value: Presence.PRESENT } },
      ...future,
    });
    await client.delete({ key, ...future });
    await client.add({ key, delta: 1n, ...future });
    await client.delete({ key });
  }
  // Two of the three nodes are not the writer.
  const kinds = forwards.map(({ request }) => (request.kind === "write" ? request.write.operation.kind : "read"));
  expect(kinds).toEqual([...Array(2)].flatMap(() => ["put", "cas", "delete", "add", "delete"]));
  const kept = forwards.map(({ request }) => request.unread);
  const asSent = { [tag(99 as FieldNumber, BYTES)]: [Buffer.of(3, 1, 2, 3)] };
  expect(kept).toEqual([...Array(2)].flatMap(() => [asSent, asSent, asSent, asSent, undefined]));
});

test("the same in a pipeline", async () => {
  for (const client of clients()) {
    const put = { ...PutRequest.fromPartial({ key, value }), _unknownFields: FUTURE };
    const requests = async function* () {
      yield { tag: 1n, request: { $case: "put", value: put }, timeoutMs: 0 } satisfies PipelineRequest;
    };
    for await (const { response } of client.pipeline(requests())) expect(response?.$case).toBe("put");
  }
  expect(forwards.map(({ request }) => request.unread?.[tag(99 as FieldNumber, BYTES)]?.length)).toEqual([1, 1]);
});
