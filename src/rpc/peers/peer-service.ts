/**
 * The peer port's service. Found is an ordinary call of grpc-js. grpc-js sees only the beginning and the end of
 * Connect. Frames pass as bytes, since the frame codec batches and cuts by itself. Arriving frames go to the loop
 * without a promise in between (frame-stream.ts).
 */
import { type ChannelOptions, Client, credentials, type MethodDefinition } from "@grpc/grpc-js";
import { DIRECT_CHANNEL } from "../../base/channel-options.js";

/** Version of the protocol between nodes; raised when an older node could misread a newer one. */
export const PROTOCOL_VERSION = 2;

/** Beyond the longest frame: a cut one, or one with a single large register and its records. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** So much may be under way to a node before it says that it has read some. A write to a far node should not wait for
 * that. */
export const WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * A connection is asked this often whether it is still there, and given up when it does not say so in time. One that a
 * firewall forgot, or whose other end is gone without a word, stays open for minutes as far as TCP is concerned. New
 * streams to that node would use it.
 */
export const KEEPALIVE_MS = 2_000;
export const KEEPALIVE_TIMEOUT_MS = 3_000;

const bytes = (value: Buffer): Buffer => value;

export const connectMethod: MethodDefinition<Buffer, Buffer> = {
  path: "/onar.replication.v1.ReplicationService/Connect",
  requestStream: true,
  responseStream: true,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

/** As bytes: proofs are over them. */
export const foundMethod: MethodDefinition<Buffer, Buffer> = {
  path: "/onar.replication.v1.ReplicationService/Found",
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

/** Options of the server, and of founding's clients. Streams live as long as both nodes do; a cut is noticed by the
 * heartbeats inside them. */
export const PEER_CHANNEL_OPTIONS: ChannelOptions = {
  ...DIRECT_CHANNEL,
  "grpc.max_receive_message_length": MAX_FRAME_BYTES,
  "grpc.max_send_message_length": MAX_FRAME_BYTES,
  // No waiting of minutes after a failed attempt.
  "grpc.initial_reconnect_backoff_ms": 100,
  // In spite of its name, how long one attempt may take. That is there and back twice, over whatever network lies
  // between, to a node that may be busy.
  "grpc.min_reconnect_backoff_ms": 10_000,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.keepalive_time_ms": KEEPALIVE_MS,
  "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc-node.max_session_memory": 64,
};

export const peerClient = (address: string): Client =>
  new Client(address, credentials.createInsecure(), PEER_CHANNEL_OPTIONS);
