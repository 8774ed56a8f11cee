/**
 * How many connections a port takes. A connection beyond that is refused at once, so that the file descriptors of a
 * process never go to connections alone. Storage and the other nodes need some.
 *
 * The servers above do not count their connections. Node.js tells of each that any server of this process accepts, and
 * here those of one port are counted.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import { LimitCounts } from "./limit-counts.js";

const ACCEPTED = "net.server.socket";
/** It is said again that connections are refused only once so many of them are free again. */
const CALM_SHARE = 0.9;

export interface PortLimitOptions {
  readonly max: number;
  /** Connections begin to be refused. Not told again before there is room. */
  readonly full: (max: number) => void;
}

export class PortLimit {
  /** Connections that are open … */
  open = 0;
  /** … and those refused so far. */
  refused = 0;
  /** The limits of single connections. */
  readonly limits = new LimitCounts();
  private port = 0;
  private told = false;

  constructor(private readonly options: PortLimitOptions) {}

  /** Counts from here on what is accepted at this port. */
  watch(port: number): void {
    this.port = port;
    subscribe(ACCEPTED, this.accepted);
  }

  close(): void {
    unsubscribe(ACCEPTED, this.accepted);
  }

  private readonly accepted = (message: unknown): void => {
    if (typeof message !== "object" || message === null || !("socket" in message)) return;
    const { socket } = message;
    if (socket instanceof Socket && socket.localPort === this.port) this.take(socket);
  };

  /** Counts a connection, wherever it was accepted. False: it was refused. */
  take(socket: Socket): boolean {
    if (this.open >= this.options.max) {
      this.refuse(socket);
      return false;
    }
    this.open++;
    socket.once("close", () => {
      this.open--;
      if (this.open < this.options.max * CALM_SHARE) this.told = false;
    });
    return true;
  }

  private refuse(socket: Socket): void {
    this.refused++;
    socket.destroy();
    if (this.told) return;
    this.told = true;
    this.options.full(this.options.max);
  }
}

/** Files, LMDB, the servers themselves, and what the libraries open. */
const KEPT_FILES = 64;
/** Where nobody says how many files may be open. */
const USUAL_LIMIT = 1_024;
/** Beyond this the memory of a process is used up before its descriptors. */
const MOST_CONNECTIONS = 10_000;
const MOST_PEER_CONNECTIONS = 1_024;

export interface ConnectionLimits {
  readonly clients: number;
  readonly peers: number;
}

/** Three quarters of the descriptors that are not kept for files are for clients, an eighth is for peers that dial, the
 * rest for dialing. */
export function connectionLimits(openFiles: number): ConnectionLimits {
  const free = Math.max(16, openFiles - KEPT_FILES);
  return {
    clients: Math.min(MOST_CONNECTIONS, Math.floor((free * 3) / 4)),
    peers: Math.min(MOST_PEER_CONNECTIONS, Math.floor(free / 8)),
  };
}

/** How many files this process may have open (`ulimit -n`). */
export function openFileLimit(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    if (limit !== undefined) return Number(limit);
  } catch {
    // Not Linux.
  }
  return USUAL_LIMIT;
}

export interface NodePortsOptions {
  /** As set; null: what the limit of open files allows. */
  readonly maxClients: number | null;
  readonly notice: (
    text: string,
    facts: { readonly event: string; readonly port: string; readonly max: number },
  ) => void;
}

/** The limits of a node's client port and its peer port. */
export class NodePorts {
  readonly client: PortLimit;
  readonly peer: PortLimit;

  constructor({ maxClients, notice }: NodePortsOptions) {
    const files = openFileLimit();
    const limits = connectionLimits(files);
    const refusing = (port: string, whose: string) => (max: number) =>
      notice(`${whose} have ${max} connections open, the most that this node takes: further ones are refused`, {
        event: "connections",
        port,
        max,
      });
    if (maxClients !== null && maxClients > limits.clients) {
      const text = `--max-connections ${maxClients} is more than ${files} open files (ulimit -n) allow beside the node's own: ${limits.clients}`;
      notice(text, { event: "connections", port: "client", max: maxClients });
    }
    this.client = new PortLimit({ max: maxClients ?? limits.clients, full: refusing("client", "clients") });
    this.peer = new PortLimit({ max: limits.peers, full: refusing("peer", "nodes") });
  }

  close(): void {
    this.client.close();
    this.peer.close();
  }
}
