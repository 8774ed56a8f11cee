/**
 * Several nodes from one configuration: `--processes N`. The addresses that are given are the first ones. Clients find
 * all of them at `--listen`, which the nodes share. Besides, node i of 1 … N has ports of its own, so that clients that
 * know where a key is served need no forwarding:
 *
 *   clients   the port of --listen + i
 *   peers     the port of --peer-listen + i - 1
 *   metrics   the port of --metrics-listen + i - 1
 *   data      DIR/node<i>
 */
import { hostname } from "node:os";
import { join } from "node:path";
import type { NodeConfig } from "./config.js";
import type { Gathered } from "./gather.js";
import { SettingError } from "./setting-error.js";
import type { NodeSettings } from "./settings.js";
import { type Address, formatAddress, WILDCARDS, zone } from "./values.js";

const MAX_PORT = 65_535;

/** How far the ports of the nodes reach from the one that is given, both ends included. */
const REACH = {
  listen: (processes: number) => ({ text: "clients", from: 0, to: processes }),
  peerListen: (processes: number) => ({ text: "other nodes", from: 0, to: processes - 1 }),
  metricsListen: (processes: number) => ({ text: "metrics", from: 0, to: processes - 1 }),
  advertise: (processes: number) => ({ text: "clients", from: 0, to: processes }),
  peerAdvertise: (processes: number) => ({ text: "other nodes", from: 0, to: processes - 1 }),
} as const;
const LISTENING = ["listen", "peerListen", "metricsListen"] as const;

/** Where other nodes reach each of them. */
export const peersOf = (first: Address, processes: number): readonly string[] =>
  Array.from({ length: processes }, (_, i) => formatAddress({ host: first.host, port: first.port + i }));

/** The nodes of one machine fail together, so that they are one zone if nobody names it. */
export function zoneOfMachine(): string {
  try {
    return zone("the name of this machine", hostname());
  } catch {
    return "this-machine";
  }
}

/** Each node needs ports of its own, which are known before it starts. */
export function portsMustFit(gathered: Gathered<NodeSettings>, processes: number): void {
  const several = `${gathered.label("processes")} ${processes}`;
  for (const key of [...LISTENING, "advertise", "peerAdvertise"] as const) {
    const given = gathered.value(key);
    if (given === undefined) continue;
    const { to, text } = REACH[key](processes);
    if (given.port === 0)
      throw new SettingError(`${gathered.label(key)} must name a port with ${several}; it is ${formatAddress(given)}`);
    if (given.port + to > MAX_PORT) {
      throw new SettingError(
        `${gathered.label(key)} must have a port of at most ${MAX_PORT - to} with ${several}, as ${text} use ${to} above it, too; it is ${given.port}`,
      );
    }
  }
  for (const [i, aKey] of LISTENING.entries()) {
    for (const bKey of LISTENING.slice(i + 1)) {
      const [a, b] = [gathered.value(aKey), gathered.value(bKey)];
      if (a === undefined || b === undefined) continue;
      if (a.host !== b.host && !WILDCARDS.has(a.host) && !WILDCARDS.has(b.host)) continue;
      const [aLast, bLast] = [a.port + REACH[aKey](processes).to, b.port + REACH[bKey](processes).to];
      if (a.port > bLast || b.port > aLast) continue;
      throw new SettingError(
        `the ports of ${gathered.label(aKey)} (${a.port} to ${aLast}) and ${gathered.label(bKey)} (${b.port} to ${bLast}) must not overlap with ${several}`,
      );
    }
  }
}

/** The configuration of node `number` of them, counted from 1. */
export function configOfProcess(config: NodeConfig, number: number): NodeConfig {
  const later = (address: string, ports: number): string => {
    const at = address.lastIndexOf(":") + 1;
    return address === "" ? "" : `${address.slice(0, at)}${Number(address.slice(at)) + ports}`;
  };
  return {
    ...config,
    processes: 1,
    listen: later(config.listen, number),
    advertise: later(config.advertise, number),
    peerListen: later(config.peerListen, number - 1),
    peerAdvertise: later(config.peerAdvertise, number - 1),
    metricsListen: later(config.metricsListen, number - 1),
    data: config.data === "" ? "" : folderOfProcess(config.data, number),
  };
}

export const folderOfProcess = (data: string, number: number): string => join(data, `node${number}`);
