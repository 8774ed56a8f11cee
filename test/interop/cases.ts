/**
 * The official interoperability cases of gRPC, as a client carries them out; each throws what is wrong.
 *
 * Source: gRPC's interop-test-descriptions.md.
 */
import { deepStrictEqual as same } from "node:assert/strict";
import type { Ask, Caller, Outcome } from "./caller.js";
import {
  decodeAggregate,
  decodePayloadBytes,
  encodePayload,
  encodeSimpleRequest,
  encodeStreamingOutputRequest,
} from "./messages.js";
import { DUPLEX, EMPTY, INITIAL, INPUT, NO_METHOD, NO_SERVICE, OUTPUT, TRAILING, UNARY } from "./paths.js";

const OK = 0;
const CANCELLED = 1;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const UNIMPLEMENTED = 12;
const LARGE_REQUEST = 271_828;
const LARGE_RESPONSE = 314_159;
const REQUEST_SIZES = [27_182, 8, 1_828, 45_904];
const RESPONSE_SIZES = [31_415, 9, 2_653, 58_979];

/** The things that a server can do about compression. */
export interface Abilities {
  /** It knows whether a message was compressed: not every library tells. */
  readonly seesCompression: boolean;
  /** It compresses answers: grpc-js's does not. */
  readonly compresses: boolean;
}

async function* stream(...messages: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* messages;
}

const empty = (path: string): Ask => ({ path, kind: "unary", requests: stream(new Uint8Array(0)) });
const unary = (request: Parameters<typeof encodeSimpleRequest>[0], more: Partial<Ask> = {}): Ask => ({
  path: UNARY,
  kind: "unary",
  requests: stream(encodeSimpleRequest(request)),
  ...more,
});
const duplex = (requests: AsyncIterable<Uint8Array>, more: Partial<Ask> = {}): Ask => ({
  path: DUPLEX,
  kind: "bidirectional",
  requests,
  ...more,
});
const output = (size: number, payloadBytes: number): Uint8Array =>
  encodeStreamingOutputRequest({ responses: [{ size, intervalUs: 0 }], payloadBytes });

const ended = ({ code, text }: Outcome): [number, string] => [code, text];
const sizes = ({ messages }: Outcome): number[] => messages.map(decodePayloadBytes);
const fine = (outcome: Outcome): void => same(ended(outcome), [OK, ended(outcome)[1]]);

const SOAK_MS = 2_000;

/** Calls for two seconds, eight at a time: none may fail, whatever becomes of connections meanwhile. */
export async function soak(caller: Caller): Promise<void> {
  const until = performance.now() + SOAK_MS;
  const calls = async (): Promise<void> => {
    while (performance.now() < until) fine(await caller.call(empty(EMPTY)));
  };
  await Promise.all(Array.from({ length: 8 }, calls));
}

/** Resolves `next` with each message that comes: for requests that wait for answers. */
function turns(): { onMessage: () => void; next: () => Promise<void> } {
  let came = 0;
  let waiting: (() => void) | undefined;
  return {
    onMessage: () => {
      came++;
      waiting?.();
    },
    next: async () => {
      if (came === 0) {
        await new Promise<void>((resolve) => {
          waiting = resolve;
        });
      }
      came--;
    },
  };
}

