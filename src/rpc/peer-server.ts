/** The peer port: founding and the streams between nodes, and nothing for clients. */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import type { FoundRequest, FoundResponse } from "../../gen/ts/onar/replication/v1/replication.js";
import { AssertionError } from "../base/assert.js";
import { acceptingStreams, type FrameEvents, type FrameStream } from "./frame-stream.js";
import { connectMethod, PEER_CHANNEL_OPTIONS, peerService } from "./peer-service.js";

export interface PeerHandlers {
  found(request: FoundRequest): Promise<FoundResponse>;
  connect(stream: FrameStream): FrameEvents;
}

export function makePeerServer(handlers: PeerHandlers): Server {
  const interceptors = [acceptingStreams(connectMethod.path, (stream) => handlers.connect(stream))];
  const server = new Server({ ...PEER_CHANNEL_OPTIONS, interceptors });
  server.addService(peerService, {
    connect: () => {
      throw new AssertionError("a stream of frames was not taken from grpc-js");
    },
    found: (call: ServerUnaryCall<FoundRequest, FoundResponse>, callback: sendUnaryData<FoundResponse>) => {
      handlers.found(call.request).then(
        (response) => callback(null, response),
        () => callback({ code: status.INVALID_ARGUMENT, details: "the request cannot be read" }),
      );
    },
  });
  return server;
}

/** Resolves with the port taken; rejects with a sentence. */
export function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error !== null) reject(error);
      else resolve(port);
    });
  });
}
