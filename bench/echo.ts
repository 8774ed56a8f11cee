/**
 * The baseline: what nice-grpc on @grpc/grpc-js answers at most. Get and Put of KeyValueService with answers
 * made once, at the start; no store, no look at the request beyond decoding it, no middleware.
 *
 * usage: echo [--listen HOST:PORT]   (127.0.0.1:0: any free port). Prints `ready HOST:PORT`; SIGINT or
 * SIGTERM ends it at once.
 */

import { parseArgs } from "node:util";
import { createServer } from "nice-grpc";
import { Consistency, type Header } from "../gen/ts/onar/kv/v1/common.js";
import { type GetResponse, KeyValueServiceDefinition, type PutResponse } from "../gen/ts/onar/kv/v1/kv.js";

const { get, put } = KeyValueServiceDefinition.methods;
/** The two methods that the load calls. */
const EchoDefinition = { ...KeyValueServiceDefinition, methods: { get, put } } as const;

const header: Header = {
  clusterId: Buffer.alloc(16, 0xc1),
  nodeId: 0x1234_5678,
  viewEpoch: 1n,
  revision: { partition: 17, revision: 100_000n },
  groupEpoch: 1n,
  writerNodeId: 0x1234_5678,
};
const getResponse: GetResponse = {
  header,
  entry: { value: Buffer.alloc(100, "v"), version: 100_000n },
  consistency: Consistency.LINEARIZABLE,
};
const putResponse: PutResponse = { header, version: 100_000n };

const { values } = parseArgs({ options: { listen: { type: "string", default: "127.0.0.1:0" } } });

const server = createServer();
server.add(EchoDefinition, {
  get: async () => getResponse,
  put: async () => putResponse,
});
const port = await server.listen(values.listen);
process.stdout.write(`ready ${values.listen.replace(/:\d+$/, "")}:${port}\n`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    server.forceShutdown();
    process.exit(0);
  });
}
