/**
 * A client's connection: dials, agrees on h2 by ALPN if it is TLS, and gives the driver of the connection. Node.js
 * loads its TLS only for a connection that uses it: a command that uses none starts sooner.
 */

import { connect, type Socket } from "node:net";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { CLIENT_TIMING, type Limits, type Timing } from "../connection/limits.js";
import { type ConnectionEvents, Driver } from "./driver.js";
import { FlushQueue } from "./flush-queue.js";

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  /** With it the connection is TLS. ALPN is added. */
  readonly tls?: TlsOptions;
  readonly limits?: Partial<Limits>;
  readonly timing?: Timing;
  /** Shared by connections that write at the same time. */
  readonly flushes?: FlushQueue;
  readonly accept: (driver: Driver) => ConnectionEvents;
}

/**
 * Each of a name's addresses but the last is tried so long. A quarter of a second, as Node.js has it, is too little for
 * a far server.
 */
const ADDRESS_MS = 1_000;

/**
 * Resolves once the socket is there; requests may be made then. Rejects with an Error that says why if it is not there
 * within `connectionTimeoutMs`, or speaks no h2. After that only the events tell what happens.
 */
export function dial(options: DialOptions): Promise<Driver> {
  const { host, port, tls, limits, timing = CLIENT_TIMING } = options;
  return new Promise((resolve, reject) => {
    const to = { host, port, autoSelectFamilyAttemptTimeout: ADDRESS_MS };
    const socket: Socket =
      tls === undefined
        ? connect({ ...to, noDelay: true })
        : process.getBuiltinModule("node:tls").connect({ ...to, ...tls, ALPNProtocols: ["h2"] });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    const late = (): void => fail(new Error(`${host}:${port} was not reached within ${timing.connectionTimeoutMs} ms`));
    const timer = timing.connectionTimeoutMs > 0 ? setTimeout(late, timing.connectionTimeoutMs) : undefined;
    socket.once("error", (error) => fail(tls === undefined ? oneOf(error) : explained(error, `${host}:${port}`)));
    socket.once("close", () => fail(new Error(`${host}:${port} closed the connection`)));
    socket.once(tls === undefined ? "connect" : "secureConnect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      socket.removeAllListeners("close");
      if ("alpnProtocol" in socket && socket.alpnProtocol !== "h2") {
        fail(new Error(`${host}:${port} speaks no HTTP/2 (ALPN)`));
        return;
      }
      const flushes = options.flushes ?? new FlushQueue();
      resolve(new Driver({ role: "client", socket, flushes, limits, timing, accept: options.accept }));
    });
  });
}

/** A name with several addresses fails with an error for each, and no words of its own. */
function oneOf(error: Error): Error {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return error.message === "" && first instanceof Error ? first : error;
}

/** OpenSSL's words about a port that answers without TLS mean nothing to people. */
function explained(error: Error, address: string): Error {
  const code = "code" in error ? error.code : "";
  if (
    code === "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL" ||
    code === "ERR_SSL_SSLV3_ALERT_NO_APPLICATION_PROTOCOL"
  ) {
    return new Error(`${address} speaks no HTTP/2 (ALPN)`, { cause: error });
  }
  if (code !== "ERR_SSL_WRONG_VERSION_NUMBER" && code !== "ERR_SSL_PACKET_LENGTH_TOO_LONG") return oneOf(error);
  return new Error(`${address} does not speak TLS`, { cause: error });
}
