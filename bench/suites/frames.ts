/**
 * How many protocol messages travel in one frame between two nodes. Under load a node sends a peer all that one
 * event-loop turn has produced as one frame. The more is in it, the less each message costs.
 */

import { endpointText } from "../cluster.js";
import { readPeerFrameCounts } from "./cluster-client.js";
import { load, progress, type SuiteOptions, type SuiteResult, serverMicros, withCluster } from "./context.js";
import { tableOf } from "./table.js";

interface Sent {
  readonly inFlight: number;
  /** Its client endpoint. */
  readonly node: string;
  readonly frames: number;
  readonly messages: number;
  readonly perFrame: number;
  readonly perCall: number;
  /** Sums over all nodes. */
  readonly callsPerSecond: number;
  readonly serverMicros: number;
}

export async function frames(options: SuiteOptions): Promise<SuiteResult> {
  return withCluster(options, async (_cluster, nodes) => {
    const { seconds, keys } = options;
    await load(options, nodes, { inFlight: options.inFlight, seconds: 2, gets: 0.5, keys, preload: true });
    const found: Sent[] = [];
    const read = () => Promise.all(nodes.endpoints.map(readPeerFrameCounts));
    for (const inFlight of [1, options.inFlight, 4 * options.inFlight]) {
      progress(`frames: ${inFlight} in flight`);
      const before = await read();
      const report = await load(options, nodes, { inFlight, seconds, gets: 0.5, keys, warmUpSeconds: 0 });
      const after = await read();
      nodes.endpoints.forEach((endpoint, i) => {
        const from = before[i];
        const to = after[i];
        if (from === undefined || to === undefined) return;
        const sent = { frames: to.frames - from.frames, messages: to.messages - from.messages };
        found.push({
          inFlight,
          node: endpointText(endpoint),
          ...sent,
          perFrame: sent.messages / Math.max(1, sent.frames),
          perCall: sent.messages / Math.max(1, report.operations),
          callsPerSecond: report.operationsPerSecond,
          serverMicros: serverMicros(report),
        });
      });
    }
    return {
      tables: [
        tableOf(`messages per peer frame, GET and PUT half and half, ${seconds} s each`, found, [
          ["in flight", (f) => `${f.inFlight}`],
          ["node", (f) => f.node],
          ["frames", (f) => `${f.frames}`],
          ["messages", (f) => `${f.messages}`],
          ["messages/frame", (f) => f.perFrame.toFixed(1)],
          ["messages/call", (f) => f.perCall.toFixed(2)],
          ["calls/s", (f) => f.callsPerSecond.toFixed(0)],
          ["server CPU µs/call", (f) => f.serverMicros.toFixed(1)],
        ]),
      ],
      notes: ["idle traffic such as heartbeats is in it"],
      figures: found,
    };
  });
}
