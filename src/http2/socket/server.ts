/**
 * A server of HTTP/2: on a plain socket for clients that know that it is one ("prior knowledge"), or on TLS with ALPN.
 * There is no HTTP/1.1 and no upgrade from it.
 */

import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import { type LimitName, type Limits, SERVER_TIMING, type Timing } from "../connection/limits.js";
import { type ConnectionEvents, Driver } from "./driver.js";
import { FlushQueue } from "./flush-queue.js";

export interface ServerOptions {
  /** Called for each connection: who is to be told of what happens on it. */
  readonly accept: (driver: Driver) => ConnectionEvents;
  /** With it the server speaks TLS. ALPN is added. */
  readonly tls?: TlsOptions;
  readonly limits?: Partial<Limits>;
  readonly timing?: Timing;
  /** Connections at once; further ones are closed when they come. */
  readonly maxConnections?: number;
  /** Told of each socket before anything is read of it. False: it is closed. */
  readonly admit?: (socket: Socket) => boolean;
  /**
   * A TLS handshake that failed, a socket that could not be accepted, a connection without ALPN's h2: what was wrong.
   */
  readonly onRefused?: (reason: string) => void;
  /** A limit has taken effect on some connection. */
  readonly onLimit?: (limit: LimitName) => void;
}

const DEFAULT_MAX_CONNECTIONS = 10_000;

export class Http2Server {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #drivers = new Set<Driver>();
  /**
   * Sockets whose TLS handshake is under way, by the address of the client: the one that comes of it is another object.
   */
  readonly #shaking = new Map<string, Socket>();
  readonly #flushes = new FlushQueue();
  /** Once it closes: how long what is open may go on, 0 for as long as it wants. */
  #graceMs: number | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    const { connectionTimeoutMs } = options.timing ?? SERVER_TIMING;
    this.#server =
      options.tls === undefined
        ? createServer((socket) => {
            if (this.#admits(socket)) this.#begin(socket);
          })
        : createTlsServer(
            {
              minVersion: "TLSv1.2",
              handshakeTimeout: connectionTimeoutMs > 0 ? connectionTimeoutMs : 120_000,
              ...options.tls,
              ALPNProtocols: ["h2"],
            },
            (socket) => this.#beginTls(socket),
          ).on("connection", (socket) => {
            if (this.#admits(socket)) this.#shakes(socket);
          });
    this.#server.maxConnections = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
    this.#server.on("drop", () => {
      options.onLimit?.("maxConnections");
      this.#refused("too many connections");
    });
    this.#server.on("tlsClientError", (error, socket) => {
      if ("code" in error && error.code === "ERR_TLS_HANDSHAKE_TIMEOUT") options.onLimit?.("connectionTimeoutMs");
      this.#refused(error.message);
      socket.destroy();
    });
    this.#server.on("error", (error) => this.#refused(error.message));
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#drivers.size;
  }

  /** Listens on a port, 0 for any that is free, and resolves to it. Rejects if that is not possible. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        resolve(portOf(this.#server.address()));
      });
    });
  }

  /** Serves a connection that somebody else has accepted; after `close` and `destroy` it is drained, and cut. */
  take(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  /**
   * Takes no further connections and drains those that there are; after `graceMs`, if not 0, it ends them. Resolves
   * when all are gone.
   */
  close(graceMs: number): Promise<void> {
    this.#graceMs = graceMs;
    const gone = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const driver of this.#drivers) drain(driver, graceMs);
    if (this.#shaking.size > 0) this.#endHandshakes(graceMs);
    return gone;
  }

  /** Takes no further connections and cuts those that there are. */
  destroy(): void {
    this.#server.close();
    for (const socket of this.#shaking.values()) socket.destroy();
    for (const { socket } of this.#drivers) socket.destroy();
  }

  /**
   * A client may have done its part of a handshake, and begun a call. It gets the time that others have to hear that we
   * drain.
   */
  #endHandshakes(graceMs: number): void {
    const { drainTimeoutMs } = this.#options.timing ?? SERVER_TIMING;
    const times = [graceMs, drainTimeoutMs].filter((ms) => ms > 0);
    if (times.length === 0) return;
    const end = (): void => {
      for (const socket of this.#shaking.values()) socket.destroy();
    };
    setTimeout(end, Math.min(...times)).unref();
  }

  #admits(socket: Socket): boolean {
    const { admit } = this.#options;
    if (admit === undefined || admit(socket)) return true;
    socket.on("error", () => {});
    socket.destroy();
    return false;
  }

  #shakes(socket: Socket): void {
    const client = clientOf(socket);
    this.#shaking.set(client, socket);
    socket.once("close", () => {
      if (this.#shaking.get(client) === socket) this.#shaking.delete(client);
    });
  }

  #beginTls(socket: TLSSocket): void {
    this.#shaking.delete(clientOf(socket));
    if (socket.alpnProtocol === "h2") {
      this.#begin(socket);
      return;
    }
    this.#refused("no agreement on h2 by ALPN");
    socket.on("error", () => {});
    socket.destroy();
  }

  #begin(socket: Socket): void {
    const { accept, limits, timing, onLimit } = this.#options;
    const driver = new Driver({ role: "server", socket, flushes: this.#flushes, limits, timing, onLimit, accept });
    this.#drivers.add(driver);
    socket.once("close", () => this.#drivers.delete(driver));
    if (this.#graceMs !== undefined) drain(driver, this.#graceMs);
  }

  #refused(reason: string): void {
    this.#options.onRefused?.(reason);
  }
}

function drain(driver: Driver, graceMs: number): void {
  driver.connection.drain(performance.now(), graceMs);
  driver.flush();
}

function clientOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}
