/** Channels to nodes, for the calls that are not on keys. A call is sent only on a connection that stands. */

import { type Channel, ChannelCredentials, createChannel } from "nice-grpc";
import { DIRECT_CHANNEL } from "../../base/channel-options.js";
import { type Address, formatAddress } from "../../config/values.js";
import { quietGrpc } from "./quiet-grpc.js";

export function openChannel(address: Address): Channel {
  quietGrpc();
  return createChannel(formatAddress(address), ChannelCredentials.createInsecure(), {
    ...DIRECT_CHANNEL,
    // Answers of any length.
    "grpc.max_receive_message_length": -1,
    // To grpc-js this is also the time that an attempt to connect may take, which a far or a busy node needs.
    "grpc.initial_reconnect_backoff_ms": 5_000,
  });
}
