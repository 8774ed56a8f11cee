/** CRC-32 of bytes, going on from an earlier one. */
import { crc32 as zlibCrc32 } from "node:zlib";

/** zlib takes an empty buffer without memory behind it for a wish to begin anew, and returns 0. */
export const crc32 = (data: string | Uint8Array, crc = 0): number => (data.length === 0 ? crc : zlibCrc32(data, crc));
