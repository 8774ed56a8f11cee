/**
 * Channels to nodes. A call is sent only on a connection that stands, so that "nothing listens there" is told apart from "the connection
 * broke after the write was sent": the first is a definite answer, the second is not.
 */
import { connect as connectTcp } from "node:net";
import { connectivityState } from "@grpc/grpc-js";
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

/** Whether the connection stands within `withinMs`; a connection that was refused or broke off says no at once. */
export function connected(channel: Channel, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  return new Promise((resolve) => {
    const look = (): void => {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return resolve(true);
      if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) return resolve(false);
      channel.watchConnectivityState(state, deadline, (error) => (error ? resolve(false) : look()));
    };
    look();
  });
}

/** Why no connection came about, for people: asked of the operating system by a bare connection. */
export function whyNotConnected(address: Address, withinMs: number): Promise<string> {
  const name = formatAddress(address);
  return new Promise((resolve) => {
    const socket = connectTcp({ host: address.host, port: address.port });
    const timer = setTimeout(() => done(`${name} does not answer`), withinMs);
    const done = (why: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(why);
    };
    socket.once("connect", () => done(`what listens at ${name} does not speak gRPC, or is too busy to answer`));
    socket.once("error", (error: NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] }) => {
      const code = error.code ?? error.errors?.[0]?.code ?? "";
      if (code === "ECONNREFUSED") return done(`nothing listens at ${name}`);
      if (code === "ENOTFOUND" || code === "EAI_AGAIN")
        return done(`there is no host named ${address.host} (asked for ${name})`);
      if (code === "ETIMEDOUT") return done(`${name} does not answer`);
      done(`${name} cannot be reached${code === "" ? "" : ` (${code})`}`);
    });
  });
}
