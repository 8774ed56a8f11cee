/** Starts a node, with an argument one that sends traces there, and prints what of @opentelemetry is loaded then. */
import { createRequire } from "node:module";
import { startNode } from "../../../src/index.js";

const [traceEndpoint] = process.argv.slice(2);
const node = await startNode({
  listen: "127.0.0.1:0",
  peerListen: "127.0.0.1:0",
  metricsListen: "127.0.0.1:0",
  expect: 1,
  memory: true,
  ...(traceEndpoint === undefined ? {} : { traceEndpoint, traceSample: 0 }),
});
await node.serving;
const client = node.client();
await client.put("k", "v");
const files = Object.keys(createRequire(import.meta.url).cache);
const names = files.flatMap((file) => /node_modules\/@opentelemetry\/([^/]+)\//.exec(file)?.[1] ?? []);
await node.close({ drain: false });
process.stdout.write(JSON.stringify([...new Set(names)]));
process.exit(0);
