/**
 * A service of all four kinds whose messages are bytes, for tests: what comes is sent back, in as many messages as it
 * is told.
 */
import type { MethodKind } from "../../../../src/grpc/call/kind.js";
import type { Method } from "../../../../src/grpc/client/method.js";
import { Metadata } from "../../../../src/grpc/metadata/metadata.js";
import type { Call } from "../../../../src/grpc/server/call.js";
import type { Route } from "../../../../src/grpc/server/route.js";
import { GrpcError } from "../../../../src/grpc/status.js";

type Bytes = Uint8Array;

const same = (bytes: Bytes): Bytes => bytes;
const method = <Kind extends MethodKind>(kind: Kind, name: string): Method<Kind, Bytes, Bytes> => ({
  path: `/test.Echo/${name}`,
  kind,
  encode: same,
  decode: same,
});

export const UNARY = method("unary", "Unary");
export const COLLECT = method("client-streaming", "Collect");
export const SPREAD = method("server-streaming", "Spread");
export const CHAT = method("bidirectional", "Chat");

/** The wishes of a request, by its metadata. */
function obey(call: Call): void {
  const { metadata } = call;
  if (metadata.get("gzip") !== undefined) call.gzip = true;
  for (const [name, value] of metadata.entries()) {
    if (!name.startsWith("echo-")) continue;
    call.responseHeaders.add(name, value);
    call.responseTrailers.add(`trailing-${name}`, value);
  }
}

function failIfAsked(call: Call): void {
  const code = call.metadata.get("fail");
  if (code === undefined) return;
  if (code === "bug") throw new TypeError("a bug in a handler");
  throw new GrpcError(Number(code), "as asked: ü %", {
    details: Buffer.from("details"),
    metadata: new Metadata().add("why", "asked"),
  });
}

/** Resolves when the call's client has gone away or its deadline is over. */
export const gone = (call: Call): Promise<void> =>
  new Promise((resolve) => {
    if (call.signal.aborted) resolve();
    else call.signal.addEventListener("abort", () => resolve());
  });

export interface Seen {
  /** How calls that waited for their end came to it. */
  readonly aborted: unknown[];
  /** Messages that handlers have taken. */
  taken: number;
  /** Handlers that wait for the end of their call, or did. */
  waiting: number;
}

export const nothingSeen = (): Seen => ({ aborted: [], taken: 0, waiting: 0 });

export function echoRoutes(seen = nothingSeen()): Route[] {
  const hang = async (call: Call): Promise<void> => {
    if (call.metadata.get("hang") === undefined) return;
    seen.waiting++;
    await gone(call);
    seen.aborted.push(call.signal.reason);
    call.signal.throwIfAborted();
  };
  return [
    {
      ...UNARY,
      handle: (request: Bytes, call: Call) => {
        obey(call);
        failIfAsked(call);
        if (call.metadata.get("hang") === undefined && call.metadata.get("later") === undefined) return request;
        return hang(call).then(() => request);
      },
    },
    {
      ...COLLECT,
      handle: async (requests: AsyncIterable<Bytes>, call: Call) => {
        obey(call);
        const all: Bytes[] = [];
        await hang(call);
        for await (const request of requests) {
          seen.taken++;
          all.push(request);
          failIfAsked(call);
        }
        failIfAsked(call);
        return Buffer.concat(all);
      },
    },
    {
      ...SPREAD,
      handle: async function* (request: Bytes, call: Call) {
        obey(call);
        const times = Number(call.metadata.get("times") ?? 3);
        for (let i = 0; i < times; i++) {
          seen.taken++;
          yield request;
        }
        await hang(call);
        failIfAsked(call);
      },
    },
    {
      ...CHAT,
      handle: async function* (requests: AsyncIterable<Bytes>, call: Call) {
        obey(call);
        for await (const request of requests) {
          seen.taken++;
          yield request;
        }
        await hang(call);
        failIfAsked(call);
      },
    },
  ];
}

export async function* stream(messages: Iterable<Bytes>): AsyncIterable<Bytes> {
  for (const message of messages) yield message;
}

export async function all<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const message of messages) list.push(message);
  return list;
}
