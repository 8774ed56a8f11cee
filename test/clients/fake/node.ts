/**
 * One fake node: gRPC by hand on node:http2. So a case can break a connection, say nothing, and see the deadline as it
 * was on the wire.
 */
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { Status as RpcStatus } from "../../../gen/ts/google/rpc/status.js";
import { Consistency, type Header } from "../../../gen/ts/onar/kv/v1/common.js";
import { PipelineRequest, PipelineResponse } from "../../../gen/ts/onar/kv/v1/kv.js";
import { GetViewResponse, MemberState, type View } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { decodeRequest, encodeResponse, okResponse, type Request, type Response, statusOf } from "./answer.js";
import { type Attempt, PARTITIONS, partitionOf, type Script } from "./script.js";

const HOST = "127.0.0.1";
const KEY_VALUE = "/onar.kv.v1.KeyValueService/";
const GET_VIEW = "/onar.reconfiguration.v1.ReconfigurationService/GetView";
const UNIMPLEMENTED = 12;

export interface FakeNodeOptions {
  /** Its id. */
  readonly id: number;
  readonly clusterId: Buffer;
  readonly script: Script;
  /** Nobody may ask it anything but who it is. */
  readonly foreign: boolean;
  /** It speaks gRPC and knows none of Onar's calls. */
  readonly other: boolean;
}

export class FakeNode {
  address = "";
  /** Everybody in each view, by id; which view counts is the script's to say. */
  views: readonly (readonly { readonly id: number; readonly address: string }[])[] = [];
  private readonly server: Http2Server = createServer();
  private readonly sessions = new Set<ServerHttp2Session>();
  private readonly stopping = new AbortController();

  constructor(private readonly options: FakeNodeOptions) {
    this.server.on("session", (session) => {
      this.sessions.add(session);
      session.on("error", () => {});
      session.on("close", () => this.sessions.delete(session));
    });
    this.server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      this.serve(stream, headers);
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(0, HOST, () => {
        const address = this.server.address();
        if (address === null || typeof address === "string") return reject(new Error("no port"));
        this.address = `${HOST}:${address.port}`;
        resolve();
      });
    });
  }

  close(): void {
    this.stopping.abort();
    for (const session of this.sessions) session.destroy();
    this.server.close();
  }

  private serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = headers[":path"] ?? "";
    if (this.options.other) return sendStatus(stream, { code: UNIMPLEMENTED, message: "no such method", details: [] });
    if (path === `${KEY_VALUE}Pipeline`) return this.pipeline(stream);
    let first = true;
    eachMessage(stream, (message) => {
      if (!first) return;
      first = false;
      if (path === GET_VIEW) {
        this.options.script.viewAsked();
        const response = { header: this.header(undefined), view: this.view(), digest: Buffer.alloc(32) };
        return sendMessage(stream, GetViewResponse.encode(response).finish());
      }
      const request = path.startsWith(KEY_VALUE) ? decodeRequest(path.slice(KEY_VALUE.length), message) : null;
      if (request === null) return sendStatus(stream, { code: UNIMPLEMENTED, message: "no such method", details: [] });
      void this.answer(request, timeoutOf(headers), {
        done: (response) => sendMessage(stream, encodeResponse(response)),
        failed: (status) => sendStatus(stream, status),
        bare: (status) => sendStatus(stream, status),
        cut: () => stream.session?.destroy(),
        reset: (code) => stream.close(code),
      });
    });
  }

  private pipeline(stream: ServerHttp2Stream): void {
    const headers = { ":status": 200, "content-type": "application/grpc", "onar-pipeline": "1" };
    stream.respond(headers, { waitForTrailers: true });
    let ending: RpcStatus = { code: 0, message: "", details: [] };
    stream.on("wantTrailers", () => stream.sendTrailers(trailersOf(ending)));
    const send = (response: PipelineResponse): void => {
      if (!stream.writableEnded && !stream.destroyed) stream.write(framed(PipelineResponse.encode(response).finish()));
    };
    eachMessage(stream, (message) => {
      const { tag, request, timeoutMs } = PipelineRequest.decode(message);
      if (request === undefined) return;
      void this.answer(request, timeoutMs === 0 ? null : timeoutMs, {
        done: (response) => send({ tag, response }),
        failed: (status) => send({ tag, response: { $case: "status", value: status } }),
        // A proxy makes things up about the stream.
        bare: (status) => {
          ending = status;
          stream.end();
        },
        cut: () => stream.session?.destroy(),
        reset: (code) => stream.close(code),
      });
    });
    stream.on("end", () => stream.end());
  }

  private async answer(request: Request, timeoutMs: number | null | undefined, ways: Ways): Promise<void> {
    const { script, foreign, id } = this.options;
    const { key } = request.value;
    const partition = partitionOf(key);
    if (request.$case === "get" && request.value.consistency === Consistency.LOCAL) {
      const revision = script.untold() ? undefined : { partition, revision: script.tell(partition, false) };
      return ways.done(okResponse(request, {}, this.header(revision)));
    }
    if (foreign) script.problems.push(`a ${request.$case} was sent to node ${id}, which is of another cluster`);
    const answer = script.take(attemptOf(request, id, timeoutMs));
    if (answer.delay_ms !== undefined) {
      await sleep(answer.delay_ms, undefined, { signal: this.stopping.signal }).catch(() => {});
    }
    script.answered();
    if (answer.view !== undefined) script.view = answer.view;
    if (answer.reset !== undefined) return ways.reset(resetCodeOf(answer.reset));
    if (answer.silence === true) return;
    if (answer.break === true) return ways.cut();
    if (answer.ok !== undefined && answer.ok !== null) {
      const revision = script.tell(partition, request.$case !== "get", answer.ok.revision);
      return ways.done(okResponse(request, answer.ok, this.header({ partition, revision }, answer.ok.writer)));
    }
    if (answer.error === undefined) return ways.bare(statusOf(answer));
    ways.failed(statusOf(answer));
  }

  private header(revision: Header["revision"], writerNodeId = 0): Header {
    const { clusterId, id, script } = this.options;
    return {
      clusterId,
      nodeId: id,
      viewEpoch: BigInt(script.view),
      revision,
      groupEpoch: revision === undefined ? 0n : 1n,
      writerNodeId,
    };
  }

  private view(): View {
    const epoch = this.options.script.view;
    const shown = this.views[Math.min(epoch, this.views.length) - 1] ?? [];
    const members = shown.map(({ id, address }) => ({
      id,
      clientAddress: address,
      peerAddress: address,
      zone: "",
      state: MemberState.ACTIVE,
    }));
    const ids = members.map(({ id }) => id);
    return {
      epoch: BigInt(epoch),
      clusterId: this.options.clusterId,
      previousDigest: Buffer.alloc(0),
      operationId: Buffer.alloc(0),
      replicationFactor: ids.length,
      partitionCount: PARTITIONS,
      members,
      partitions: Array.from({ length: PARTITIONS }, (_, partition) => ({
        partition,
        replicas: ids.map((_id, i) => ids[(partition + i) % ids.length] as number),
        groupEpoch: 1n,
        previous: undefined,
        ready: [],
        preferredNodeId: 0,
      })),
      voters: ids,
      wishes: [],
      operations: [],
      forgottenEpoch: 0n,
      settings: undefined,
    };
  }
}

