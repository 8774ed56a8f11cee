/** A name may stand for several addresses, as localhost does: a port is served at all of them. */
import { lookup } from "node:dns/promises";
import { hostAndPort } from "./addresses.js";

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT");

/**
 * Resolves with the port taken. `listenAt` listens at one address and resolves with its port; what it rejects with is
 * passed on, and then the caller closes those that listen.
 */
export async function listenAtEach(
  address: string,
  listenAt: (port: number, ip: string) => Promise<number>,
): Promise<number> {
  const { host, port } = hostAndPort(address);
  const found = await lookup(host, { all: true });
  let taken = port;
  let listening = false;
  let failure: unknown = new Error(`${host} has no address`);
  for (const { address: ip } of found) {
    try {
      taken = await listenAt(taken, ip);
      listening = true;
    } catch (error) {
      failure = error;
      // This machine may be without IPv6; a port that another program has is not served by half.
      if (!isMissing(error)) throw error;
    }
  }
  if (listening) return taken;
  throw failure;
}
