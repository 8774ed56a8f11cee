/**
 * Heads of requests on grpc-js: judged as our own gRPC judges them, before grpc-js sees them. It lets some pass that
 * gRPC refuses, as deadlines that are none and encodings that nobody has named. Both transports say the same to them.
 */
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import { assert, unreachable } from "../../base/assert.js";
import { failureList, HEAD, httpHead } from "../../grpc/server/answer-heads.js";
import { readHead } from "../../grpc/server/request-head.js";
import type { RouteTable } from "../../grpc/server/route.js";
import { HeaderField } from "../../http2/hpack/header-field.js";
import { HeaderList } from "../../http2/hpack/header-list.js";

/**
 * The name that grpc-js has for what takes a stream; its version is pinned, and tests of both transports would fail.
 */
const TAKES_STREAM = "_streamHandler";

export function judgeHeads(server: Server, table: RouteTable): void {
  const taken: unknown = Reflect.get(server, TAKES_STREAM);
  assert(typeof taken === "function", "grpc-js takes streams by a method of this name");
  const judge = (interceptors: unknown, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    const answer = refusal(headers, table);
    if (answer === null) Reflect.apply(taken, server, [interceptors, stream, headers]);
    else refuse(stream, answer);
  };
  Reflect.set(server, TAKES_STREAM, judge);
}

function refusal(headers: IncomingHttpHeaders, table: RouteTable): OutgoingHttpHeaders | null {
  const head = readHead(listOf(headers), table);
  switch (head.kind) {
    case "call":
      return null;
    case "refused":
      return { ...headersOf(HEAD), ...headersOf(failureList(head.error, undefined)) };
    case "http":
      return headersOf(httpHead(head.status));
    default:
      return unreachable(head);
  }
}

/** As our own transport does: what is left of the request is of no use to anybody. */
function refuse(stream: ServerHttp2Stream, answer: OutgoingHttpHeaders): void {
  // The client may be gone already.
  stream.on("error", () => {});
  if (stream.destroyed || stream.closed) return;
  stream.respond(answer, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function listOf(headers: IncomingHttpHeaders): HeaderList {
  const fields: HeaderField[] = [];
  for (const [name, value = ""] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? value : [value]) fields.push(new HeaderField(name, one, "store"));
  }
  return new HeaderList(fields, 0, false);
}

function headersOf({ fields }: HeaderList): OutgoingHttpHeaders {
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}
