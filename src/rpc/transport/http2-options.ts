/**
 * Options of Node's HTTP/2 servers that grpc-js does not pass on. It makes its server by `http2.createServer`, some
 * turns after it is told to listen. So that function is another one while a client port begins to listen. One at a
 * time, as a process may have several nodes.
 */
import http2, { type ServerOptions } from "node:http2";
import type { ClientPortConfig } from "../../config/config.js";

type Limits = Pick<ClientPortConfig, "resetBurst" | "resetRate">;

/** Node.js from 22.11 on heeds them; older ones keep to 1,000 and 33 a second. */
export const RESETS_ARE_SETTABLE = atLeast(22, 11);

let turn: Promise<unknown> = Promise.resolve();

/** Begins to listen, by `listen`, with servers that heed the limits. */
export function withResetLimits<T>({ resetBurst, resetRate }: Limits, listen: () => Promise<T>): Promise<T> {
  const result = turn.then(async () => {
    const { createServer } = http2;
    // @types/node of the oldest Node.js does not have all of them.
    const more: object = {
      streamResetBurst: resetBurst,
      streamResetRate: resetRate,
      // Calls that a connection without memory refuses: beyond so many Node.js ends it, whoever else uses it.
      maxSessionRejectedStreams: resetBurst,
    };
    const make = (options: ServerOptions) => createServer({ ...options, ...more });
    http2.createServer = make as typeof createServer;
    try {
      return await listen();
    } finally {
      http2.createServer = createServer;
    }
  });
  turn = result.catch(() => {});
  return result;
}

function atLeast(major: number, minor: number): boolean {
  const [own = 0, ownMinor = 0] = process.versions.node.split(".").map(Number);
  return own > major || (own === major && ownMinor >= minor);
}
