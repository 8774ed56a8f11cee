/** Runs a table of routes on our own gRPC. */
import { lookup } from "node:dns/promises";
import { GrpcServer, type GrpcServerOptions } from "../../grpc/server/server.js";
import { hostAndPort } from "../naming/addresses.js";

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT");

/** A name may stand for several addresses, as localhost does: the port is served at all of them. */
export class LeanServer {
  private servers: GrpcServer[] = [];

  constructor(private readonly options: GrpcServerOptions) {}

  /** Resolves with the port taken. */
  async listen(address: string): Promise<number> {
    const { host, port } = hostAndPort(address);
    const found = await lookup(host, { all: true });
    let taken = port;
    let failure: unknown = new Error(`${host} has no address`);
    for (const { address: ip } of found) {
      const server = new GrpcServer(this.options);
      try {
        taken = await server.listen(taken, ip);
        this.servers.push(server);
      } catch (error) {
        failure = error;
        // This machine may be without IPv6; a port that another program has is not served by half.
        if (isMissing(error)) continue;
        this.forceShutdown();
        throw error;
      }
    }
    if (this.servers.length > 0) return taken;
    throw failure;
  }

  /** Takes no more connections; resolves when all calls have ended. */
  async shutdown(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close(0)));
  }

  forceShutdown(): void {
    for (const server of this.servers) server.destroy();
  }
}
