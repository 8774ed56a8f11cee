/**
 * The module `onar/keyv`: a store for Keyv 5 (keyv.org). It does what Onar can do, and throws where it cannot: there is
 * no time to live, no `clear` and no iterator.
 */
import type { OnarClient } from "../client/client.js";
import { noExpiry, noListing, UnsupportedError } from "./unsupported.js";

export { UnsupportedError } from "./unsupported.js";

/** The part of a store that Keyv asks for. Values are text, as Keyv serializes them. */
export interface OnarKeyvStore {
  /** undefined: there is no such key. */
  get(key: string): Promise<string | undefined>;
  /** In the order of the keys. */
  getMany(keys: readonly string[]): Promise<(string | undefined)[]>;
  /** @throws UnsupportedError when there is a time to live */
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  /** @throws UnsupportedError, before anything is set, when one has a time to live */
  setMany(
    entries: readonly { readonly key: string; readonly value: unknown; readonly ttl?: number }[],
  ): Promise<boolean[]>;
  /** False: there was no such key. */
  delete(key: string): Promise<boolean>;
  /** Whether there is such a key. */
  has(key: string): Promise<boolean>;
  /** @throws UnsupportedError always */
  clear(): Promise<void>;
}

/** Options for Keyv's constructor. */
export interface OnarKeyvOptions {
  /** Where the entries go. */
  readonly store: OnarKeyvStore;
  /** Without it Keyv reads "nobody answered" as "there is no such key", and "it is not known" as "not set". */
  readonly throwOnErrors: true;
}

/**
 * Options for `new Keyv(…)` that keep its entries in Onar. The client stays the caller's to close.
 *
 * A call that is not done throws NotDoneError, a write that is unknown UnknownError, as the client does; so leave
 * `throwOnErrors` as it is. A time to live, in Keyv's options or in `set`, is refused, since nothing would ever remove
 * the entry. So is `clear`, since Onar cannot list the keys of a namespace. `keyv.iterator` is undefined.
 *
 * @example
 * ```ts
 * const keyv = new Keyv({ ...keyvOptions(client), namespace: "sessions" });
 * await keyv.set("alice", { visits: 3 });
 * ```
 */
export const keyvOptions = (client: OnarClient): OnarKeyvOptions => ({ store: new Store(client), throwOnErrors: true });

class Store implements OnarKeyvStore {
  constructor(private readonly client: OnarClient) {}

  async get(key: string): Promise<string | undefined> {
    return (await this.client.get(key)).entry?.text();
  }

  // Keyv would take an error of one for a missing value.
  getMany(keys: readonly string[]): Promise<(string | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    await this.client.put(key, textOf(value, ttl));
    return true;
  }

  async setMany(
    entries: readonly { readonly key: string; readonly value: unknown; readonly ttl?: number }[],
  ): Promise<boolean[]> {
    const texts = entries.map(({ key, value, ttl }) => [key, textOf(value, ttl)] as const);
    return Promise.all(texts.map(([key, text]) => this.set(key, text)));
  }

  async delete(key: string): Promise<boolean> {
    return (await this.client.delete(key)).deleted;
  }

  async has(key: string): Promise<boolean> {
    return (await this.client.get(key)).entry !== undefined;
  }

  async clear(): Promise<void> {
    throw noListing("keyv.clear() removes every key of a namespace");
  }
}

function textOf(value: unknown, ttl: number | undefined): string {
  if (ttl !== undefined) throw noExpiry(`keyv has a time to live of ${ttl} ms`);
  if (typeof value === "string") return value;
  throw new UnsupportedError("Onar keeps text for keyv: leave keyv's serialization on");
}
