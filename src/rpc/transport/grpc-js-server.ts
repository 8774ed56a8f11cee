/** Runs a table of routes on grpc-js, which is the reference for our own gRPC. */
import {
  type ConnectionInjector,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerInterceptor,
  type ServerOptions,
} from "@grpc/grpc-js";
import { AssertionError } from "../../base/assert.js";
import { methodKindOf, type Route, type RouteTable } from "../../grpc/server/route.js";
import { GrpcError } from "../../grpc/status.js";
import { toBuffer } from "../../wire/bytes.js";
import { GrpcJsCall, type GrpcJsServing, type Incoming, runRoute } from "./grpc-js-call.js";
import { GrpcJsConversation } from "./grpc-js-conversation.js";
import { judgeHeads } from "./grpc-js-heads.js";
import { interceptingCall, judgeFlags, takingCall } from "./taken-call.js";

export interface GrpcJsServerOptions extends GrpcJsServing {
  readonly table: RouteTable;
  readonly maxRequestBytes: number;
  /** Options of grpc-js, by their names. */
  readonly channel: ServerOptions;
}

export function grpcJsServer(options: GrpcJsServerOptions): Server {
  const { table, maxRequestBytes, channel } = options;
  const server = new Server({
    ...channel,
    "grpc.max_receive_message_length": maxRequestBytes,
    // Nobody reads these books, and each call would be entered in them.
    "grpc.enable_channelz": 0,
    interceptors: [serving(options)],
  });
  judgeHeads(server, table);
  const routes = [...table];
  server.addService(
    Object.fromEntries(routes.map((route) => [route.path, definitionOf(route)])),
    Object.fromEntries(routes.map((route) => [route.path, registered])),
  );
  return server;
}

/** Serves connections that somebody else has accepted. */
export const injectorOf = (server: Server): ConnectionInjector =>
  server.createConnectionInjector(ServerCredentials.createInsecure());

/** Resolves with the port taken. */
export function listen(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

/** grpc-js asks for a handler of each method. The interceptor serves before it comes to that. */
const registered = (): never => {
  throw new AssertionError("a call of a route came to grpc-js");
};

function definitionOf(route: Route): MethodDefinition<unknown, unknown> {
  const kind = methodKindOf(route);
  return {
    path: route.path,
    requestStream: kind === "client-streaming" || kind === "bidirectional",
    responseStream: kind === "server-streaming" || kind === "bidirectional",
    requestSerialize: registered,
    responseDeserialize: registered,
    requestDeserialize: (bytes) => decoded(route, bytes),
    responseSerialize: (message) => (route.kind === "conversation" ? registered() : toBuffer(route.encode(message))),
  };
}

/** A refusal in place of the message: grpc-js knows no way to refuse one with details. */
function decoded(route: Route, bytes: Buffer): unknown {
  try {
    return route.decode(bytes);
  } catch (error) {
    if (error instanceof GrpcError) return error;
    throw error;
  }
}

const serving =
  (options: GrpcJsServerOptions): ServerInterceptor =>
  ({ path }, intercepted) => {
    const route = options.table.find(path);
    if (route === undefined) throw new AssertionError(`grpc-js serves ${path}, which is no route`);
    const call = interceptingCall(intercepted);
    if (route.kind === "conversation") {
      return takingCall(call, (taken) => {
        const conversation = new GrpcJsConversation(route, taken, options, options.maxRequestBytes);
        return () => conversation.call.cancelled();
      });
    }
    judgeFlags(call);
    const { start } = call;
    // The listener given here is grpc-js' way to the registered handler, which is not taken.
    call.start = () => {
      let running: { readonly call: GrpcJsCall; readonly incoming: Incoming } | null = null;
      start.call(call, {
        onReceiveMetadata: (metadata) => {
          const own = new GrpcJsCall(route, call, metadata, options);
          running = { call: own, incoming: runRoute(route, own, () => call.startRead()) };
        },
        onReceiveMessage: (message: unknown) => running?.incoming.message(message),
        onReceiveHalfClose: () => running?.incoming.end(),
        // Comes at the end of every call.
        onCancel: () => running?.call.cancelled(),
      });
    };
    return call;
  };
