/** The stores that are measured side by side: three nodes each, all started before the first load. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpointText, startCluster } from "../cluster.js";
import type { DialectName } from "../load/dialects.js";
import { connectTo, locateWriter } from "../suites/cluster-client.js";
import { progress, type SuiteOptions } from "../suites/context.js";
import { build, type PeerName } from "./build.js";
import { type PeerCluster, startEtcd } from "./etcd-cluster.js";
import { startNats } from "./nats-cluster.js";

export const STORES = ["onar", "onar-memory", "etcd", "nats"] as const;
export type StoreName = (typeof STORES)[number];

export interface Store {
  readonly name: StoreName;
  readonly dialect: DialectName;
  /** As the tables say it. */
  readonly title: string;
  readonly cluster: PeerCluster;
}

export interface Started {
  readonly stores: readonly Store[];
  /** A line for each store that is left out. */
  readonly skipped: readonly string[];
}

/** Runs `use` beside the stores; ends them and removes their data, whatever happens. */
export async function withStores<T>(
  options: SuiteOptions,
  names: readonly StoreName[],
  use: (started: Started) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "onar-bench-peers-"));
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  // On Ctrl-C nothing else comes.
  process.on("exit", clean);
  const stores: Store[] = [];
  const skipped: string[] = [];
  try {
    for (const name of names) {
      const data = `${folder}/${name}`;
      mkdirSync(data);
      progress(`peers: starting ${name}`);
      const store = await start(options, name, data);
      if (typeof store === "string") skipped.push(`${name} is left out: ${store}`);
      else stores.push(store);
    }
    return await use({ stores, skipped });
  } finally {
    await Promise.all(stores.map(({ cluster }) => cluster.stop()));
    process.off("exit", clean);
    clean();
  }
}

/** The store, or why there is none. */
async function start(options: SuiteOptions, name: StoreName, folder: string): Promise<Store | string> {
  if (name === "onar") {
    const cluster = await startOnar(options, ["--data", folder]);
    return { name, dialect: "onar", title: "Onar", cluster };
  }
  if (name === "onar-memory") {
    const cluster = await startOnar(options, ["--memory"]);
    return { name, dialect: "onar", title: "Onar in memory", cluster };
  }
  const peer: PeerName = name;
  const built = await build(peer);
  if (built.kind === "missing") return built.why;
  const startPeer = peer === "etcd" ? startEtcd : startNats;
  const cluster = await startPeer(built.program, options.nodes, folder);
  const title = `${peer === "etcd" ? "etcd" : "NATS"} ${built.version.slice(1)}`;
  return { name, dialect: peer, title, cluster };
}

async function startOnar(options: SuiteOptions, storage: readonly string[]): Promise<PeerCluster> {
  const { nodes, stop } = await startCluster(options.program, options.nodes, storage);
  const [first] = nodes;
  return {
    endpoints: nodes.map(({ client }) => client),
    pids: nodes.map(({ pid }) => pid),
    connections: 1,
    writerOf: async (key) => {
      if (first === undefined) throw new Error("a cluster without nodes");
      const client = connectTo(first.client);
      try {
        return (await locateWriter(client, key))?.address ?? endpointText(first.client);
      } finally {
        client.close();
      }
    },
    stop,
  };
}
