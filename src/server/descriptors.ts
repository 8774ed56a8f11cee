/**
 * Whether this process can still open files and connections. Idle connections, or other programs of the machine, may
 * use all descriptors up. That passes, so a node waits for it to pass: at its start before it takes anything, later
 * with all that it serves already.
 *
 * Nobody is told of a descriptor that is missing where it is missing: the system refuses a new connection on its own.
 * So the node tries.
 */
import { close, open } from "node:fs";
import { devNull } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { isDescriptorShortage, pathReasonOf } from "../base/errno.js";

const LOOK_MS = 500;
const RETRY_MS = 200;
/**
 * Descriptors that a node opens at its start: the lock, the log, the checkpoint, three ports, the first connections.
 */
const NEEDED_AT_START = 32;

/** Opens something that no disk is behind. */
export type OpenOne = (opened: (error: Error | null, fd: number) => void) => void;

const openOne: OpenOne = (opened) => open(devNull, "r", opened);

/** Looks again and again whether there is a descriptor. */
export class Descriptors {
  /** performance.now() of the first look that found none; null: the last one found some. */
  private since: number | null = null;
  private looking = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly one: OpenOne = openOne) {}

  start(): void {
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.since = null;
  }

  /** For how long there has been none; 0: there are some. */
  get shortMs(): number {
    return this.since === null ? 0 : performance.now() - this.since;
  }

  look(): void {
    if (this.looking) return;
    this.looking = true;
    this.one((error, fd) => {
      this.looking = false;
      if (error === null) close(fd, () => {});
      if (error === null || this.timer === null) this.since = null;
      else if (isDescriptorShortage(error)) this.since ??= performance.now();
    });
  }
}

/** Resolves once as many descriptors are left as a start needs. `told`: why it waits, once. */
export async function descriptorsForStart(
  told: (text: string) => void,
  one: OpenOne = openOne,
  retryMs = RETRY_MS,
): Promise<void> {
  for (let tries = 0; ; tries++) {
    const why = await shortage(one);
    if (why === null) return;
    if (tries === 0) told(waitingText(why));
    await sleep(retryMs);
  }
}

/**
 * Does it again until it fails for another reason than a shortage of descriptors. A failed start must have left nothing
 * behind.
 */
export async function outlastingShortage<T>(
  attempt: () => Promise<T>,
  told: (text: string) => void,
  retryMs = RETRY_MS,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isDescriptorShortage(error)) throw error;
      if (tries === 0) told(waitingText(error));
    }
    await sleep(retryMs);
  }
}

const waitingText = (why: unknown): string =>
  `the node starts once file descriptors are left: ${pathReasonOf(rootOf(why))}`;

const rootOf = (error: unknown): unknown =>
  error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error;

/** Tries for all of them at once; null: there were as many. */
async function shortage(one: OpenOne): Promise<Error | null> {
  const tried = Array.from(
    { length: NEEDED_AT_START },
    () =>
      new Promise<Error | number>((resolve) => {
        one((error, fd) => resolve(error ?? fd));
      }),
  );
  let found: Error | null = null;
  for (const got of await Promise.all(tried)) {
    if (typeof got === "number") close(got, () => {});
    else if (isDescriptorShortage(got)) found = got;
  }
  return found;
}