export const CASES: Readonly<Record<string, (caller: Caller, abilities: Abilities) => Promise<void>>> = {
  empty_unary: async (caller) => {
    const outcome = await caller.call(empty(EMPTY));
    fine(outcome);
    same(
      outcome.messages.map(({ length }) => length),
      [0],
    );
  },

  large_unary: async (caller) => {
    const outcome = await caller.call(unary({ responseSize: LARGE_RESPONSE, payloadBytes: LARGE_REQUEST }));
    fine(outcome);
    same(sizes(outcome), [LARGE_RESPONSE]);
  },

  client_streaming: async (caller) => {
    const requests = stream(...REQUEST_SIZES.map(encodePayload));
    const outcome = await caller.call({ path: INPUT, kind: "client-streaming", requests });
    fine(outcome);
    same(outcome.messages.map(decodeAggregate), [74_922]);
  },

  server_streaming: async (caller) => {
    const responses = RESPONSE_SIZES.map((size) => ({ size, intervalUs: 0 }));
    const requests = stream(encodeStreamingOutputRequest({ responses }));
    const outcome = await caller.call({ path: OUTPUT, kind: "server-streaming", requests });
    fine(outcome);
    same(sizes(outcome), RESPONSE_SIZES);
  },

  ping_pong: async (caller) => {
    const { onMessage, next } = turns();
    async function* requests(): AsyncIterable<Uint8Array> {
      for (const [i, size] of RESPONSE_SIZES.entries()) {
        yield output(size, REQUEST_SIZES[i] ?? 0);
        await next();
      }
    }
    const outcome = await caller.call(duplex(requests(), { onMessage }));
    fine(outcome);
    same(sizes(outcome), RESPONSE_SIZES);
  },

  empty_stream: async (caller) => {
    const outcome = await caller.call(duplex(stream()));
    fine(outcome);
    same(outcome.messages, []);
  },

  timeout_on_sleeping_server: async (caller) => {
    async function* requests(): AsyncIterable<Uint8Array> {
      yield encodeStreamingOutputRequest({ payloadBytes: 27_182 });
      await new Promise(() => {});
    }
    same((await caller.call(duplex(requests(), { timeoutMs: 1 }))).code, DEADLINE_EXCEEDED);
  },

  cancel_after_begin: async (caller) => {
    const aborting = new AbortController();
    async function* requests(): AsyncIterable<Uint8Array> {
      setImmediate(() => aborting.abort());
      await new Promise(() => {});
    }
    const { signal } = aborting;
    same((await caller.call({ path: INPUT, kind: "client-streaming", requests: requests(), signal })).code, CANCELLED);
  },

  cancel_after_first_response: async (caller) => {
    const aborting = new AbortController();
    async function* requests(): AsyncIterable<Uint8Array> {
      yield output(31_415, 27_182);
      await new Promise(() => {});
    }
    const { signal } = aborting;
    const outcome = await caller.call(duplex(requests(), { signal, onMessage: () => aborting.abort() }));
    same(outcome.code, CANCELLED);
    same(sizes(outcome), [31_415]);
  },

  status_code_and_message: async (caller) => {
    const responseStatus = { code: 2, message: "test status message" };
    same(ended(await caller.call(unary({ responseStatus }))), [2, responseStatus.message]);
    const requests = stream(encodeStreamingOutputRequest({ responseStatus }));
    same(ended(await caller.call(duplex(requests))), [2, responseStatus.message]);
  },

  special_status_message: async (caller) => {
    const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
    same(ended(await caller.call(unary({ responseStatus: { code: 2, message } }))), [2, message]);
  },

  unimplemented_method: async (caller) => {
    same((await caller.call(empty(NO_METHOD))).code, UNIMPLEMENTED);
  },

  unimplemented_service: async (caller) => {
    same((await caller.call(empty(NO_SERVICE))).code, UNIMPLEMENTED);
  },

  custom_metadata: async (caller) => {
    const trailing = Buffer.from("0a0b0a0b0a0b", "hex");
    const metadata = { [INITIAL]: "test_initial_metadata_value", [TRAILING]: trailing };
    const outcomes = [
      await caller.call(unary({ responseSize: 1, payloadBytes: 1 }, { metadata })),
      await caller.call(duplex(stream(output(1, 1)), { metadata })),
    ];
    for (const outcome of outcomes) {
      fine(outcome);
      same(outcome.headers.get(INITIAL), metadata[INITIAL]);
      same(Buffer.from(outcome.trailers.get(TRAILING) ?? ""), trailing);
    }
  },

  client_compressed_unary: async (caller, { seesCompression }) => {
    const request = { responseSize: LARGE_RESPONSE, payloadBytes: LARGE_REQUEST };
    // First a lie: a server that cannot see it would take it.
    if (seesCompression)
      same((await caller.call(unary({ ...request, expectCompressed: true }))).code, INVALID_ARGUMENT);
    for (const gzip of [true, false]) {
      const outcome = await caller.call(unary({ ...request, expectCompressed: gzip }, { gzip }));
      fine(outcome);
      same(sizes(outcome), [LARGE_RESPONSE]);
    }
  },

  server_compressed_unary: async (caller, { compresses }) => {
    for (const responseCompressed of [true, false]) {
      const before = caller.receivedBytes;
      const request = { responseSize: LARGE_RESPONSE, payloadBytes: LARGE_REQUEST, responseCompressed };
      const outcome = await caller.call(unary(request));
      fine(outcome);
      same(sizes(outcome), [LARGE_RESPONSE]);
      const came = (caller.receivedBytes ?? 0) - (before ?? 0);
      // Nothing but zeros: compressed it is a thousandth.
      if (before !== undefined && responseCompressed && compresses) same(came < LARGE_RESPONSE / 10, true);
    }
  },
};
