/**
 * The addresses where the nodes of a local cluster listen, written down in its folder of data as long as `onar cluster`
 * runs. So commands in the same folder that name no node find a cluster at other ports than the usual ones, too.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jsonText } from "../../base/printable.js";
import type { Address } from "../../config/values.js";
import { formatAddress } from "../../config/values.js";

export const DEFAULT_DATA = ".onar-data";
const FILE = "cluster.json";

export const writeAddresses = (data: string, addresses: readonly Address[]): void =>
  writeFileSync(join(data, FILE), `${jsonText({ pid: process.pid, endpoints: addresses.map(formatAddress) })}\n`);

export const removeAddresses = (data: string): void => rmSync(join(data, FILE), { force: true });

/** HOST:PORT,HOST:PORT,… of the local cluster that runs here; null when none does. */
export function addressesHere(data = DEFAULT_DATA): string | null {
  try {
    const written: unknown = JSON.parse(readFileSync(join(data, FILE), "utf8"));
    if (written === null || typeof written !== "object" || !("pid" in written) || !("endpoints" in written))
      return null;
    const { pid, endpoints } = written;
    if (typeof pid !== "number" || !Array.isArray(endpoints) || endpoints.length === 0) return null;
    // One that was killed has left the file behind.
    process.kill(pid, 0);
    return endpoints.join(",");
  } catch {
    return null;
  }
}
