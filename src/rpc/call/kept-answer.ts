/**
 * An answer that is the same for everybody who asks. It is encoded and kept for a while, so that many askers cost
 * little more than one. It is kept for a multiple of the time that it took to make. So making it takes at most a
 * twentieth of the event loop's time, however often it is asked for. And an answer that costs little is hardly ever
 * old.
 */
import { performance } from "node:perf_hooks";

const TIMES = 20;
/** It is never older than this, milliseconds. */
export const MAX_KEPT_MS = 2_000;

/** Bytes of a message, where the transport expects the message (bounded-requests.ts). */
export class Encoded {
  constructor(private readonly bytes: Uint8Array) {}

  finish(): Uint8Array {
    return this.bytes;
  }
}

export class KeptAnswer<Message> {
  private encoded: Encoded | null = null;
  private subject: unknown = null;
  private until = 0;

  constructor(
    private readonly encode: (message: Message) => { finish(): Uint8Array },
    /** null: for as long as what it is about is the same. */
    private readonly keep: number | null = TIMES,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** `subject`: what it is about; of another one it is made anew. */
  of(subject: unknown, make: () => Message): Message {
    const began = this.now();
    if (this.encoded === null || subject !== this.subject || began >= this.until) {
      this.encoded = new Encoded(this.encode(make()).finish());
      this.subject = subject;
      const took = this.now() - began;
      this.until = this.keep === null ? Number.POSITIVE_INFINITY : began + Math.min(MAX_KEPT_MS, this.keep * took);
    }
    // The transport takes it for the message: it only ever encodes it.
    return this.encoded as unknown as Message;
  }
}
