/** The numbers of the wire: frame types, flags, settings and sizes (RFC 9113 §4 to §6). */

export const FRAME = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  rstStream: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goAway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;

export const FLAG = {
  ack: 0x1,
  endStream: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

export const SETTING = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
} as const;

/** The bytes that a client sends before its first frame. */
export const CLIENT_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const FRAME_HEADER_BYTES = 9;
/** The largest payload that every peer takes, and the largest that this implementation takes or sends. */
export const MAX_FRAME_BYTES = 16_384;
/** The largest value of SETTINGS_MAX_FRAME_SIZE. */
export const MAX_FRAME_SIZE_SETTING = 16_777_215;
/** Every flow-control window, before anybody has said otherwise. */
export const DEFAULT_WINDOW_BYTES = 65_535;
/** No flow-control window is larger; also the largest stream identifier. */
export const MAX_INT31 = 0x7fff_ffff;
/** SETTINGS_HEADER_TABLE_SIZE, before anybody has said otherwise. */
export const DEFAULT_TABLE_BYTES = 4_096;
