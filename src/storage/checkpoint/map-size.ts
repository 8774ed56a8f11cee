/**
 * How much address space LMDB's file gets. It takes no memory by itself. A map that gets too small is made anew,
 * larger, and lmdb-js keeps the old ones. The pages of all of them count as resident, so a file that has grown for long
 * counts two or three times.
 */
import { readFileSync } from "node:fs";

const MAP_BYTES = 2 ** 36;

/**
 * Options for opening LMDB. Nothing where address space is bounded: lmdb-js ends the process when there is too little.
 */
export function mapSize(limits = limitsOfProcess()): { readonly mapSize?: number } {
  return /^Max address space +unlimited /m.test(limits) ? { mapSize: MAP_BYTES } : {};
}

/** "" where the system does not tell. */
function limitsOfProcess(): string {
  try {
    return readFileSync("/proc/self/limits", "latin1");
  } catch {
    return "";
  }
}
