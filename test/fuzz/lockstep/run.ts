/**
 * A random call as it goes over the wire, and its outcome as a client can tell it. Names, ports and clocks of a node
 * are left out. */
import type { ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { Status as RpcStatus } from "../../../gen/ts/google/rpc/status.js";
import { HealthCheckResponse } from "../../../gen/ts/grpc/health/v1/health.js";
import {
  AddResponse,
  CompareAndSetResponse,
  DeleteResponse,
  GetResponse,
  PipelineResponse,
  PutResponse,
} from "../../../gen/ts/onar/kv/v1/kv.js";
import {
  GetOperationResponse,
  GetViewResponse,
  LocateResponse,
  StatusResponse,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { TextServiceDefinition } from "../../../gen/ts/onar/text/v1/text.js";
import { decodeDetails } from "../../e2e/clients.js";
import { cancel, type RawClient } from "../../e2e/raw.js";
import { type Call, LATE } from "./calls.js";

const KV = "/onar.kv.v1.KeyValueService/";
const VIEWS = "/onar.reconfiguration.v1.ReconfigurationService/";
const TEXT = TextServiceDefinition.methods;

const DECODERS: ReadonlyMap<string, (bytes: Buffer) => object> = new Map<string, (bytes: Buffer) => object>([
  [`${KV}Get`, GetResponse.decode],
  [`${KV}Put`, PutResponse.decode],
  [`${KV}CompareAndSet`, CompareAndSetResponse.decode],
  [`${KV}Delete`, DeleteResponse.decode],
  [`${KV}Add`, AddResponse.decode],
  [`${KV}Pipeline`, PipelineResponse.decode],
  [`${VIEWS}GetView`, GetViewResponse.decode],
  [`${VIEWS}Locate`, LocateResponse.decode],
  [`${VIEWS}Status`, StatusResponse.decode],
  [`${VIEWS}GetOperation`, GetOperationResponse.decode],
  ["/grpc.health.v1.Health/Check", HealthCheckResponse.decode],
  ...[TEXT.get, TEXT.put, TEXT.delete, TEXT.add].map((method): [string, (bytes: Buffer) => object] => [
    `/${TextServiceDefinition.fullName}/${method.name}`,
    (bytes) => method.responseType.decode(bytes),
  ]),
]);

/** No call waits for so long: a node answers within ten seconds, or the client's time is over. */
const END_MS = 25_000;

/** Runs it and resolves with what came of it; rejects, and says which call it was, if nothing came. */
export async function run(client: RawClient, call: Call): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const never = new Promise<never>((_, reject) => {
    const text = `${call.path} at ${client.session.socket.remotePort} has not ended within ${END_MS} ms`;
    timer = setTimeout(() => reject(new Error(text)), END_MS);
  });
  try {
    return await Promise.race([carriedOut(client, call), never]);
  } finally {
    clearTimeout(timer);
  }
}

async function carriedOut(client: RawClient, call: Call): Promise<unknown> {
  const stream = client.open(call.path, call.headers);
  const ending = call.cancelAfter === null ? ended(stream) : null;
  for (const [i, piece] of call.body.entries()) {
    if (i === call.cancelAfter) break;
    stream.write(piece);
    // Pieces come one by one.
    await new Promise(setImmediate);
  }
  if (ending !== null) {
    if (!stream.destroyed) stream.end();
    const end = await ending;
    return LATE.has(call.headers["grpc-timeout"] ?? "") ? lateOutcome(end) : outcome(call, end);
  }
  // Not before the request has left: Node's client may loop forever on a stream that is reset in the same turn.
  await new Promise(setImmediate);
  if (!stream.destroyed) cancel(stream);
  // Node.js does not always tell the end of a stream that was given up. The answer to a PING comes behind it.
  await new Promise((resolve) => client.session.ping(resolve));
  return "given up";
}

/**
 * It is a race who comes first: the transport, which says DEADLINE_EXCEEDED or resets the stream, or the node, which
 * may refuse. Or the answer is quicker. Nothing else may come of it.
 */
function lateOutcome({ headers, trailers, resetCode }: Ending): unknown {
  const status = headers["grpc-status"] ?? trailers["grpc-status"];
  const fair = status === undefined ? resetCode === CANCEL : ["0", "3", "4", "5", "8"].includes(String(status));
  return fair ? "late" : { status, resetCode };
}

const CANCEL = 8;
interface Ending {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly data: Buffer;
  readonly resetCode: number;
}

function ended(stream: ClientHttp2Stream): Promise<Ending> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.once("response", (received) => {
    headers = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    stream.once("close", () => {
      resolve({ headers, trailers, data: Buffer.concat(chunks), resetCode: stream.rstCode ?? 0 });
    });
  });
}

function outcome(call: Call, { headers, trailers, data, resetCode }: Ending): unknown {
  const last = headers["grpc-status"] === undefined ? trailers : headers;
  const decode = DECODERS.get(call.path);
  const messages = messagesIn(data).map((bytes) => (decode === undefined ? bytes.toString("hex") : decode(bytes)));
  const told = messages.map((message) => JSON.stringify(message, plain)).sort();
  return {
    http: headers[":status"],
    type: String(headers["content-type"]).replace("+proto", ""),
    head: namesIn(headers),
    status: last["grpc-status"],
    // Words of the transport itself differ; those of a node come with details.
    text: last["grpc-status-details-bin"] === undefined ? "" : decodeURIComponent(String(last["grpc-message"])),
    details: detailsOf(last["grpc-status-details-bin"]),
    trailers: namesIn(last),
    // A pipeline answers in the order in which calls finish.
    messages: told,
    resetCode: last["grpc-status"] === undefined ? resetCode : "behind the status",
  };
}

function messagesIn(data: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= data.length; ) {
    const end = at + 5 + data.readUInt32BE(at + 1);
    messages.push(data.subarray(at + 5, end));
    at = end;
  }
  return messages;
}

/** Names of nodes and clusters, ports and clocks are each node's own. */
const OWN: ReadonlySet<string> = new Set([
  "clusterId",
  "nodeId",
  "writerNodeId",
  "preferredNodeId",
  "ballotNodeId",
  "operationId",
  "id",
  "clientAddress",
  "peerAddress",
  "replicas",
  "voters",
  "digest",
  "uptimeMs",
  "uptime",
  "peers",
  "peerFrames",
  "peerMessages",
  "openRequests",
]);

function plain(name: string, value: unknown): unknown {
  // Told as soon as a node knows it to be settled, which is a matter of moments.
  if (name === "revision" || name === "settledRevision") return undefined;
  if (OWN.has(name)) return "own";
  if (typeof value === "bigint") return `${value}`;
  return value;
}

function detailsOf(header: string | string[] | undefined): unknown {
  if (header === undefined) return undefined;
  const { info, outcome } = decodeDetails(RpcStatus.decode(Buffer.from(String(header), "base64")));
  return JSON.stringify({ info, outcome }, plain);
}

/** Headers that programs look at; how a transport names itself and what it can compress is its own. */
const namesIn = (headers: IncomingHttpHeaders): string[] =>
  Object.keys(headers)
    .filter(
      (name) =>
        !name.startsWith(":") && !["date", "grpc-accept-encoding", "grpc-encoding", "grpc-message"].includes(name),
    )
    .sort();
