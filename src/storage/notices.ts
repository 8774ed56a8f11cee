/** Storage's notices for the operator, in words and facts. Never a key or a value. */
import { pathReasonOf } from "../base/errno.js";
import type { Key, Partition } from "../core/model/ids.js";
import type { HomeEvents } from "./home.js";

type Notice = (
  text: string,
  facts: { readonly event: string } & Readonly<Record<string, string | number | boolean>>,
) => void;

export interface Listeners {
  readonly notice: Notice;
  readonly failed: (why: string) => void;
  /** The disk is full, or has space again; in a turn of its own. */
  readonly full: (full: boolean) => void;
  /** In a turn of its own: storage finds out in the middle of a step. */
  readonly bad: (partition: Partition, key: Key) => void;
}

export const homeNews = ({ notice, failed, full, bad }: Listeners): HomeEvents => ({
  notice: (text) => notice(text, { event: "storage" }),
  failed,
  bad: (partition, key, first) => {
    setImmediate(() => bad(partition, key));
    if (!first) return;
    notice(`a register of partition ${partition} fails its checksum: it is repaired from other replicas`, {
      event: "bad-register",
      partition,
    });
  },
  short: (error) => {
    const text =
      error === null
        ? "the log is written again"
        : `the log waits to be written: ${pathReasonOf(error)}. It is tried again until it succeeds`;
    notice(text, { event: "storage-short", waits: error !== null });
  },
  space: (writable, freeBytes) => {
    setImmediate(() => full(!writable));
    const free = `${Math.floor(freeBytes / 2 ** 20)} MiB free`;
    const text = writable
      ? `there is space on the disk again (${free}): writes are taken`
      : `the disk is full (${free}): other nodes take the writes over where they can, reads go on`;
    notice(text, { event: "disk-space", writable, freeBytes });
  },
});
