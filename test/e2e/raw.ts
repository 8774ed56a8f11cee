/** gRPC by hand on node:http2, where the frames themselves are what a test is about. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";

const { NGHTTP2_FLAG_END_STREAM, NGHTTP2_CANCEL } = constants;

export interface RawAnswer {
  /** The first HEADERS frame. */
  readonly headers: IncomingHttpHeaders;
  /** It ends the stream: nothing else came, the status is in it. */
  readonly trailersOnly: boolean;
  readonly trailers: IncomingHttpHeaders | null;
  readonly data: Buffer;
}

export class RawClient {
  private constructor(readonly session: ClientHttp2Session) {}

  static open(address: string): Promise<RawClient> {
    const session = connect(`http://${address}`);
    return new Promise((resolve, reject) => {
      session.once("connect", () => resolve(new RawClient(session)));
      session.once("error", reject);
    });
  }

  /** Opens a call; what is written to it is up to the caller. */
  open(path: string, headers: Readonly<Record<string, string>> = {}): ClientHttp2Stream {
    const stream = this.session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.on("error", () => {});
    return stream;
  }

  unary(path: string, message: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
    const stream = this.open(path, headers);
    const answer = answerOf(stream);
    stream.end(framed(message));
    return answer;
  }

  close(): void {
    this.session.destroy();
  }
}

/** A message as gRPC frames it: not compressed. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

export const cancel = (stream: ClientHttp2Stream): void => stream.close(NGHTTP2_CANCEL);

function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders | null = null;
    let trailersOnly = false;
    let trailers: IncomingHttpHeaders | null = null;
    const chunks: Buffer[] = [];
    stream.once("response", (received, flags) => {
      headers = received;
      trailersOnly = (flags & NGHTTP2_FLAG_END_STREAM) !== 0;
    });
    stream.on("trailers", (received) => {
      trailers = received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.once("close", () => {
      if (headers === null) reject(new Error(`no answer, the stream was reset with code ${stream.rstCode}`));
      else resolve({ headers, trailersOnly, trailers, data: Buffer.concat(chunks) });
    });
  });
}
