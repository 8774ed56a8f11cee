/**
 * A real cluster on this machine: `onar cluster`, which starts one process per node.
 *
 * The contract with it: before the line that begins with `ready` it prints, for every node, the line
 * `node N pid P client HOST:PORT peer HOST:PORT`; SIGTERM ends all of them.
 */

import { createServer } from "node:net";
import { type Endpoint, parseEndpoint } from "./load/options.js";
import { startChild } from "./process/child.js";
import { argumentsOf, startTicksOf } from "./process/procfs.js";

export interface ClusterNode {
  readonly number: number;
  readonly pid: number;
  readonly client: Endpoint;
}

export interface Cluster {
  readonly nodes: readonly ClusterNode[];
  /** SIGKILL, to this one process. */
  kill(node: ClusterNode): void;
  /** Ends all; none is left when this has resolved. */
  stop(): Promise<void>;
}

const START_LIMIT_MS = 30_000;
/** `onar cluster` puts the peer ports this far above the client ports. */
export const PEER_PORT_OFFSET = 100;

/**
 * `program`: the compiled onar program. Ports are chosen among free ones. `args`: further ones of `onar cluster`.
 * `variables`: of its environment, except settings of nodes. `onar cluster` does not pass those on.
 */
export async function startCluster(
  program: string,
  nodeCount: number,
  args: readonly string[] = ["--memory"],
  variables: Readonly<Record<string, string>> = {},
): Promise<Cluster> {
  const basePort = await freeBasePort(nodeCount);
  const child = await startChild(
    [program, "cluster", "--nodes", `${nodeCount}`, "--base-port", `${basePort}`, ...args],
    START_LIMIT_MS,
    variables,
  );
  const nodes = child.lines.flatMap(parseNodeLine).toSorted((a, b) => a.number - b.number);
  if (nodes.length !== nodeCount) {
    await child.stop();
    throw new Error(
      `expected ${nodeCount} lines "node N pid P client HOST:PORT …", got ${nodes.length}:\n${child.lines.join("\n")}`,
    );
  }
  const born = new Map(nodes.map((node) => [node.pid, startTicksOf(node.pid)]));
  const kill = (node: ClusterNode): void => {
    // Gone already, or another process that got its id later: not ours to kill.
    const ticks = startTicksOf(node.pid);
    if (ticks !== undefined && ticks === born.get(node.pid)) process.kill(node.pid, "SIGKILL");
  };
  const killAll = (): void => {
    for (const node of nodes) kill(node);
  };
  process.on("exit", killAll);
  return {
    nodes,
    kill,
    stop: async () => {
      await child.stop();
      // Only what a stuck or killed parent has left behind.
      killAll();
      process.off("exit", killAll);
    },
  };
}

/** The node that a line of `onar cluster` tells about; empty for other lines. */
export function parseNodeLine(line: string): ClusterNode[] {
  const match = /^node (\d+) pid (\d+) client (\S+) peer \S+/.exec(line);
  return match === null
    ? []
    : [{ number: Number(match[1]), pid: Number(match[2]), client: parseEndpoint(match[3] ?? "") }];
}

/** The setting that this process of a node was started with; undefined: none, or the process is gone. */
export function settingOf({ pid }: ClusterNode, flag: string): string | undefined {
  const words = argumentsOf(pid);
  const at = words.indexOf(flag);
  return at < 0 ? undefined : words[at + 1];
}

export function endpointText(endpoint: Endpoint): string {
  return `${endpoint.host}:${endpoint.port}`;
}

let nextBasePort = 21_000 + (process.pid % 50) * 200;

/** A port such that it, its followers and their peer ports are free now, below the ports that the kernel gives out. */
export async function freeBasePort(count: number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const base = nextBasePort;
    nextBasePort = nextBasePort >= 31_800 ? 21_000 : nextBasePort + 200;
    const ports = Array.from({ length: count }, (_, i) => [base + i, base + PEER_PORT_OFFSET + i]).flat();
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw new Error("no free ports for a cluster");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