/** How an attempt may be answered. */
interface Ways {
  done(response: Response): void;
  failed(status: RpcStatus): void;
  bare(status: RpcStatus): void;
  cut(): void;
  /** RST_STREAM. */
  reset(code: number): void;
}

function resetCodeOf(name: string): number {
  const code: unknown = Reflect.get(constants, `NGHTTP2_${name}`);
  if (typeof code !== "number") throw new Error(`no HTTP/2 error is called ${name}`);
  return code;
}

function attemptOf(request: Request, node: number, timeoutMs: number | null | undefined): Attempt {
  if (request.$case === "get") {
    const { key, ...rest } = request.value;
    return { node, call: "get", arguments: rest, key, requestId: null, after: undefined, timeoutMs };
  }
  const { key, requestId, after, ...rest } = request.value;
  return { node, call: request.$case, arguments: rest, key, requestId, after, timeoutMs };
}

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

function timeoutOf(headers: IncomingHttpHeaders): number | null {
  const match = /^(\d{1,8})([HMSmun])$/.exec(String(headers["grpc-timeout"] ?? ""));
  return match === null ? null : Number(match[1]) * (UNITS[match[2] as string] as number);
}

/** The messages of a request body, each as long as it says. */
function eachMessage(stream: ServerHttp2Stream, take: (message: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 5) {
      const end = 5 + rest.readUInt32BE(1);
      if (rest.length < end) return;
      take(Buffer.from(rest.subarray(5, end)));
      rest = rest.subarray(end);
    }
  });
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

function sendMessage(stream: ServerHttp2Stream, message: Uint8Array): void {
  if (stream.destroyed) return;
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(framed(message));
}

function sendStatus(stream: ServerHttp2Stream, status: RpcStatus): void {
  if (stream.destroyed) return;
  stream.respond({ ":status": 200, "content-type": "application/grpc", ...trailersOf(status) }, { endStream: true });
}

function trailersOf(status: RpcStatus): Record<string, string> {
  const trailers: Record<string, string> = { "grpc-status": String(status.code), "grpc-message": status.message };
  if (status.details.length > 0) {
    trailers["grpc-status-details-bin"] = Buffer.from(RpcStatus.encode(status).finish()).toString("base64");
  }
  return trailers;
}
