/**
 * The peer port as versions before had it: grpc-js serves it, grpc-js calls founding, and node:http2 dials streams. It
 * is grpc-js and node:http2 on the wire, so that nodes of both versions in one cluster can be tried in one process.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import {
  type ChannelOptions,
  Client,
  credentials,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { DIRECT_CHANNEL } from "../../../src/base/channel-options.js";
import type { FrameEvents } from "../../../src/rpc/peers/frame-stream.js";
import { CONNECT_PATH, FOUND_PATH, MAX_FRAME_BYTES, WINDOW_BYTES } from "../../../src/rpc/peers/peer-service.js";
import { prefixOf, Unframer } from "../../../src/wire/grpc-frames.js";

const bytes = (value: Buffer): Buffer => value;
const asBytes = {
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

export const connectMethod: MethodDefinition<Buffer, Buffer> = {
  path: CONNECT_PATH,
  requestStream: true,
  responseStream: true,
  ...asBytes,
};

export const foundMethod: MethodDefinition<Buffer, Buffer> = {
  path: FOUND_PATH,
  requestStream: false,
  responseStream: false,
  ...asBytes,
};

const CHANNEL: ChannelOptions = {
  ...DIRECT_CHANNEL,
  "grpc.max_receive_message_length": MAX_FRAME_BYTES,
  "grpc.max_send_message_length": MAX_FRAME_BYTES,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.min_reconnect_backoff_ms": 10_000,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.keepalive_time_ms": 2_000,
  "grpc.keepalive_timeout_ms": 3_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc-node.max_session_memory": 64,
};

export const formerClient = (address: string): Client => new Client(address, credentials.createInsecure(), CHANNEL);

export interface FormerHandlers {
  found(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void;
  connect(stream: ServerDuplexStream<Buffer, Buffer>): void;
}

/** Resolves with the server and where it is. */
export async function formerServer(handlers: FormerHandlers): Promise<{ server: Server; address: string }> {
  const server = new Server({ ...CHANNEL, "grpc.max_concurrent_streams": 8 });
  server.addService(
    { connect: connectMethod, found: foundMethod },
    {
      connect: (stream: ServerDuplexStream<Buffer, Buffer>) => handlers.connect(stream),
      found: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => handlers.found(call, answer),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { server, address: `127.0.0.1:${port}` };
}

/** A stream of frames as it was dialed. */
export class FormerStream {
  private readonly session: ClientHttp2Session;
  private readonly stream: ClientHttp2Stream;
  private readonly keepalive: NodeJS.Timeout;
  private over = false;

  constructor(
    address: string,
    private readonly events: FrameEvents,
    keepaliveMs = 2_000,
  ) {
    const unframer = new Unframer(MAX_FRAME_BYTES);
    this.session = connect(`http://${address}`, { settings: { enablePush: false } });
    this.session.on("error", () => this.cut());
    this.session.on("close", () => this.cut());
    this.session.once("connect", () => {
      this.session.settings({ initialWindowSize: WINDOW_BYTES });
      this.session.setLocalWindowSize(WINDOW_BYTES);
    });
    this.stream = this.session.request({
      ":method": "POST",
      ":path": CONNECT_PATH,
      "content-type": "application/grpc",
      te: "trailers",
    });
    this.stream.on("data", (chunk: Buffer) => {
      unframer.push(chunk);
      for (let frame = unframer.next(); frame !== null; frame = unframer.next()) events.frame(frame);
    });
    for (const end of ["end", "error", "close"]) this.stream.on(end, () => this.cut());
    this.keepalive = setInterval(() => this.session.destroyed || this.session.ping(() => {}), keepaliveMs);
  }

  write(frame: Buffer): void {
    this.stream.cork();
    this.stream.write(prefixOf(frame.length));
    this.stream.write(frame);
    this.stream.uncork();
  }

  end(): void {
    this.stream.end();
  }

  cut(): void {
    if (this.over) return;
    this.over = true;
    clearInterval(this.keepalive);
    this.session.destroy();
    this.events.ended();
  }
}
