/** The parts of a node that its configuration names: its directory, the cluster's secret, and traces. */
import type { NodeConfig } from "../config/config.js";
import type { NodeId } from "../core/model/ids.js";
import { loadTraces } from "../observe/traces/load-traces.js";
import type { Traces } from "../observe/traces/traces.js";
import { type ClusterSecret, NO_SECRET, SecretOfFile } from "../rpc/peers/cluster-secret.js";
import { LoopLoad } from "../rpc/peers/loop-load.js";
import { diskHome, type Home, type HomeEvents, isForPeople, memoryHome } from "../storage/home.js";
import { version } from "../version.js";
import { StartError } from "./agreement.js";
import { outlastingShortage } from "./descriptors.js";
import type { ServerEvents } from "./running-server.js";

export function secretOf({ clusterSecretFile }: NodeConfig, events: ServerEvents): ClusterSecret {
  if (clusterSecretFile === null) return NO_SECRET;
  const { label, path } = clusterSecretFile;
  return new SecretOfFile(label, path, (text) => events.notice(text));
}

export async function tracesOf({ traces }: NodeConfig, events: ServerEvents, node: NodeId): Promise<Traces | null> {
  if (traces === null) return null;
  return loadTraces({ ...traces, node, version, notice: (text, facts) => events.notice(text, facts) });
}

export async function homeOf(config: NodeConfig, events: HomeEvents): Promise<Home> {
  if (config.storage === "memory") return memoryHome();
  try {
    const load = new LoopLoad();
    const shortOfTime = (): boolean => load.busy(performance.now());
    const { data: path, storageMemory: memoryMib } = config;
    return await outlastingShortage(
      () => diskHome({ path, memoryMib, shortOfTime, events }),
      (text) => events.notice(text),
    );
  } catch (error) {
    if (isForPeople(error)) throw new StartError(`--data: ${error.message}`);
    throw error;
  }
}
