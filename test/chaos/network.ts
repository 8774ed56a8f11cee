/**
 * The network between the nodes of one cluster: a proxy before every peer port, and rules for every ordered pair of
 * nodes. A connection between two nodes carries both directions, each of which obeys its own rules.
 *
 * TCP itself loses nothing, so a cut has three ends, as in life. *late*: what was said meanwhile arrives once the cut
 * ends. *reset*: it is lost, and the connection is reset when the cut ends. *silent*: it is lost, and nobody is told;
 * the connection stays dead (as when a firewall forgot it), and only a new one works.
 */
import { connect, createServer, type Server } from "node:net";
import { HOST } from "../e2e/harness.js";
import { Connection } from "./connection.js";

export type Ending = "late" | "reset" | "silent";

/** The effects of a fault on every direction that it is laid on; `touched` counts the pieces of traffic that met it. */
export type Rule =
  | { readonly kind: "cut"; readonly ending: Ending; touched: number }
  | { readonly kind: "delay"; readonly delayMs: number; touched: number };

/** From one node to another, by index. */
export type Direction = readonly [from: number, to: number];

export class Network {
  private readonly rules = new Map<string, Set<Rule>>();
  private readonly connections = new Set<Connection>();
  private readonly servers: Server[] = [];
  /** Index by node id; empty until the nodes have introduced themselves. */
  private indexes: ReadonlyMap<number, number> = new Map();

  /** Resolves with the address of a proxy before the port of the node with this index. */
  before(port: number, node: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const server = createServer((dialing) => {
        const connection = new Connection(dialing, connect(port, HOST), {
          rules: (dialer, answers) => this.rulesOf(dialer, node, answers),
          ended: () => this.connections.delete(connection),
          target: node,
        });
        this.connections.add(connection);
      });
      this.servers.push(server);
      server.once("error", reject);
      server.listen(0, HOST, () => {
        const address = server.address();
        if (address === null || typeof address === "string") return reject(new Error("no port"));
        resolve(`${HOST}:${address.port}`);
      });
    });
  }

  /** The ids of the nodes by index. Only now can rules tell them apart. */
  introduce(ids: readonly number[]): void {
    this.indexes = new Map(ids.map((id, index) => [id, index]));
  }

  lay(rule: Rule, on: readonly Direction[]): void {
    for (const direction of on) {
      const key = String(direction);
      const rules = this.rules.get(key);
      if (rules === undefined) this.rules.set(key, new Set([rule]));
      else rules.add(rule);
    }
  }

  lift(rule: Rule): void {
    for (const rules of this.rules.values()) rules.delete(rule);
    for (const connection of [...this.connections]) {
      if (rule.kind === "cut" && rule.ending === "reset" && connection.lostTo(rule)) connection.reset();
      else connection.pump();
    }
  }

  /** Resets the connections of these pairs; how many there were. */
  reset(pairs: readonly Direction[]): number {
    const keys = new Set(pairs.flatMap(([a, b]) => [String([a, b]), String([b, a])]));
    let count = 0;
    for (const connection of [...this.connections]) {
      const dialer = this.indexes.get(connection.dialer ?? 0);
      if (dialer === undefined || !keys.has(String([dialer, connection.target]))) continue;
      connection.reset();
      count++;
    }
    return count;
  }

  async stop(): Promise<void> {
    const closed = this.servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const connection of [...this.connections]) connection.reset();
    await Promise.all(closed);
  }

  /** The messages of the dialing node to the target, or the target's answers. */
  private rulesOf(dialerId: number, target: number, answers: boolean): ReadonlySet<Rule> | undefined {
    const dialer = this.indexes.get(dialerId);
    if (dialer === undefined) return undefined;
    return this.rules.get(String(answers ? [target, dialer] : [dialer, target]));
  }
}
