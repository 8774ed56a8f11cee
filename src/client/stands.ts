/** Whether a channel of grpc-js stands. */
import { type ChannelInterface, connectivityState } from "@grpc/grpc-js";

/** Whether the connection stands within `withinMs`; one that was refused or broke off says no at once. */
export function stands(channel: ChannelInterface, withinMs: number): Promise<boolean> {
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
