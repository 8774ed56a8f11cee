/**
 * The bounds in bytes of what a node keeps, lists or has under way for its partitions, all of them together unless said
 * otherwise. Each says what happens at it. docs/architecture.md (Bounds) and the metrics refer to these names.
 */

const KIBIBYTE = 1_024;
const MEBIBYTE = 1_024 * KIBIBYTE;

/**
 * Clients' requests that a node answers for, and those that others passed on to it. At it: new ones are refused as
 * overload.
 */
export const REQUEST_BYTES = 128 * MEBIBYTE;

/** Registers of writes that no majority has yet, of a node's offices. At it: new requests are refused as overload. */
export const FLIGHT_BYTES = 64 * MEBIBYTE;

/**
 * Registers that a majority has and some replica lacks, kept so that they can be sent to it again. When it is full, the
 * oldest is left to catch-up and reads. A replica that lacks one of those is sent nothing older once it is back.
 */
export const RETAINED_BYTES = 16 * MEBIBYTE;

/**
 * Registers that a node's writers remember so as not to ask for them again. At it: settled ones are forgotten, the
 * oldest first.
 */
export const WRITER_MEMORY_BYTES = 32 * MEBIBYTE;

/** Registers that a node sends again, at each look (every 20 ms). At it: the rest waits for the next look. */
export const RESEND_BYTES = MEBIBYTE;

/**
 * Registers of one page for a replica that catches up. At it: the page is cut short, and the next one goes on. At least
 * one is in it.
 */
export const PAGE_BYTES = 64 * KIBIBYTE;

/** Keys that are looked at for one such page. At it: as above. */
export const LOOK_BYTES = MEBIBYTE;

/**
 * Keys of one page of a backup's list, or of a directory that is inspected. At it: the page is cut short and the next
 * one goes on.
 */
export const BACKUP_PAGE_BYTES = 256 * KIBIBYTE;

/**
 * Pages that a node which catches up has asked for, judged by the largest register of the last ones. At it: further
 * ones wait for these.
 */
export const CATCH_UP_BYTES = MEBIBYTE;

/** Keys of a replica, per partition, that wait for the writer to settle them. At it: further ones come up again. */
export const MENDING_BYTES = MEBIBYTE;

/** Those keys of all of a node's replicas together. At it: as above, but each replica has one at least. */
export const NODE_MENDING_BYTES = 16 * MEBIBYTE;

/**
 * Messages and frames that wait for one other node. Beyond it messages other than heartbeats are dropped; the protocol
 * sends them again.
 */
export const PEER_QUEUE_BYTES = 32 * MEBIBYTE;

/**
 * Those that wait for all other nodes together. Beyond it they are dropped for each node that has
 * PEER_QUEUE_SHARE_BYTES waiting.
 */
export const PEER_QUEUES_BYTES = 128 * MEBIBYTE;

/** Each node may have so much waiting for it, however many slow ones there are besides. */
export const PEER_QUEUE_SHARE_BYTES = MEBIBYTE;

/** Keys of the tombstones of one purge pass. At it: the rest waits for the next pass. */
export const PURGE_BYTES = 4 * MEBIBYTE;

/** Those of all passes of a node together. At it: as above, but each pass has one at least. */
export const NODE_PURGE_BYTES = 16 * MEBIBYTE;

/**
 * Removals that a copy of a partition remembers for others that take over from it; and the bytes of their keys. At it:
 * the oldest are forgotten.
 */
export const MAX_REMOVALS = 65_536;
export const REMOVAL_BYTES = 4 * MEBIBYTE;
/**
 * Registers, or keys, of one page for a copy that takes over from another. At it: the page is cut short and the next
 * one goes on. One at least is in it.
 */
export const TRANSFER_PAGE_BYTES = 32 * KIBIBYTE;

/** Keys and timestamps of one page for a copy that merges what others hold. At it: as above. */
export const STATES_BYTES = 32 * KIBIBYTE;

/**
 * Pages that the transfers of a node have asked for. At it: further ones wait for these. They may come all at once, and
 * a client's request waits behind them.
 */
export const TRANSFER_BYTES = 128 * KIBIBYTE;
