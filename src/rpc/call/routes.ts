/** Routes of generated services: how their requests are measured and decoded, and their answers encoded. */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Call } from "../../grpc/server/call.js";
import type { BidirectionalRoute, ServerStreamingRoute, UnaryRoute } from "../../grpc/server/route.js";
import { boundedDecode } from "./bounded-requests.js";
import { endingWith } from "./ending-streams.js";
import { Encoded } from "./kept-answer.js";

export interface Service {
  readonly fullName: string;
}

/** As it is generated. */
export interface Method<Request, Response> {
  readonly name: string;
  readonly requestType: { readonly decode: (bytes: Uint8Array) => Request };
  readonly responseType: { readonly encode: (message: Response, writer?: BinaryWriter) => BinaryWriter };
}

/** Their errors say what became of the write. */
const WRITES: ReadonlySet<string> = new Set(["Put", "CompareAndSet", "Delete", "Add"]);

export const pathOf = ({ fullName }: Service, { name }: { readonly name: string }): string => `/${fullName}/${name}`;

export function unary<Request, Response>(
  service: Service,
  method: Method<Request, Response>,
  handle: (request: Request, call: Call) => Response | Promise<Response>,
): UnaryRoute<Request, Response> {
  return { ...messagesOf(service, method), kind: "unary", handle };
}

/** `stopping`: the stream ends when it aborts. */
export function serverStreaming<Request, Response>(
  service: Service,
  method: Method<Request, Response>,
  stopping: AbortSignal,
  handle: (request: Request, call: Call) => AsyncIterable<Response>,
): ServerStreamingRoute<Request, Response> {
  return {
    ...messagesOf(service, method),
    kind: "server-streaming",
    handle: (request, call) => endingWith(stopping, handle(request, call)),
  };
}

/** `stopping`: the stream ends when it aborts. */
export function bidirectional<Request, Response>(
  service: Service,
  method: Method<Request, Response>,
  stopping: AbortSignal,
  handle: (requests: AsyncIterable<Request>, call: Call) => AsyncIterable<Response>,
): BidirectionalRoute<Request, Response> {
  return {
    ...messagesOf(service, method),
    kind: "bidirectional",
    handle: (requests, call) => endingWith(stopping, handle(requests, call)),
  };
}

function messagesOf<Request, Response>(service: Service, method: Method<Request, Response>) {
  const { requestType, responseType } = method;
  const path = pathOf(service, method);
  const decode = boundedDecode(
    path,
    (bytes: Uint8Array) => requestType.decode(bytes),
    WRITES.has(method.name) ? "write" : "read",
  );
  const encode = (message: Response): Uint8Array =>
    message instanceof Encoded ? message.finish() : encoded(responseType, message);
  return { path, decode, encode };
}

/**
 * A new writer costs more than what it writes: this one serves all answers, and is empty between them. It keeps what
 * room it once needed.
 */
let writer = new BinaryWriter();
const ROOM_BYTES = 262_144;

function encoded<Response>({ encode }: Method<unknown, Response>["responseType"], message: Response): Uint8Array {
  const own = writer;
  let length = Number.POSITIVE_INFINITY;
  try {
    const bytes = encode(message, own).finish();
    length = bytes.length;
    return bytes;
  } finally {
    if (length > ROOM_BYTES) writer = new BinaryWriter();
  }
}
