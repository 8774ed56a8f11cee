/**
 * How many protocol messages travel in one frame between two nodes. Under load a node sends a peer all that
 * one event-loop turn has produced as one frame; the more in it, the less each message costs.
 */

import { endpointText } from "../cluster.js";
import { readPeerFrameCounts } from "./cluster-client.js";
import { load, progress, type SuiteOptions, type SuiteResult, withCluster } from "./context.js";

export async function frames(options: SuiteOptions): Promise<SuiteResult> {
  return withCluster(options, async (_cluster, nodes) => {
    const { seconds, keys } = options;
    await load(options, nodes, { inFlight: options.inFlight, seconds: 2, gets: 0.5, keys, preload: true });
    const found: {
      inFlight: number;
      node: string;
      frames: number;
      messages: number;
      perFrame: number;
      perCall: number;
    }[] = [];
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
        });
      });
    }
    const rows = found.map((f) => [
      `${f.inFlight}`,
      f.node,
      `${f.frames}`,
      `${f.messages}`,
      f.perFrame.toFixed(1),
      f.perCall.toFixed(2),
    ]);
    return {
      tables: [
        {
          title: `messages per peer frame, GET and PUT half and half, ${seconds} s each`,
          head: ["in flight", "node", "frames", "messages", "messages/frame", "messages/call"],
          rows: rows.length > 0 ? rows : [["-", "-", "not exposed", "not exposed", "-", "-"]],
        },
      ],
      notes:
        rows.length > 0 ? ["idle traffic such as heartbeats is in it"] : ["the nodes do not expose their frame counts"],
      figures: found,
    };
  });
}
