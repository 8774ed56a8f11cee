/** Connections to nodes that are kept open from call to call, and which node answered last: that one is asked first. */
import type { Channel } from "nice-grpc";
import { type Address, formatAddress } from "../config/values.js";
import { openChannel } from "./connect.js";

export class Connections {
  private readonly channels = new Map<string, Channel>();
  private lastAnswered = "";

  to(endpoint: Address): Channel {
    const name = formatAddress(endpoint);
    const channel = this.channels.get(name) ?? openChannel(endpoint);
    this.channels.set(name, channel);
    return channel;
  }

  answered(endpoint: Address): void {
    this.lastAnswered = formatAddress(endpoint);
  }

  /** In the order in which they are to be asked. */
  order(endpoints: readonly Address[]): readonly Address[] {
    const at = endpoints.findIndex((endpoint) => formatAddress(endpoint) === this.lastAnswered);
    return at <= 0 ? endpoints : [...endpoints.slice(at), ...endpoints.slice(0, at)];
  }

  close(): void {
    for (const channel of this.channels.values()) channel.close();
    this.channels.clear();
  }
}
