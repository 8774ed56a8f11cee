/** One request to a server of gRPC that has just been made, without sockets: what comes back, frame by frame. */
import { performance } from "node:perf_hooks";
import type { Route } from "../../../../src/grpc/server/route.js";
import { RouteTable } from "../../../../src/grpc/server/route.js";
import { type ServingOptions, servingOf } from "../../../../src/grpc/server/server.js";
import { Session } from "../../../../src/grpc/server/session.js";
import { Connection } from "../../../../src/http2/connection/connection.js";
import type { StreamListener } from "../../../../src/http2/connection/stream.js";
import { errorName } from "../../../../src/http2/error.js";
import { type HeaderList, type HeaderPair, headerList } from "../../../../src/http2/hpack/header-list.js";
import { echoRoutes } from "./echo.js";

const HEAD: readonly HeaderPair[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/test.Echo/Unary"],
  [":authority", "here"],
  ["te", "trailers"],
  ["content-type", "application/grpc"],
];

export interface Asked {
  readonly head: HeaderList | undefined;
  readonly body: string;
  readonly trailers: HeaderList | undefined;
  /** `headers`, `data` and so on, as they came. */
  readonly order: readonly string[];
  /** The server's error, with something of the answer in it. */
  readonly writes: number;
  /** Carries on, until the answer is whole. */
  done(): Promise<void>;
  /** Bytes that the server holds of messages, once the answer is whole. */
  readonly gathered: number;
}

export interface AskOptions {
  /** Headers in place of the usual ones; undefined takes one away. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: readonly Buffer[];
  readonly routes?: readonly Route[];
  readonly serving?: Partial<ServingOptions>;
  /** The client takes what comes as far as the windows go, and no further. */
  readonly isIdle?: boolean;
}

const WITHIN_MS = 15_000;

/** Sends the request; what the server says without waiting for anything is there when this returns. */
export function ask(options: AskOptions): Asked {
  const { headers = {}, body = [MESSAGE] } = options;
  const serving = servingOf({ table: new RouteTable(options.routes ?? echoRoutes()), ...options.serving });
  const late: { session?: Session } = {};
  const nothing = (): void => {};
  const base = { ready: nothing, available: nothing, draining: nothing, closed: nothing, wake: nothing };
  const server = new Connection(
    {
      role: "server",
      listener: {
        ...base,
        request: (stream, list) => late.session?.request(stream, list) ?? impossible("no session"),
      },
    },
    0,
  );
  late.session = new Session(server, { address: "test", certificate: undefined }, serving);
  const client = new Connection({ role: "client", listener: { ...base, request: () => impossible("a push") } }, 0);
  let answer: HeaderList | undefined;
  let trailers: HeaderList | undefined;
  let received = "";
  let writes = 0;
  const order: string[] = [];
  const listener: StreamListener = {
    headers: (_stream, list) => {
      answer = list;
      order.push("headers");
    },
    data: (stream, bytes, start, end) => {
      received += bytes.toString("hex", start, end);
      if (options.isIdle !== true) client.consume(stream, end - start);
      order.push("data");
    },
    end: (_stream, list) => {
      trailers = list;
      order.push(list === undefined ? "end" : "trailers");
    },
    drained: nothing,
    closed: (_stream, end) => {
      if (end.kind === "reset") order.push(`reset ${errorName(end.code)}`);
    },
  };
  const carry = (from: Connection, to: Connection): number => {
    const chunks = from.take();
    for (const chunk of chunks) to.receive(Buffer.from(chunk), performance.now());
    from.flushed(0, 0);
    return chunks.length;
  };
  const settle = (): void => {
    for (let moved = 1; moved > 0; ) {
      moved = carry(client, server);
      const before = order.length;
      moved += carry(server, client);
      if (order.length > before) writes++;
    }
  };
  settle();
  const kept = HEAD.filter(([name]) => !(name in headers));
  const added = Object.entries(headers).flatMap(([name, value]): HeaderPair[] =>
    value === undefined ? [] : [[name, value]],
  );
  const pairs = [...kept, ...added].toSorted(([a], [b]) => Number(b.startsWith(":")) - Number(a.startsWith(":")));
  const stream = client.request(headerList(pairs), body.length === 0, listener) ?? impossible("no stream");
  for (const [i, piece] of body.entries()) {
    client.send(stream, piece, i === body.length - 1);
  }
  settle();
  return {
    get head() {
      return answer;
    },
    get body() {
      return received;
    },
    get trailers() {
      return trailers;
    },
    get writes() {
      return writes;
    },
    get gathered() {
      return serving.budget.bytes;
    },
    order,
    done: async () => {
      // A call may end by its deadline, a while from now, however fast the machine turns.
      const began = performance.now();
      while (!stream.closed && performance.now() - began < WITHIN_MS) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        settle();
      }
      if (!stream.closed) throw new Error("no answer");
    },
  };
}

/** A message "hi". */
export const MESSAGE = Buffer.from("00000000026869", "hex");

export const statusOf = ({ head, trailers }: Asked): number => Number((trailers ?? head)?.get("grpc-status") ?? -1);

function impossible(what: string): never {
  throw new Error(what);
}
