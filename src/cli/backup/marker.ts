/**
 * The mark of a restore under way: a key of the cluster itself. A compare-and-set puts it there before anything else is
 * written, and it is deleted when all is. So there is one restore at a time, and what an interrupted one left behind is
 * not taken for a whole cluster.
 */
import type { KeyValueCalls } from "../../client/client.js";
import { CliError, EXIT } from "../ending/exit.js";

/** No client has reason to use it; a backup leaves it out. */
export const MARKER_KEY: Uint8Array = Buffer.from("\0onar/restore", "latin1");

export interface Marker {
  /** Which backup is restored, 32 hexadecimal digits. */
  readonly backupId: string;
  /** When that began, ISO 8601. */
  readonly since: string;
}

/** null: no restore is under way. */
export async function readMarker(client: KeyValueCalls): Promise<Marker | null> {
  const got = await client.outcome.get(MARKER_KEY);
  if (got.outcome !== "done") throw new CliError(EXIT.notDone, got.message, { status: "", reason: got.reason });
  if (got.entry === undefined) return null;
  try {
    const { backupId, since } = JSON.parse(got.entry.text()) as Partial<Marker>;
    return { backupId: String(backupId), since: String(since) };
  } catch {
    return { backupId: "?", since: "?" };
  }
}

export const encodeMarker = (marker: Marker): Uint8Array => Buffer.from(JSON.stringify(marker));

export const isMarker = (key: Uint8Array): boolean => Buffer.compare(key, MARKER_KEY) === 0;
