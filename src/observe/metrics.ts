/** All metrics of one node as one text, at an HTTP port of its own: GET /metrics, and nothing else. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Storage } from "../ports/storage.js";
import type { CallObserver } from "../rpc/call/call-observer.js";
import { Appends } from "./appends.js";
import { CallMetrics } from "./calls.js";
import { LoopDelay } from "./loop-delay.js";
import { NodeMetrics, type NodeParts } from "./node-metrics.js";

const PATH = "/metrics";
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";
/** A reader that sends its request slower than this is cut off. */
const REQUEST_MS = 10_000;
/** Node.js looks that often for those that are too slow. */
const CHECK_MS = 1_000;
/** Readers at a time. */
const MAX_CONNECTIONS = 64;

export class Metrics {
  private readonly calls = new CallMetrics();
  private readonly appends = new Appends();
  private readonly delay = new LoopDelay();
  private readonly node: NodeMetrics;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  /** Those of them on which no request is being answered. */
  private readonly idle = new Set<Socket>();

  constructor(parts: NodeParts) {
    this.node = new NodeMetrics(parts);
    const times = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: CHECK_MS };
    this.server = createServer(times, (request, response) => {
      const { socket } = request;
      this.idle.delete(socket);
      response.once("close", () => {
        if (!socket.destroyed) this.idle.add(socket);
      });
      this.answer(request, response);
    });
    this.server.on("connection", (socket) => this.connected(socket));
  }

  /** Whoever says nothing makes room for the next one, oldest first. */
  private connected(socket: Socket): void {
    const forget = (one: Socket): void => {
      this.sockets.delete(one);
      this.idle.delete(one);
    };
    if (this.sockets.size >= MAX_CONNECTIONS) {
      const [silent] = this.idle;
      if (silent === undefined) return void socket.destroy();
      forget(silent);
      silent.destroy();
    }
    this.sockets.add(socket);
    this.idle.add(socket);
    socket.once("close", () => forget(socket));
  }

  /** Is told of the calls at the client port. */
  get observer(): CallObserver {
    return this.calls;
  }

  /** Counts from here on what is appended there. */
  observe(storage: Storage): void {
    this.appends.observe(storage);
  }

  /** Resolves with the port taken. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, host, () => {
        this.server.off("error", reject);
        this.delay.start();
        const address = this.server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  close(): void {
    this.delay.stop();
    this.server.close();
    this.server.closeAllConnections();
  }

  async text(): Promise<string> {
    return (await this.node.text()) + this.calls.text() + this.appends.text() + this.delay.text();
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url?.split("?")[0];
    if (path !== PATH) return say(response, 404, `there is nothing here; metrics are at ${PATH}\n`);
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return say(response, 405, "only GET\n");
    }
    this.text().then(
      (text) => {
        response.setHeader("content-type", CONTENT_TYPE);
        response.setHeader("content-length", Buffer.byteLength(text));
        response.end(request.method === "HEAD" ? "" : text);
      },
      () => say(response, 500, "the metrics could not be read\n"),
    );
  }
}

function say(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(text);
}
