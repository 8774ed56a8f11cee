/**
 * The largest keys, values and request ids that any node takes, whatever its settings say: what is longer can only be a
 * mistake.
 */

/** Bound of `--max-key-bytes`. */
export const MAX_KEY_BYTES = 65_536;
/**
 * Bound of `--max-value-bytes`: a message must fit into a frame between nodes with its completion records
 * (rpc/peers/peer-service.ts).
 */
export const MAX_VALUE_BYTES = 6_291_456;
export const REQUEST_ID_BYTES = 16;
/** Completion records that a register keeps; the oldest go first. */
export const MAX_RECORDS = 128;
