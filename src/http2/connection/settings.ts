/**
 * Settings, ours and the peer's.
 *
 * Source: RFC 9113 §6.5.
 */

import { ConnectionError, ERROR_CODE } from "../error.js";
import { byteAt, uint32At } from "../frame/frame-input.js";
import {
  DEFAULT_TABLE_BYTES,
  DEFAULT_WINDOW_BYTES,
  MAX_FRAME_BYTES,
  MAX_FRAME_SIZE_SETTING,
  MAX_INT31,
  SETTING,
} from "../frame/wire.js";
import type { Limits } from "./limits.js";

export type Role = "client" | "server";

const ENTRY_BYTES = 6;
/** Before a server's SETTINGS have come, a client opens no more streams than this. */
const ASSUMED_CONCURRENT_STREAMS = 100;

/** The settings that we tell the peer. */
export function settingsToSend(role: Role, limits: Limits): (readonly [number, number])[] {
  const entries: (readonly [number, number])[] = [];
  if (role === "client") entries.push([SETTING.enablePush, 0]);
  else entries.push([SETTING.maxConcurrentStreams, limits.maxConcurrentStreams]);
  if (limits.initialWindowSize !== DEFAULT_WINDOW_BYTES) {
    entries.push([SETTING.initialWindowSize, limits.initialWindowSize]);
  }
  if (limits.headerTableSize !== DEFAULT_TABLE_BYTES) entries.push([SETTING.headerTableSize, limits.headerTableSize]);
  entries.push([SETTING.maxHeaderListSize, limits.maxHeaderListSize]);
  return entries;
}

export class PeerSettings {
  readonly #peer: Role;
  headerTableSize = DEFAULT_TABLE_BYTES;
  maxConcurrentStreams = ASSUMED_CONCURRENT_STREAMS;
  initialWindowSize = DEFAULT_WINDOW_BYTES;
  maxHeaderListSize = Number.POSITIVE_INFINITY;
  #came = false;

  constructor(peer: Role) {
    this.#peer = peer;
  }

  /** Whether a frame of settings has come. */
  get came(): boolean {
    return this.#came;
  }

  /** Takes a payload, `bytes` [start, end), whose length has been checked. Throws `ConnectionError`. */
  apply(bytes: Buffer, start: number, end: number): void {
    if (!this.#came) this.maxConcurrentStreams = Number.POSITIVE_INFINITY;
    this.#came = true;
    for (let at = start; at + ENTRY_BYTES <= end; at += ENTRY_BYTES) {
      this.#one((byteAt(bytes, at) << 8) | byteAt(bytes, at + 1), uint32At(bytes, at + 2));
    }
  }

  #one(identifier: number, value: number): void {
    switch (identifier) {
      case SETTING.headerTableSize:
        this.headerTableSize = value;
        break;
      case SETTING.enablePush:
        if (value > 1 || (value === 1 && this.#peer === "server")) throw protocol(`ENABLE_PUSH of ${value}`);
        break;
      case SETTING.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        break;
      case SETTING.initialWindowSize:
        if (value > MAX_INT31) {
          throw new ConnectionError(ERROR_CODE.flowControlError, `INITIAL_WINDOW_SIZE of ${value}`);
        }
        this.initialWindowSize = value;
        break;
      case SETTING.maxFrameSize:
        // Frames longer than the smallest limit are never sent: they would only keep others waiting.
        if (value < MAX_FRAME_BYTES || value > MAX_FRAME_SIZE_SETTING) throw protocol(`MAX_FRAME_SIZE of ${value}`);
        break;
      case SETTING.maxHeaderListSize:
        this.maxHeaderListSize = value;
        break;
      default:
        break; // Settings that are not known are to be ignored.
    }
  }
}

function protocol(message: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.protocolError, message);
}
