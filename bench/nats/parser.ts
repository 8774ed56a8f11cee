/** The half of NATS' protocol that a client reads: bytes in, messages out. A message may come in any pieces. */

export interface NatsEvents {
  /** [start, end) is the message, its headers first; `headerBytes` is 0 without headers. */
  readonly onMessage: (subject: string, chunk: Buffer, start: number, end: number, headerBytes: number) => void;
  /** Any other line: INFO, PING, PONG, +OK, -ERR. */
  readonly onLine: (line: string) => void;
}

const LINE_END = 0x0a;
const MAX_LINE_BYTES = 64 * 1024;

export class NatsParser {
  readonly #events: NatsEvents;
  #carry: Buffer | undefined;

  constructor(events: NatsEvents) {
    this.#events = events;
  }

  /** Throws on what is no NATS. The chunk may be used again after this. */
  read(fresh: Buffer): void {
    const chunk = this.#carry === undefined ? fresh : Buffer.concat([this.#carry, fresh]);
    this.#carry = undefined;
    let at = 0;
    for (;;) {
      const lineEnd = chunk.indexOf(LINE_END, at);
      if (lineEnd < 0) {
        if (chunk.length - at > MAX_LINE_BYTES) throw new Error("a line without end");
        break;
      }
      const line = chunk.toString("latin1", at, lineEnd - 1);
      const isMessage = line.startsWith("MSG ") || line.startsWith("HMSG ");
      if (!isMessage) {
        this.#events.onLine(line);
        at = lineEnd + 1;
        continue;
      }
      const words = line.split(" ");
      const total = Number(words.at(-1));
      const headerBytes = line.startsWith("H") ? Number(words.at(-2)) : 0;
      if (!Number.isSafeInteger(total) || !Number.isSafeInteger(headerBytes)) throw new Error(`no sizes in "${line}"`);
      const start = lineEnd + 1;
      if (start + total + 2 > chunk.length) break;
      this.#events.onMessage(words[1] ?? "", chunk, start, start + total, headerBytes);
      at = start + total + 2;
    }
    if (at < chunk.length) this.#carry = Buffer.from(chunk.subarray(at));
  }
}
