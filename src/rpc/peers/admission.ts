/**
 * The connections to the peer port whose other end is not known to be a member. Bounds say how many there may be, for
 * how long, and how much they may send. Strangers get rid of each other, never of a member. Where there are too many,
 * the oldest of the address that has most of them goes.
 */
import type { Socket } from "node:net";

export const MAX_STRANGERS = 128;
/** A connection that is not known by then is closed. */
export const STRANGER_MS = 10_000;
/** More is not sent by anybody before it is known. */
export const MAX_STRANGER_BYTES = 64 * 1024;
/** The longest frame that is read before its sender is known. */
export const MAX_STRANGER_FRAME_BYTES = 4 * 1024;
const SWEEP_MS = 500;

/** An address that fails is told of once in this time. */
const TELL_MS = 60_000;
/** … and this many of all of them together in it at most. */
const MAX_TOLD = 10;
const MAX_ADDRESSES = 256;

export interface AdmissionCounters {
  /** Connections that did not prove what they had to, or said something else first. */
  failures: number;
  /** Connections closed because there were too many strangers, or one stayed too long or sent too much. */
  closed: number;
}

interface Stranger {
  readonly socket: Socket;
  readonly host: string;
  readonly since: number;
}

export class Admission {
  readonly counters: AdmissionCounters = { failures: 0, closed: 0 };
  private readonly sockets = new Set<Socket>();
  private readonly strangers = new Map<string, Stranger>();
  /** When an address was last told of, and how often it has failed since. */
  private readonly told = new Map<string, { at: number; since: number }>();
  private toldAt: number[] = [];
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly notice: (text: string) => void) {
    this.timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.timer.unref();
  }

  isStranger(remote: string): boolean {
    return this.strangers.has(remote);
  }

  get strangerCount(): number {
    return this.strangers.size;
  }

  /** A new connection. */
  opened(socket: Socket): void {
    const name = nameOf(socket);
    this.sockets.add(socket);
    this.strangers.set(name, { socket, host: socket.remoteAddress ?? "", since: performance.now() });
    socket.once("close", () => {
      this.sockets.delete(socket);
      if (this.strangers.get(name)?.socket === socket) this.strangers.delete(name);
    });
    // A connection may be gone before anybody listens to it.
    socket.on("error", () => {});
    if (this.strangers.size > MAX_STRANGERS) this.closeOne();
  }

  /** The other end of this connection is a member. */
  known(remote: string): void {
    this.strangers.delete(remote);
  }

  /** The other end did not prove what it had to. Its address is told, once in a while. */
  failed(remote: string, why: string): void {
    this.counters.failures++;
    const now = performance.now();
    const host = remote.slice(0, Math.max(0, remote.lastIndexOf(":")));
    const before = this.told.get(host);
    if (before !== undefined && now - before.at < TELL_MS) {
      before.since++;
      return;
    }
    this.toldAt = this.toldAt.filter((at) => now - at < TELL_MS);
    if (this.toldAt.length >= MAX_TOLD) return;
    this.toldAt.push(now);
    this.told.delete(host);
    const [oldest] = this.told.keys();
    if (this.told.size >= MAX_ADDRESSES && oldest !== undefined) this.told.delete(oldest);
    this.told.set(host, { at: now, since: 0 });
    const times = before === undefined || before.since === 0 ? "" : ` (and ${before.since} times before)`;
    this.notice(`refused a connection from ${remote} to the peer port: ${why}${times}`);
  }

  close(): void {
    clearInterval(this.timer);
    for (const socket of this.sockets) socket.destroy();
  }

  private sweep(): void {
    const now = performance.now();
    for (const { socket, since } of this.strangers.values()) {
      if (now - since > STRANGER_MS || socket.bytesRead > MAX_STRANGER_BYTES) this.end(socket);
    }
  }

  private closeOne(): void {
    const counts = new Map<string, number>();
    for (const { host } of this.strangers.values()) counts.set(host, (counts.get(host) ?? 0) + 1);
    let most = "";
    for (const [host, count] of counts) if (count > (counts.get(most) ?? 0)) most = host;
    for (const { socket, host } of this.strangers.values()) if (host === most) return this.end(socket);
  }

  private end(socket: Socket): void {
    this.counters.closed++;
    this.strangers.delete(nameOf(socket));
    socket.destroy();
  }
}

/** As the calls of its connection are told their caller's address. */
function nameOf({ remoteAddress = "", remotePort = 0 }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}
