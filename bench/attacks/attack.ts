/**
 * An attack: so many messages a second to one node, until it is told to stop. To add one, put it into a list and that
 * into all.ts.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import type { Endpoint } from "../load/options.js";
import type { MadPeerOptions } from "./mad-peer.js";

export interface Attack {
  readonly name: string;
  /** For the table. */
  readonly what: string;
  /** Which port of the node it goes to. */
  readonly port: "client" | "peer";
  /**
   * Milliseconds between two of its messages. Bounded: what is measured is the harm beyond the bytes, not who has the
   * faster machine.
   */
  readonly everyMs: number;
  /** It comes as a member of the cluster whose node has gone. */
  readonly member?: true;
  /** Connects; resolves with what sends one message. `as`: null where it comes as a stranger. */
  begin(endpoint: Endpoint, as: MadPeerOptions | null): Promise<() => void>;
}

/** A connection that is made anew when the node ends it: attackers have patience. */
export class Session {
  private session: ClientHttp2Session;

  constructor(private readonly endpoint: Endpoint) {
    this.session = this.dial();
  }

  /** Opens a call. Its outcome is read, and does not matter. */
  call(path: string): ClientHttp2Stream {
    if (this.session.closed || this.session.destroyed) this.session = this.dial();
    const stream = this.session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => {});
    return stream;
  }

  /** A call with one message, read to its end. */
  send(path: string, message: Uint8Array): void {
    const stream = this.call(path);
    stream.resume();
    stream.end(framed(message));
  }

  private dial(): ClientHttp2Session {
    const { host, port } = this.endpoint;
    const session = connect(`http://${host}:${port}`);
    session.on("error", () => {});
    return session;
  }
}

export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

export const cancel = (stream: ClientHttp2Stream): void => stream.close(constants.NGHTTP2_CANCEL);
