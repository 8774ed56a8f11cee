/** One connection of a server: which call each request becomes. */

import type { Connection } from "../../http2/connection/connection.js";
import type { ConnectionListener } from "../../http2/connection/events.js";
import type { Stream, StreamListener } from "../../http2/connection/stream.js";
import type { HeaderList } from "../../http2/hpack/header-list.js";
import type { Deadlines } from "../call/deadlines.js";
import { ByteBudget } from "../message/byte-budget.js";
import type { Inflater } from "../message/inflater.js";
import { failureList, HEAD, httpHead } from "./answer-heads.js";
import type { Call, Caller } from "./call.js";
import type { CallListener } from "./call-listener.js";
import { readHead } from "./request-head.js";
import type { RouteTable } from "./route.js";
import { type CallHost, ServerCall } from "./server-call.js";

/** Shared by the connections of a server. */
export interface Serving {
  readonly table: RouteTable;
  readonly deadlines: Deadlines;
  readonly maxRequestBytes: number;
  /** Bytes that all connections, and each, may gather of messages that are longer than a window. */
  readonly budget: ByteBudget;
  readonly maxConnectionGatheredBytes: number;
  readonly inflater: Inflater;
  readonly listener: CallListener | undefined;
  readonly onError: (error: unknown, call: Call) => void;
}

export class Session implements CallHost, Omit<ConnectionListener, "wake"> {
  readonly connection: Connection;
  readonly caller: Caller;
  readonly budget: ByteBudget;
  readonly #serving: Serving;

  constructor(connection: Connection, caller: Caller, serving: Serving) {
    this.connection = connection;
    this.caller = caller;
    this.#serving = serving;
    this.budget = new ByteBudget(serving.maxConnectionGatheredBytes, serving.budget);
  }

  get deadlines(): Deadlines {
    return this.#serving.deadlines;
  }

  get inflater(): Inflater {
    return this.#serving.inflater;
  }

  get maxRequestBytes(): number {
    return this.#serving.maxRequestBytes;
  }

  get listener(): CallListener | undefined {
    return this.#serving.listener;
  }

  get onError(): (error: unknown, call: Call) => void {
    return this.#serving.onError;
  }

  request(stream: Stream, headers: HeaderList): StreamListener {
    const head = readHead(headers, this.#serving.table);
    switch (head.kind) {
      case "call": {
        const { route, encoding, timeoutMs } = head;
        const call = new ServerCall({ session: this, stream, route, encoding, timeoutMs, requestHeaders: headers });
        call.begin();
        return call;
      }
      case "refused":
        this.connection.respond(stream, HEAD, true, failureList(head.error, undefined));
        return REFUSED;
      case "http":
        this.connection.respond(stream, httpHead(head.status), true);
        return REFUSED;
      default:
        return unreachable(head);
    }
  }

  ready(): void {}

  available(): void {}

  draining(): void {}

  closed(): void {}
}

/** Everything was said: HTTP/2 resets what is left of the request. */
const REFUSED: StreamListener = {
  headers: () => {},
  data: () => {},
  end: () => {},
  drained: () => {},
  closed: () => {},
};

function unreachable(head: never): never {
  throw new Error(`unknown head ${String(head)}`);
}
