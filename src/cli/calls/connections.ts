/** Connections to nodes that are kept open from call to call, and which node answered last: that one is asked first. */
import { type Address, formatAddress } from "../../config/values.js";
import { Channel } from "./channel.js";
import { KeyClient } from "./key-client.js";

export class Connections {
  private readonly channels = new Map<string, Channel>();
  private readonly clients = new Map<string, KeyClient>();
  private lastAnswered = "";

  to(endpoint: Address): Channel {
    const name = formatAddress(endpoint);
    const channel = this.channels.get(name) ?? new Channel(endpoint);
    this.channels.set(name, channel);
    return channel;
  }

  /** It could not be connected: the next call begins anew, not when the channel would have tried again. */
  failed(endpoint: Address): void {
    const name = formatAddress(endpoint);
    this.channels.get(name)?.close();
    this.channels.delete(name);
  }

  /** For the calls on keys. */
  keys(endpoints: readonly Address[]): KeyClient {
    const name = endpoints.map(formatAddress).join(",");
    const client = this.clients.get(name) ?? new KeyClient(endpoints);
    this.clients.set(name, client);
    return client;
  }

  answered(endpoint: Address): void {
    this.lastAnswered = formatAddress(endpoint);
  }

  /** In the order in which they are to be asked. */
  order(endpoints: readonly Address[]): readonly Address[] {
    const at = endpoints.findIndex((endpoint) => formatAddress(endpoint) === this.lastAnswered);
    return at <= 0 ? endpoints : [...endpoints.slice(at), ...endpoints.slice(0, at)];
  }

  async close(): Promise<void> {
    for (const channel of this.channels.values()) channel.close();
    this.channels.clear();
    const clients = [...this.clients.values()];
    this.clients.clear();
    await Promise.all(clients.map((client) => client.close()));
  }
}
