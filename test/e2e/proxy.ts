/** A TCP proxy before one port: passes bytes, counts them, cuts connections in the middle, swallows answers. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { HOST } from "./harness.js";

export class TcpProxy {
  /**
   * Nothing that the node says reaches the client any more once the client has sent something of which this is true;
   * that still passes.
   */
  swallowAnswersOnce: (sent: Buffer) => boolean = () => false;
  /** A connection is destroyed once it has passed this many bytes, both ways together. */
  cutAfterBytes = Number.POSITIVE_INFINITY;
  cuts = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly address: string,
  ) {}

  static start(target: number): Promise<TcpProxy> {
    return new Promise((resolve, reject) => {
      const server = createServer((client) => proxy.join(client, target));
      let proxy: TcpProxy;
      server.once("error", reject);
      server.listen(0, HOST, () => {
        const address = server.address();
        if (address === null || typeof address === "string") return reject(new Error("no port"));
        proxy = new TcpProxy(server, `${HOST}:${address.port}`);
        resolve(proxy);
      });
    });
  }

  /** Destroys every connection that stands. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  stop(): Promise<void> {
    this.cut();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private join(client: Socket, target: number): void {
    const node = connect(target, HOST);
    let passed = 0;
    let swallowing = false;
    const end = (): void => {
      client.destroy();
      node.destroy();
      this.sockets.delete(client);
      this.sockets.delete(node);
    };
    const pass = (to: Socket, chunk: Buffer): void => {
      passed += chunk.length;
      if (passed > this.cutAfterBytes) {
        this.cuts++;
        to.write(chunk.subarray(0, chunk.length >> 1), end);
      } else to.write(chunk);
    };
    for (const socket of [client, node]) {
      this.sockets.add(socket);
      socket.on("error", end);
      socket.on("close", end);
    }
    client.on("data", (chunk) => {
      swallowing ||= this.swallowAnswersOnce(chunk);
      pass(node, chunk);
    });
    node.on("data", (chunk) => {
      if (!swallowing) pass(client, chunk);
    });
  }
}
