/** The deadlines of a connection: the limit behind each, and the words with which it is given up at one. */

import { ERROR_CODE } from "../error.js";
import type { Due } from "./lifetime.js";
import type { LimitName } from "./limits.js";

/** The limit behind each deadline. */
export const LIMIT_OF: Readonly<Record<Due, LimitName>> = {
  handshake: "connectionTimeoutMs",
  settings: "connectionTimeoutMs",
  ping: "timeMs",
  silent: "timeoutMs",
  idle: "maxConnectionIdleMs",
  age: "maxConnectionAgeMs",
  grace: "maxConnectionAgeGraceMs",
  drain: "drainTimeoutMs",
  stalled: "writeTimeoutMs",
};

export const GIVES_UP = {
  handshake: { code: ERROR_CODE.protocolError, message: "no SETTINGS in time" },
  settings: { code: ERROR_CODE.settingsTimeout, message: "no acknowledgement of SETTINGS in time" },
  silent: { code: ERROR_CODE.noError, message: "no answer to a keepalive PING in time" },
  grace: { code: ERROR_CODE.noError, message: "streams were still open when the grace was over" },
} as const satisfies Partial<Record<Due, { readonly code: number; readonly message: string }>>;
