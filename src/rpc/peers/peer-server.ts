/**
 * The peer port: founding and the streams between nodes, and nothing for clients. Its connections are accepted here and handed to grpc-js, so
 * that those of strangers can be counted and closed (admission.ts).
 */
import { createServer, type Server as NetServer } from "node:net";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { AssertionError } from "../../base/assert.js";
import { hostAndPort } from "../naming/addresses.js";
import type { Admission } from "./admission.js";
import { acceptingStreams, type FrameEvents, type FrameStream } from "./frame-stream.js";
import { connectMethod, foundMethod, PEER_CHANNEL_OPTIONS } from "./peer-service.js";

export interface PeerHandlers {
  /** One call of founding: request and answer as bytes, since proofs are over them. */
  found(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void;
  connect(stream: FrameStream): FrameEvents;
}

/** Calls that one connection may have under way: members need two. */
const MAX_CALLS = 8;

export class PeerServer {
  private readonly server: Server;
  private readonly port: NetServer;

  constructor(
    handlers: PeerHandlers,
    private readonly admission: Admission,
  ) {
    const connect = (stream: FrameStream): FrameEvents => handlers.connect(stream);
    const interceptors = [acceptingStreams(connectMethod.path, connect, (remote) => admission.known(remote))];
    this.server = new Server({ ...PEER_CHANNEL_OPTIONS, "grpc.max_concurrent_streams": MAX_CALLS, interceptors });
    this.server.addService(
      { connect: connectMethod, found: foundMethod },
      {
        connect: () => {
          throw new AssertionError("a stream of frames was not taken from grpc-js");
        },
        found: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => handlers.found(call, answer),
      },
    );
    const injector = this.server.createConnectionInjector(ServerCredentials.createInsecure());
    this.port = createServer((socket) => {
      if (!socket.destroyed) admission.opened(socket);
      if (!socket.destroyed) injector.injectConnection(socket);
    });
  }

  /** Resolves with the port taken; rejects with an error. */
  listen(address: string): Promise<number> {
    const { host, port } = hostAndPort(address);
    return new Promise((resolve, reject) => {
      this.port.once("error", reject);
      this.port.listen(port, host, () => {
        this.port.off("error", reject);
        // Accepting fails while descriptors are short; the next connection is accepted again.
        this.port.on("error", () => {});
        const taken = this.port.address();
        resolve(taken === null || typeof taken === "string" ? port : taken.port);
      });
    });
  }

  /** At once, whatever is under way. */
  close(): void {
    this.port.close();
    this.server.forceShutdown();
    this.admission.close();
  }
}
