/**
 * Names what speaks to us instead of HTTP/2, so that whoever took the wrong port reads it in the error.
 *
 * Intuition: one byte tells. Only the first byte that is wrong is looked at: the answer must not depend on the chunks
 * in which bytes come.
 */

/** The types of TLS records that a connection begins with. */
const TLS_ALERT = 0x15;
const TLS_HANDSHAKE = 0x16;
const LETTER_H = 0x48;

/** Names a client by its first byte that differs from the preface, and that byte's place `at`. */
export function clientStranger(at: number, byte: number): string {
  if (at === 0 && byte === TLS_HANDSHAKE) return "a TLS handshake; this port speaks HTTP/2 without TLS";
  // Methods of HTTP/1.1: POST, PUT and PATCH share their first letter with the preface.
  if (at <= 1 && isCapital(byte)) return "HTTP/1.1; this port speaks HTTP/2 with prior knowledge";
  return "not the preface of an HTTP/2 client";
}

/** Names a server by its first byte; empty if it may be one of HTTP/2. */
export function serverStranger(byte: number): string {
  if (byte === TLS_ALERT || byte === TLS_HANDSHAKE) return "the server speaks TLS, not HTTP/2 without it";
  if (byte === LETTER_H) return "the server speaks HTTP/1.1, not HTTP/2";
  return "";
}

function isCapital(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}
