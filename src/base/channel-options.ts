/**
 * Options that all gRPC channels of Onar have in common, whoever makes them: nodes for their peers, commands, clients.
 * A plain object, since layers that know nothing of each other share it.
 */
export const DIRECT_CHANNEL = {
  // Nodes are called directly. A proxy variable in the environment is about the web, and few proxies let anything else
  // through.
  "grpc.enable_http_proxy": 0,
  // A connection of its own, which says by itself whether it stands.
  "grpc.use_local_subchannel_pool": 1,
  // Layers above decide what may be sent again.
  "grpc.enable_retries": 0,
} as const;
