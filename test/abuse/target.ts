/**
 * A server of src/grpc to be attacked, as a process of its own, on a plain port and on one of TLS. It notes its own
 * memory, and of each connection that ends why it did, and how many bytes were read from it after that.
 *
 * Its parent sends `TargetOrder`s and gets `TargetReport`s. The certificate comes with the first order.
 */
import { RouteTable } from "../../src/grpc/server/route.js";
import { servingOf } from "../../src/grpc/server/server.js";
import { Session } from "../../src/grpc/server/session.js";
import { type Limits, SERVER_TIMING } from "../../src/http2/connection/limits.js";
import type { ConnectionEvents, Driver } from "../../src/http2/socket/driver.js";
import { Http2Server } from "../../src/http2/socket/server.js";
import { echoRoutes } from "../unit/grpc/support/echo.js";
import { BIG, HOLD } from "./requests.js";

export interface Begin {
  readonly kind: "begin";
  readonly key: string;
  readonly cert: string;
  readonly limits: Partial<Limits>;
}
/** Forget what was noted, and collect garbage; or tell what was noted. */
export type TargetOrder = Begin | { readonly kind: "reset" } | { readonly kind: "tell" };

export interface Ended {
  readonly kind: string;
  readonly code: number;
  /** Bytes that the socket has brought after the connection had ended. */
  readonly readAfter: number;
}

export type TargetReport =
  | { readonly kind: "ready"; readonly plain: number; readonly tls: number }
  | { readonly kind: "was-reset" }
  | {
      readonly kind: "told";
      readonly baseBytes: number;
      readonly peakBytes: number;
      /** Bytes kept when all offenders have gone and garbage was collected, beyond what was before. */
      readonly keptBytes: number;
      /** Connections that are open. */
      readonly open: number;
      readonly ended: readonly Ended[];
      readonly refused: number;
    };

const SAMPLE_MS = 5;
/** Offenders that wait are given up after so long. */
const TIMING = { ...SERVER_TIMING, connectionTimeoutMs: 1_500, writeTimeoutMs: 2_000 };

let base = 0;
let peak = 0;
let keptBefore = 0;
let refused = 0;
let ended: Ended[] = [];
const servers: Http2Server[] = [];

/** Buffers are given back some time after the collection that found them. */
const kept = async (): Promise<number> => {
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

function table(): RouteTable {
  const big = Buffer.alloc(1_000_000, "b");
  const same = (bytes: Uint8Array): Uint8Array => bytes;
  return new RouteTable([
    ...echoRoutes(),
    // A copy each time, as a handler would make it.
    { path: BIG, kind: "unary", decode: same, encode: same, handle: () => Buffer.from(big) },
    {
      path: HOLD,
      kind: "client-streaming",
      decode: same,
      encode: same,
      // Takes no message.
      handle: () => new Promise(() => {}),
    },
  ]);
}

const serving = servingOf({ table: table() });

function accept(driver: Driver): ConnectionEvents {
  const { connection, socket } = driver;
  const session = new Session(connection, { address: "", certificate: undefined }, serving);
  return {
    request: (stream, headers) => session.request(stream, headers),
    ready: () => session.ready(),
    available: () => session.available(),
    draining: () => session.draining(),
    closed: ({ kind, code }) => {
      session.closed();
      const read = socket.bytesRead;
      const note = (): void => {
        ended.push({ kind, code, readAfter: socket.bytesRead - read });
      };
      if (socket.destroyed) note();
      else socket.once("close", note);
    },
  };
}

async function begin({ key, cert, limits }: Begin): Promise<TargetReport> {
  const options = { accept, limits, timing: TIMING, maxConnections: 20_000 };
  const plain = new Http2Server(options);
  const tls = new Http2Server({ ...options, tls: { key, cert }, onRefused: () => refused++ });
  servers.push(plain, tls);
  setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, SAMPLE_MS);
  return { kind: "ready", plain: await plain.listen(0, "127.0.0.1"), tls: await tls.listen(0, "127.0.0.1") };
}

async function obey(order: TargetOrder): Promise<TargetReport> {
  switch (order.kind) {
    case "begin":
      return begin(order);
    case "reset":
      ended = [];
      refused = 0;
      keptBefore = await kept();
      base = process.memoryUsage.rss();
      peak = base;
      return { kind: "was-reset" };
    case "tell": {
      const open = servers.reduce((sum, { connections }) => sum + connections, 0);
      const keptBytes = (await kept()) - keptBefore;
      return { kind: "told", baseBytes: base, peakBytes: peak, keptBytes, open, ended, refused };
    }
  }
}

process.on("message", (order: TargetOrder) => {
  void obey(order).then((report) => process.send?.(report));
});
process.on("disconnect", () => process.exit(0));
