/** Channels to nodes. */
import { type Channel, ChannelCredentials, createChannel } from "nice-grpc";
import { type Address, formatAddress } from "../config/values.js";

export function openChannel(address: Address): Channel {
  return createChannel(formatAddress(address), ChannelCredentials.createInsecure(), {
    // Answers of any length: what came is an answer, refusing it here would make a done write look undone.
    "grpc.max_receive_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
    // Nodes are called directly; a proxy variable in the environment is about the web.
    "grpc.enable_http_proxy": 0,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
  });
}
