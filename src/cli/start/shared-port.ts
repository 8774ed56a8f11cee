/**
 * One port for several processes. The supervisor accepts, and hands each connection to one that serves: the one that
 * was given fewest of late. A process that starts, drains or has lost its group gets none while another one serves.
 */
import { createServer, type Server, type Socket } from "node:net";
import { listenAtEach } from "../../rpc/naming/listening.js";

/** Connections on their way to one process: beyond that it does not take them, and they are closed. */
const MAX_HANDED = 1_024;

/** Whoever takes connections. */
export interface Taker {
  /** Its health, as it says itself. */
  readonly serves: boolean;
  /** Connections on their way to it. */
  readonly handed: number;
  hand(socket: Socket): void;
}

export class SharedPort {
  private readonly servers: Server[] = [];
  private turn = 0;

  /** `takers`: those that run, in a constant order. */
  constructor(private readonly takers: () => readonly Taker[]) {}

  async listen(address: string): Promise<void> {
    try {
      await listenAtEach(address, (port, ip) => this.listenAt(port, ip));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Takes no more connections; those that were handed over stay. */
  close(): void {
    for (const server of this.servers.splice(0)) server.close();
  }

  private listenAt(port: number, ip: string): Promise<number> {
    // Not a byte is read here: what the client says first belongs to who gets the connection.
    const server = createServer({ pauseOnConnect: true }, (socket) => this.pass(socket));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, ip, () => {
        server.off("error", reject);
        // Out of file descriptors: the connection is lost, the port is not.
        server.on("error", () => {});
        this.servers.push(server);
        resolve(port);
      });
    });
  }

  private pass(socket: Socket): void {
    socket.on("error", () => {});
    const taker = nextOf(this.takers(), this.turn++);
    if (taker === null) socket.destroy();
    else taker.hand(socket);
  }
}

/**
 * In turn among those that serve and have fewest on the way. If nobody serves, one that runs says so itself, by its
 * health and by errors that clients know; null if none can take it.
 */
export function nextOf(takers: readonly Taker[], turn: number): Taker | null {
  const serving = takers.filter(({ serves }) => serves);
  const able = (serving.length > 0 ? serving : takers).filter(({ handed }) => handed < MAX_HANDED);
  const fewest = Math.min(...able.map(({ handed }) => handed));
  const best = able.filter(({ handed }) => handed === fewest);
  return best[turn % Math.max(1, best.length)] ?? null;
}
