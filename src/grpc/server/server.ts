/** A server of gRPC: a table of routes on HTTP/2 sockets. */

import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { Http2Server, type ServerOptions as Http2ServerOptions } from "../../http2/socket/server.js";
import { Deadlines } from "../call/deadlines.js";
import { ByteBudget } from "../message/byte-budget.js";
import { Inflater } from "../message/inflater.js";
import type { Call, Caller } from "./call.js";
import type { CallListener } from "./call-listener.js";
import type { RouteTable } from "./route.js";
import { type Serving, Session } from "./session.js";

export interface ServingOptions {
  readonly table: RouteTable;
  /**
   * Bound of one message of a request, in bytes, also inflated, unless its route says otherwise. 4 MiB if not given.
   */
  readonly maxRequestBytes?: number;
  /**
   * Bytes of messages that are not there as a whole, beyond HTTP/2's windows, and of long ones to inflate. One bound is
   * for a connection, one for all of them. Calls that would go beyond end with RESOURCE_EXHAUSTED. 16 MiB and 64 MiB if
   * not given.
   */
  readonly maxConnectionGatheredBytes?: number;
  readonly maxGatheredBytes?: number;
  readonly listener?: CallListener;
  /** A handler has thrown something else than a GrpcError; its client is told INTERNAL. Errors that this throws are not
   * caught. */
  readonly onError?: (error: unknown, call: Call) => void;
}

const MIB = 1_048_576;

/** Shared by all connections. Without sockets, give it to a `Session` for each connection. */
export function servingOf(options: ServingOptions): Serving {
  const { table, maxRequestBytes = 4 * MIB, maxGatheredBytes = 64 * MIB, onError = () => {} } = options;
  return {
    table,
    maxRequestBytes,
    deadlines: new Deadlines(),
    budget: new ByteBudget(maxGatheredBytes),
    inflater: new Inflater(),
    listener: options.listener,
    maxConnectionGatheredBytes: options.maxConnectionGatheredBytes ?? 16 * MIB,
    // Thrown apart from the connection, which would be ended by it.
    onError: (error, call) => queueMicrotask(() => onError(error, call)),
  };
}

export interface GrpcServerOptions extends ServingOptions, Omit<Http2ServerOptions, "accept"> {}

export class GrpcServer {
  readonly #http2: Http2Server;

  constructor(options: GrpcServerOptions) {
    const serving = servingOf(options);
    this.#http2 = new Http2Server({
      ...options,
      accept: ({ connection, socket }) => new Session(connection, callerOf(socket), serving),
    });
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#http2.connections;
  }

  /** Listens on a port, 0 for any that is free, and resolves to it. Rejects if that is not possible. */
  listen(port: number, host: string): Promise<number> {
    return this.#http2.listen(port, host);
  }

  /** Serves a connection that somebody else has accepted. */
  take(socket: Socket): void {
    this.#http2.take(socket);
  }

  /**
   * Takes no further connections, and no further calls once its clients have heard of it, lets those that run end, and
   * resolves then. No call that is on its way is lost. After `graceMs`, if not 0, what is still open is cut.
   */
  close(graceMs: number): Promise<void> {
    return this.#http2.close(graceMs);
  }

  /** Cuts all that is open, at once. */
  destroy(): void {
    this.#http2.destroy();
  }
}

function callerOf(socket: Socket): Caller {
  const { remoteAddress = "", remotePort = 0 } = socket;
  const host = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;
  return {
    address: `${host}:${remotePort}`,
    get certificate() {
      return socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
    },
  };
}
