/** Each thing that a test has opened is closed behind it, and a side that takes no requests. */
import { afterEach, expect } from "vitest";
import type { ConnectionEvents } from "../../../../src/http2/socket/driver.js";

/** Run behind each test of the file that imports this, the last one first. */
export const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export const quiet: ConnectionEvents = {
  request: () => expect.unreachable("a request"),
  ready: () => {},
  available: () => {},
  draining: () => {},
  closed: () => {},
};
