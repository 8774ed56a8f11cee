/** The nodes of one fake case: as many as it wants, of the kinds it wants. */
import { createServer as createWebServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import type { Case, NodeKind } from "./case.js";
import { FakeNode } from "./node.js";
import { Script } from "./script.js";

const HOST = "127.0.0.1";
export const CLUSTER_ID = Buffer.alloc(16, 0x0a);
export const OTHER_CLUSTER_ID = Buffer.alloc(16, 0x0b);

export class FakeCluster {
  private constructor(
    readonly endpoints: readonly string[],
    readonly script: Script,
    private readonly closers: readonly (() => void)[],
  ) {}

  static async start(definition: Case): Promise<FakeCluster> {
    const script = new Script(definition);
    const kinds = definition.nodes ?? ["node", "node", "node"];
    const nodes: FakeNode[] = [];
    const closers: (() => void)[] = [];
    const endpoints: string[] = [];
    for (const [i, kind] of kinds.entries()) {
      const started = await start(kind, i + 1, script);
      if (started.node !== null) nodes.push(started.node);
      closers.push(started.close);
      endpoints.push(started.address);
    }
    const members = endpoints.flatMap((address, i) =>
      kinds[i] === "foreign" || kinds[i] === "other" ? [] : [{ id: i + 1, address }],
    );
    const views = definition.views?.map((ids) => members.filter(({ id }) => ids.includes(id))) ?? [members];
    for (const node of nodes) {
      const own = members.some(({ address }) => address === node.address);
      node.views = own ? views : [[{ id: 1, address: node.address }]];
    }
    const given = definition.endpoints?.map((number) => endpoints[number - 1] as string) ?? endpoints;
    return new FakeCluster(given, script, closers);
  }

  close(): void {
    for (const close of this.closers) close();
  }
}

interface Started {
  readonly address: string;
  readonly node: FakeNode | null;
  readonly close: () => void;
}

async function start(kind: NodeKind, id: number, script: Script): Promise<Started> {
  if (kind === "node" || kind === "foreign" || kind === "other") {
    const foreign = kind === "foreign";
    const node = new FakeNode({
      id,
      clusterId: foreign ? OTHER_CLUSTER_ID : CLUSTER_ID,
      script,
      foreign,
      other: kind === "other",
    });
    await node.listen();
    return { address: node.address, node, close: () => node.close() };
  }
  // Names that end so exist nowhere (RFC 6761).
  if (kind === "unnamed") return { address: `node-${id}.invalid:4600`, node: null, close: () => {} };
  if (kind === "web") {
    const web = createWebServer((_request, response) => response.end("<p>Welcome</p>"));
    const address = await listen(web);
    return { address, node: null, close: () => web.close(() => {}) };
  }
  // Ports that no program is given by chance, as one would be that was listened at a moment ago.
  if (kind === "refuses") return { address: `${HOST}:${id}`, node: null, close: () => {} };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.resume();
  });
  const address = await listen(server);
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { address, node: null, close };
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      if (address === null || typeof address === "string") return reject(new Error("no port"));
      resolve(`${HOST}:${address.port}`);
    });
  });
}
