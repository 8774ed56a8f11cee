/**
 * A stream of frames between two nodes: one gRPC call, whichever side began it (dialed-stream.ts, accepted-stream.ts).
 */
import { decodeFrame, type ReceivedFrame } from "../../codec/peer/frame.js";

export interface FrameStream {
  /** False once a frame that is written goes nowhere. */
  readonly writable: boolean;
  /** HOST:PORT of the other end, for people. */
  readonly remote: string;
  /**
   * The peer at the other end is known: from now on its frames have the bound of a member's. Until then they are short.
   */
  trust(): void;
  /** Calls with whether the process at the other end answers in time; false when the stream is over. */
  ping(withinMs: number, done: (alive: boolean) => void): void;
  /** Its bytes must not change until the connection has taken them. Whoever writes bounds `unsentBytes`. */
  write(frame: Buffer): void;
  /** Bytes of frames that wait for the connection to take them. */
  readonly unsentBytes: number;
  /** After this nothing more is said from this side. */
  end(): void;
  /** Ends the stream at once. */
  cut(): void;
}

export interface FrameEvents {
  /** Its bytes are good until it returns. */
  frame(bytes: Buffer): void;
  /** Called once, however the stream ended; nothing is called after it. */
  ended(): void;
}

/** For a stream of which nothing is wanted. */
export const UNHEARD: FrameEvents = { frame: () => {}, ended: () => {} };

/** Whether the process at the other end answers a ping in time. `send`: false if it cannot be asked. */
export function pinged(
  send: (answered: () => void) => boolean,
  withinMs: number,
  done: (alive: boolean) => void,
): void {
  let told = false;
  const tell = (alive: boolean): void => {
    if (told) return;
    told = true;
    clearTimeout(timer);
    done(alive);
  };
  const timer = setTimeout(() => tell(false), withinMs);
  if (!send(() => tell(true))) tell(false);
}

/** null: it cannot be read. */
export function readable(bytes: Buffer): ReceivedFrame | null {
  try {
    return decodeFrame(bytes);
  } catch {
    return null;
  }
}
