/** The generated client for the questions that the suites ask about a cluster. */

import { type Channel, createChannel, createClient } from "nice-grpc";
import {
  type LocateResponse,
  type ReconfigurationServiceClient,
  ReconfigurationServiceDefinition,
} from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { endpointText } from "../cluster.js";
import type { Endpoint } from "../load/options.js";

export interface ClusterClient {
  readonly calls: ReconfigurationServiceClient;
  close(): void;
}

export function connectTo(endpoint: Endpoint): ClusterClient {
  const channel: Channel = createChannel(endpointText(endpoint));
  return { calls: createClient(ReconfigurationServiceDefinition, channel), close: () => channel.close() };
}

/** Where the writer of a key is now: its partition and the client endpoint of its node; undefined when unknown. */
export async function locateWriter(
  client: ClusterClient,
  key: Buffer,
): Promise<{ partition: number; address: string } | undefined> {
  const answer: LocateResponse = await client.calls.locate(
    { target: { $case: "key", value: key }, keySpace: "" },
    { signal: AbortSignal.timeout(5000) },
  );
  const writer = answer.replicas.find((member) => member.id === answer.writerNodeId);
  return writer === undefined ? undefined : { partition: answer.partition, address: writer.clientAddress };
}

/** The partitions that a node says it is the writer of. */
export async function officesOf(endpoint: Endpoint): Promise<ReadonlySet<number>> {
  const client = connectTo(endpoint);
  try {
    const { header, partitions } = await client.calls.status({ partitions: [] }, { signal: AbortSignal.timeout(5000) });
    return new Set(partitions.flatMap((one) => (one.writerNodeId === header?.nodeId ? [one.partition] : [])));
  } finally {
    client.close();
  }
}

/** The bytes that a node has exchanged with its peers since it started. */
export interface PeerFrameCounts {
  /** gRPC messages on peer streams, each with everything that one event-loop turn produced. */
  readonly frames: number;
  /** Protocol messages inside them. */
  readonly messages: number;
}

export async function readPeerFrameCounts(endpoint: Endpoint): Promise<PeerFrameCounts> {
  const client = connectTo(endpoint);
  try {
    const status = await client.calls.status({ partitions: [] }, { signal: AbortSignal.timeout(5000) });
    return { frames: Number(status.peerFrames), messages: Number(status.peerMessages) };
  } finally {
    client.close();
  }
}
