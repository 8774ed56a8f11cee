/**
 * The peer port: founding and the streams between nodes, and nothing for clients. Connections of strangers are counted
 * and closed (admission.ts).
 */
import type { Call } from "../../grpc/server/call.js";
import { RouteTable } from "../../grpc/server/route.js";
import { GrpcServer } from "../../grpc/server/server.js";
import { hostAndPort } from "../naming/addresses.js";
import type { LimitCounts } from "../transport/limit-counts.js";
import { connectRoute } from "./accepted-stream.js";
import { type Admission, MAX_STRANGER_BYTES, STRANGER_MS } from "./admission.js";
import type { FrameEvents, FrameStream } from "./frame-stream.js";
import { asBytes, FOUND_PATH, MAX_FRAME_BYTES, PEER_LIMITS, peerTiming } from "./peer-service.js";

export interface PeerHandlers {
  /** One call of founding: request and answer as bytes, since proofs are over them. Rejects with a GrpcError. */
  found(request: Buffer, call: Call): Promise<Buffer>;
  connect(stream: FrameStream): FrameEvents;
}

/** A frame of each other node may be on its way, and not be there as a whole. */
const MAX_GATHERED_BYTES = 32 * MAX_FRAME_BYTES;

export class PeerServer {
  private readonly server: GrpcServer;

  constructor(
    handlers: PeerHandlers,
    private readonly admission: Admission,
    counts: LimitCounts,
  ) {
    const known = (remote: string): void => admission.known(remote);
    this.server = new GrpcServer({
      table: new RouteTable([
        connectRoute((stream) => handlers.connect(stream), known),
        {
          path: FOUND_PATH,
          kind: "unary",
          maxRequestBytes: ({ address }) => (admission.isStranger(address) ? MAX_STRANGER_BYTES : MAX_FRAME_BYTES),
          decode: asBytes,
          encode: asBytes,
          handle: (request: Buffer, call: Call) => handlers.found(request, call),
        },
      ]),
      onLimit: (limit) => counts.count(limit),
      limits: PEER_LIMITS,
      timing: peerTiming(STRANGER_MS),
      maxConnectionGatheredBytes: 2 * MAX_FRAME_BYTES,
      maxGatheredBytes: MAX_GATHERED_BYTES,
      admit: (socket) => {
        admission.opened(socket);
        return !socket.destroyed;
      },
      // Nothing but a defect of this node: a peer's mistake is a status, or a refusal.
      onError: (error) => {
        throw error;
      },
    });
  }

  /** Resolves with the port taken; rejects with an error. */
  listen(address: string): Promise<number> {
    const { host, port } = hostAndPort(address);
    return this.server.listen(port, host);
  }

  /** At once, whatever is under way. */
  close(): void {
    this.server.destroy();
    this.admission.close();
  }
}
