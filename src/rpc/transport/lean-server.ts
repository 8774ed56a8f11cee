/** Runs a table of routes on our own gRPC. */
import type { Socket } from "node:net";
import { GrpcServer, type GrpcServerOptions } from "../../grpc/server/server.js";
import { listenAtEach } from "../naming/listening.js";

export class LeanServer {
  private servers: GrpcServer[] = [];

  constructor(private readonly options: GrpcServerOptions) {}

  /** Resolves with the port taken. */
  async listen(address: string): Promise<number> {
    try {
      return await listenAtEach(address, async (port, ip) => {
        const server = new GrpcServer(this.options);
        const taken = await server.listen(port, ip);
        this.servers.push(server);
        return taken;
      });
    } catch (error) {
      this.forceShutdown();
      throw error;
    }
  }

  /** Serves a connection that somebody else has accepted. */
  take(socket: Socket): void {
    const [server] = this.servers;
    if (server === undefined) socket.destroy();
    else server.take(socket);
  }

  /** Takes no more connections; resolves when all calls have ended. */
  async shutdown(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close(0)));
  }

  forceShutdown(): void {
    for (const server of this.servers) server.destroy();
  }
}
