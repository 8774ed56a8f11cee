/** A client and a server of gRPC in one process, joined by two machines of HTTP/2 without a socket between. */
import { performance } from "node:perf_hooks";
import type { ChannelEvents, Link } from "../../../../src/grpc/client/channel.js";
import { GrpcClient, type GrpcClientOptions } from "../../../../src/grpc/client/client.js";
import type { Route } from "../../../../src/grpc/server/route.js";
import { RouteTable } from "../../../../src/grpc/server/route.js";
import { type ServingOptions, servingOf } from "../../../../src/grpc/server/server.js";
import { Session } from "../../../../src/grpc/server/session.js";
import { Connection } from "../../../../src/http2/connection/connection.js";
import type { Limits } from "../../../../src/http2/connection/limits.js";

export interface InProcess {
  readonly client: GrpcClient;
  /** Those of the server, in the order in which they were made. */
  readonly connections: readonly Connection[];
  /** Those of the client, likewise. */
  readonly clientConnections: readonly Connection[];
  /** Errors that handlers have thrown besides GrpcErrors. */
  readonly errors: unknown[];
  /** Connections cannot be made while it is set. */
  unreachable: boolean;
  /** A connection is there once it is resolved. */
  gate: Promise<void> | undefined;
}

export interface InProcessOptions {
  readonly serving?: Partial<ServingOptions>;
  readonly client?: Partial<GrpcClientOptions>;
  readonly serverLimits?: Partial<Limits>;
  readonly clientLimits?: Partial<Limits>;
}

export function inProcess(routes: readonly Route[], options: InProcessOptions = {}): InProcess {
  const connections: Connection[] = [];
  const clientConnections: Connection[] = [];
  const errors: unknown[] = [];
  const serving = servingOf({
    table: new RouteTable(routes),
    onError: (error) => errors.push(error),
    ...options.serving,
  });
  const connect = async (events: ChannelEvents): Promise<Link> => {
    await rig.gate;
    if (rig.unreachable) throw new Error("nobody is there");
    let queued = false;
    const wake = (): void => {
      if (queued) return;
      queued = true;
      setImmediate(() => {
        queued = false;
        exchange(client, server);
      });
    };
    const client = new Connection(
      { role: "client", listener: listening(events, wake), limits: options.clientLimits ?? {} },
      performance.now(),
    );
    // The session knows its connection, which is made with it.
    const late: { session?: Session } = {};
    const session = (): Session => late.session ?? fail();
    const server: Connection = new Connection(
      {
        role: "server",
        limits: options.serverLimits ?? {},
        listener: {
          request: (stream, headers) => session().request(stream, headers),
          ready: () => {},
          available: () => {},
          draining: () => {},
          closed: () => {},
          wake,
        },
      },
      performance.now(),
    );
    late.session = new Session(server, { address: "in process", certificate: undefined }, serving);
    connections.push(server);
    clientConnections.push(client);
    wake();
    return { connection: client, flush: wake };
  };
  const client = new GrpcClient({ host: "localhost", port: 1, connect, ...options.client });
  const rig: InProcess = { client, connections, clientConnections, errors, unreachable: false, gate: undefined };
  return rig;
}

const listening = (events: ChannelEvents, wake: () => void) => ({
  request: events.request,
  ready: events.ready,
  available: events.available,
  draining: events.draining,
  closed: events.closed,
  wake,
});

/** Carries bytes until neither has anything to say. */
function exchange(one: Connection, other: Connection): void {
  for (;;) {
    const forth = carry(one, other);
    const back = carry(other, one);
    if (!forth && !back) break;
  }
  if (one.closed !== undefined && other.closed === undefined) other.lost("the other side has closed");
  if (other.closed !== undefined && one.closed === undefined) one.lost("the other side has closed");
}

function carry(from: Connection, to: Connection): boolean {
  const chunks = from.take();
  for (const chunk of chunks) to.receive(Buffer.from(chunk), performance.now());
  from.flushed(0, performance.now());
  return chunks.length > 0;
}

function fail(): never {
  throw new Error("no session");
}
