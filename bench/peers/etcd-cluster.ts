/** Three etcd on this machine, each with data on disk, as it is set when nothing is said. */

import { endpointText, freeBasePort, PEER_PORT_OFFSET } from "../cluster.js";
import { type Child, startProgram } from "../process/child.js";
import type { Target } from "../suites/context.js";

const HOST = "127.0.0.1";
const START_LIMIT_MS = 30_000;

export interface PeerCluster extends Target {
  /** The endpoint of the one that decides for the key. */
  writerOf(key: Buffer): Promise<string>;
  stop(): Promise<void>;
}

export async function startEtcd(program: string, count: number, folder: string): Promise<PeerCluster> {
  const basePort = await freeBasePort(count);
  const members = Array.from({ length: count }, (_, i) => ({
    name: `n${i + 1}`,
    client: `http://${HOST}:${basePort + i}`,
    peer: `http://${HOST}:${basePort + PEER_PORT_OFFSET + i}`,
  }));
  const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(",");
  const children: Omit<Child, "lines">[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.stop()));
  };
  const starting = members.map(async ({ name, client, peer }) => {
    const args = [
      ...["--name", name, "--data-dir", `${folder}/${name}`, "--log-level", "error"],
      ...["--listen-client-urls", client, "--advertise-client-urls", client],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ...["--initial-cluster", cluster, "--initial-cluster-state", "new"],
    ];
    children.push(await startProgram(program, args, () => isHealthy(client), START_LIMIT_MS));
  });
  const failed = (await Promise.allSettled(starting)).find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return {
    endpoints: members.map((_, i) => ({ host: HOST, port: basePort + i })),
    pids: children.map(({ pid }) => pid),
    connections: 1,
    writerOf: async () => {
      for (const [i, { client }] of members.entries()) {
        if (await leads(client)) return endpointText({ host: HOST, port: basePort + i });
      }
      throw new Error("etcd has no leader");
    },
    stop,
  };
}

async function isHealthy(client: string): Promise<boolean> {
  const answer = await fetch(`${client}/health`, { signal: AbortSignal.timeout(1000) });
  return /"health":"true"/.test(await answer.text());
}

async function leads(client: string): Promise<boolean> {
  const answer = await fetch(`${client}/v3/maintenance/status`, { method: "POST", body: "{}" });
  const text = await answer.text();
  const own = /"member_id":"(\d+)"/.exec(text)?.[1];
  return own !== undefined && own === /"leader":"(\d+)"/.exec(text)?.[1];
}
