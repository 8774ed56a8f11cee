/** The events of a connection for its user. */

import { ERROR_CODE } from "../error.js";
import type { HeaderList } from "../hpack/header-list.js";
import type { Stream, StreamListener } from "./stream.js";

/** Why a connection has ended. */
export interface Closing {
  /**
   * `drained`: nothing was left to do. `ended`: it was closed here. `violated`: the peer broke a rule or a limit.
   * `timeout`: it was not there in time. `lost`: the network says so; `code` is that of the peer's GOAWAY, if there was
   * one. `failed`: a listener has thrown.
   */
  readonly kind: "drained" | "ended" | "violated" | "timeout" | "lost" | "failed";
  /** One of `ERROR_CODE`. */
  readonly code: number;
  readonly message: string;
}

export interface ConnectionListener {
  /** Server: a request has begun. Events of its stream go to the listener that is returned. */
  request(stream: Stream, headers: HeaderList): StreamListener;
  /** The peer's settings are there. Once. */
  ready(): void;
  /** Client: more streams may be opened than before, see `openable`. */
  available(): void;
  /** The peer takes no further streams. At most once. */
  draining(code: number, debug: string): void;
  /** Once, at the end. */
  closed(closing: Closing): void;
  /** Something is to be taken, and nobody is inside `receive` or `tick` who would. */
  wake(): void;
}

/** A listener has thrown. */
export function failedBy(error: unknown): Closing {
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "failed", code: ERROR_CODE.internalError, message };
}
