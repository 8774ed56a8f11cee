/**
 * The frequent messages, by hand. They are those of every operation: Write, Written, Read, ReadAnswer, and Forward and
 * Forwarded of a GET or PUT. A key's first write in an office brings Recover and Recovered. Those that carry lists
 * belong to them, too (Changes, HeartbeatAnswer; hot-lists.ts). Field for field what replication.proto says; all
 * others, and what these leave alone, go through the generated code (message-to-wire.ts, message-from-wire.ts).
 * hot-encode.ts writes them, hot-decode.ts reads them; here are the numbers of the fields in which they stand.
 */

/** Fields of PeerMessage. */
export const WRITE = 1;
export const WRITTEN = 2;
export const READ = 3;
export const READ_ANSWER = 4;
export const FORWARD = 5;
export const FORWARDED = 6;
export const RECOVER = 9;
export const RECOVERED = 10;
export const HEARTBEAT_ANSWER = 15;
export const CHANGES = 24;
/** Fields of Forward and Forwarded. */
export const GET = 2;
export const PUT = 3;

export const LINEARIZABLE = 1;
export const LOCAL = 2;
