/**
 * The module `onar/unstorage`: a driver for unstorage 1 (unstorage.unjs.io). It does what Onar can do, and throws where
 * it cannot: there is no time to live, `getKeys` and `clear` are refused.
 */
import type { OnarClient } from "../client/client.js";
import { noExpiry, noListing, UnsupportedError } from "./unsupported.js";

export { UnsupportedError } from "./unsupported.js";

/** Options of one call; unstorage passes on whatever its caller gave. */
export type DriverCallOptions = Readonly<Record<string, unknown>> | undefined;

/** The part of a driver that unstorage asks for. */
export interface OnarDriver {
  /** As unstorage shows it. */
  readonly name: "onar";
  /** Whether there is such a key. */
  hasItem(key: string, options?: DriverCallOptions): Promise<boolean>;
  /** null: there is no such key. */
  getItem(key: string, options?: DriverCallOptions): Promise<string | null>;
  /** The bytes as they are; null: there is no such key. */
  getItemRaw(key: string, options?: DriverCallOptions): Promise<Buffer | null>;
  /** @throws UnsupportedError when the options have a time to live */
  setItem(key: string, value: string, options?: DriverCallOptions): Promise<void>;
  /** @throws UnsupportedError when the options have a time to live, or the value is neither bytes nor text */
  setItemRaw(key: string, value: unknown, options?: DriverCallOptions): Promise<void>;
  /** It is no error when there is no such key. */
  removeItem(key: string, options?: DriverCallOptions): Promise<void>;
  /** @throws UnsupportedError always */
  getKeys(base: string): Promise<string[]>;
  /** @throws UnsupportedError always */
  clear(base: string): Promise<void>;
}

/** How keys of the storage are named in Onar. */
export interface OnarDriverOptions {
  /** Stands before every key, for example "app:"; nothing when missing. */
  readonly prefix?: string;
}

/**
 * A driver for `createStorage({ driver: … })` that keeps items in Onar. The client stays the caller's to close.
 *
 * A call that is not done throws NotDoneError, a write that is unknown UnknownError, as the client does. A time to live
 * is refused, since nothing would ever remove the item. So are `getKeys` and `clear`, since Onar cannot list keys, and
 * with them snapshots and the listing of a storage that this is mounted in. `watch` tells of what this process changes
 * only.
 *
 * @example
 * ```ts
 * const storage = createStorage({ driver: onarDriver(client, { prefix: "app:" }) });
 * await storage.setItem("users:alice", { visits: 3 });
 * ```
 */
export function onarDriver(client: OnarClient, { prefix = "" }: OnarDriverOptions = {}): OnarDriver {
  const entryOf = async (key: string) => (await client.get(prefix + key)).entry;
  const set = async (key: string, value: string | Uint8Array, options: DriverCallOptions): Promise<void> => {
    const ttl = options?.ttl;
    if (ttl !== undefined) throw noExpiry(`unstorage has a time to live of ${String(ttl)}`);
    await client.put(prefix + key, value);
  };
  return {
    name: "onar",
    hasItem: async (key) => (await entryOf(key)) !== undefined,
    getItem: async (key) => (await entryOf(key))?.text() ?? null,
    getItemRaw: async (key) => {
      const entry = await entryOf(key);
      return entry === undefined ? null : Buffer.from(entry.value);
    },
    setItem: (key, value, options) => set(key, value, options),
    setItemRaw: async (key, value, options) => set(key, bytesOf(value), options),
    removeItem: async (key) => {
      await client.delete(prefix + key);
    },
    getKeys: async (base) => {
      throw noListing(`unstorage lists the keys below ${JSON.stringify(base)}`);
    },
    clear: async (base) => {
      throw noListing(`unstorage removes the keys below ${JSON.stringify(base)}`);
    },
  };
}

function bytesOf(value: unknown): string | Uint8Array {
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new UnsupportedError("a raw item must be a string, a Uint8Array or an ArrayBuffer");
}
