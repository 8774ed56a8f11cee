/** How long each call of a pipeline may take. */
import { type CallContext, Metadata } from "nice-grpc-common";
import { afterEach, expect, test, vi } from "vitest";
import type { PipelineRequest } from "../../../gen/ts/onar/kv/v1/kv.js";
import type { Call } from "../../../src/rpc/call.js";
import type { KeyValueHandlers } from "../../../src/rpc/key-value.js";
import { keyValueService } from "../../../src/rpc/key-value-service.js";

afterEach(() => {
  vi.restoreAllMocks();
});

/** The timeouts of calls that come at these times, in ms after the beginning of a stream with this deadline; null: none. */
async function timeoutsOf(deadlineMs: number | null, times: readonly number[]): Promise<number[]> {
  let now = 1_000_000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const timeouts: number[] = [];
  const handlers = {
    put: async (_request: unknown, call: Call) => {
      timeouts.push(call.timeout);
      return {};
    },
  } as unknown as KeyValueHandlers;
  const metadata = Metadata();
  if (deadlineMs !== null) metadata.set("onar-internal-timeout-ms", String(deadlineMs));
  const context = { metadata, header: Metadata(), trailer: Metadata(), sendHeader: () => {} };
  async function* requests(): AsyncGenerator<PipelineRequest> {
    for (const [i, time] of times.entries()) {
      now = 1_000_000 + time;
      yield { tag: BigInt(i), request: { $case: "put", value: {} } } as PipelineRequest;
    }
  }
  const answers = keyValueService(handlers, null).pipeline(requests(), context as unknown as CallContext);
  for await (const answer of answers as AsyncIterable<unknown>) expect(answer).toBeDefined();
  return timeouts;
}

test("a call of a pipeline has ten seconds, as long as the stream lasts, however long that is", async () => {
  expect(await timeoutsOf(300_000, [0, 61_000, 285_000])).toEqual([10_000, 10_000, 10_000]);
  expect(await timeoutsOf(null, [0, 61_000, 285_000])).toEqual([10_000, 10_000, 10_000]);
});

test("a call of a pipeline that is about to end has what is left of it, less the time that an answer needs", async () => {
  expect(await timeoutsOf(12_000, [0, 4_000])).toEqual([10_000, 7_970]);
});
