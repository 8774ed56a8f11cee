/**
 * A connection of somebody who breaks rules: sends bytes as they are, as fast as they are taken, and notes what comes
 * back.
 */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { ConnectionError } from "../../src/http2/error.js";
import { FrameInput, uint32At } from "../../src/http2/frame/frame-input.js";
import { HpackDecoder } from "../../src/http2/hpack/decoder.js";
import { HELLO, TYPE } from "../unit/http2/support/raw.js";

/** The ports of the target, all on loopback. */
export interface Ports {
  readonly plain: number;
  readonly tls: number;
}

/** The ends of some connections. */
export interface Tally {
  connections: number;
  /** Those that the target has ended. */
  closed: number;
  sentBytes: number;
  /** By the code of the last GOAWAY. */
  readonly goAways: Record<string, number>;
  /** By code: RST_STREAM that came. */
  readonly resets: Record<string, number>;
  /** By grpc-status, or `http` and the status of an answer that has none. */
  readonly statuses: Record<string, number>;
}

export function emptyTally(): Tally {
  return { connections: 0, closed: 0, sentBytes: 0, goAways: {}, resets: {}, statuses: {} };
}

const count = (counts: Record<string, number>, key: string | number): void => {
  counts[key] = (counts[key] ?? 0) + 1;
};

const FLOOD_BYTES = 65_536;
const PATIENCE_MS = 30_000;

export class Offender {
  readonly socket: Socket;
  readonly #tally: Tally;
  readonly #decoder = new HpackDecoder(1_048_576);
  #goAway: number | undefined;
  closed = false;

  private constructor(socket: Socket, tally: Tally) {
    this.socket = socket;
    this.#tally = tally;
    tally.connections++;
    const input = new FrameInput({ frame: (...frame) => this.#frame(...frame) }, false);
    let readable = true;
    socket.on("data", (chunk: Buffer) => {
      try {
        if (readable) input.push(chunk);
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        readable = false;
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
      tally.closed++;
      if (this.#goAway !== undefined) count(tally.goAways, this.#goAway);
    });
  }

  /** Without TLS, and with a handshake of HTTP/2 unless `hello` says what is sent first instead. */
  static async dial(ports: Ports, tally: Tally, hello: Buffer | string = HELLO): Promise<Offender> {
    const socket = connect(ports.plain, "127.0.0.1");
    const offender = new Offender(socket, tally);
    await offender.#begun("connect");
    if (hello.length > 0) socket.write(hello);
    return offender;
  }

  static async dialTls(ports: Ports, tally: Tally, hello: Buffer = HELLO): Promise<Offender> {
    const options = { host: "127.0.0.1", port: ports.tls, ALPNProtocols: ["h2"], rejectUnauthorized: false };
    const socket = connectTls(options);
    const offender = new Offender(socket, tally);
    await offender.#begun("secureConnect");
    socket.write(hello);
    return offender;
  }

  /** Sends these bytes; resolves when the network has taken enough of them, or the connection is over. */
  send(bytes: Uint8Array): Promise<void> {
    if (this.closed || this.socket.destroyed) return Promise.resolve();
    this.#tally.sentBytes += bytes.length;
    if (this.socket.write(bytes)) return Promise.resolve();
    return new Promise((resolve) => {
      const go = (): void => {
        this.socket.off("drain", go);
        this.socket.off("close", go);
        resolve();
      };
      this.socket.once("drain", go);
      this.socket.once("close", go);
    });
  }

  /** Sends what `make` gives, a lot of it at once, until the connection is over or so many were sent. */
  async flood(most: number, make: (i: number) => Uint8Array): Promise<void> {
    let i = 0;
    while (i < most && !this.closed && !this.socket.destroyed) {
      const batch: Uint8Array[] = [];
      for (let bytes = 0; bytes < FLOOD_BYTES && i < most; i++) {
        const one = make(i);
        bytes += one.length;
        batch.push(one);
      }
      await this.send(Buffer.concat(batch));
      // The target's GOAWAY, and its end, are to be heard, too.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Waits until it is true, or the connection is over; false if it takes too long. */
  async until(done: () => boolean): Promise<boolean> {
    const end = performance.now() + PATIENCE_MS;
    while (!done() && !this.closed && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
    return done();
  }

  /** Waits for the target to end the connection, and ends it if it does not. */
  async ended(): Promise<void> {
    await this.until(() => this.closed);
    this.leave();
  }

  /** Ends the connection from here, which does not count as closed. */
  leave(): void {
    if (this.closed) return;
    this.socket.removeAllListeners("close");
    this.socket.destroy();
  }

  #begun(event: string): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once(event, resolve);
      this.socket.once("close", () => resolve());
    });
  }

  #frame(type: number, flags: number, _id: number, bytes: Buffer, start: number, end: number): void {
    if (type === TYPE.goAway) this.#goAway = uint32At(bytes, start + 4);
    else if (type === TYPE.rstStream) count(this.#tally.resets, uint32At(bytes, start));
    else if (type === TYPE.headers) {
      const list = this.#decoder.decode(bytes, start, end);
      const status = list.get("grpc-status") ?? ((flags & 1) !== 0 ? `http ${list.status}` : undefined);
      if (status !== undefined) count(this.#tally.statuses, status);
    }
  }
}

/** The same from several connections at once. */
export async function many(connections: number, one: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: connections }, one));
}
