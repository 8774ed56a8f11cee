/** Linux's account of a process: its CPU time and its resident memory. Undefined once it is gone. */

import { readFileSync } from "node:fs";

/** The unit of the times in /proc/PID/stat: USER_HZ, 100 a second on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;

/** User and system time of the whole process, all threads, in seconds; exact to 10 ms. */
export function cpuSecondsOf(pid: number): number | undefined {
  const fields = statFieldsOf(pid);
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** As `cpuSecondsOf`, of its main thread alone. */
export function mainThreadSecondsOf(pid: number): number | undefined {
  const fields = statFieldsOf(pid, `/task/${pid}`);
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/**
 * When the process was started, in ticks since boot: with the id, it tells a process from a later one of the same id.
 */
export function startTicksOf(pid: number): number | undefined {
  const fields = statFieldsOf(pid);
  return fields === undefined ? undefined : Number(fields[19]);
}

/** Resident memory in bytes. */
export function residentBytesOf(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/**
 * Resident memory in bytes that is no part of a file: what a process holds itself, without the pages of LMDB's file
 * that are mapped.
 */
export function anonymousBytesOf(pid: number): number | undefined {
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** The words of its command line. */
export function argumentsOf(pid: number): readonly string[] {
  return read(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
}

/** How many descriptors a process may have; a child's number is the same. */
export function descriptors(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(read("/proc/self/limits") ?? "")?.[1] ?? 1_024);
}

/** The fields from the third on. The second is the program's name in parentheses and may contain anything. */
function statFieldsOf(pid: number, thread = ""): readonly string[] | undefined {
  const stat = read(`/proc/${pid}${thread}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
