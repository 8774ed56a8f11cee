/** The head of a request: read once, and judged before anything is done for it. */

import type { HeaderList } from "../../http2/hpack/header-list.js";
import { type Encoding, encodingOf } from "../message/compression.js";
import { isGrpc } from "../metadata/answer-status.js";
import { binaryFlaw } from "../metadata/metadata.js";
import { parseTimeout } from "../metadata/timeout.js";
import { causedByPeer, type GrpcError, STATUS } from "../status.js";
import type { Route, RouteTable } from "./route.js";

export type RequestHead =
  | { readonly kind: "call"; readonly route: Route; readonly encoding: Encoding; readonly timeoutMs: number }
  /** A status that gRPC has for it. */
  | { readonly kind: "refused"; readonly error: GrpcError }
  /** No gRPC: an HTTP status. */
  | { readonly kind: "http"; readonly status: number };

export function readHead(headers: HeaderList, table: RouteTable): RequestHead {
  if (headers.truncated) return refused(STATUS.resourceExhausted, "metadata longer than the server takes");
  if (headers.method !== "POST") return { kind: "http", status: 405 };
  let contentType: string | undefined;
  let timeout: string | undefined;
  let encodingName: string | undefined;
  let binary = false;
  const { fields } = headers;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    if (field === undefined) continue;
    switch (field.name) {
      case "content-type":
        contentType ??= field.value;
        break;
      case "grpc-timeout":
        timeout ??= field.value;
        break;
      case "grpc-encoding":
        encodingName ??= field.value;
        break;
      default:
        if (field.name.endsWith("-bin")) binary = true;
    }
  }
  if (!isGrpc(contentType)) return { kind: "http", status: 415 };
  const route = table.find(headers.path);
  if (route === undefined) {
    const what = table.hasService(headers.path) ? "method" : "service";
    return refused(STATUS.unimplemented, `unknown ${what}: ${headers.path.slice(0, 256)}`);
  }
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseTimeout(timeout);
  if (timeoutMs === undefined) return refused(STATUS.internal, "a grpc-timeout that is none");
  const encoding = encodingOf(encodingName);
  if (encoding === undefined) {
    return refused(STATUS.unimplemented, `unknown grpc-encoding: ${(encodingName ?? "").slice(0, 64)}`);
  }
  const flaw = binary ? binaryFlaw(headers) : "";
  if (flaw !== "") return refused(STATUS.internal, `header ${flaw.slice(0, 64)} is no base64`);
  return { kind: "call", route, encoding, timeoutMs };
}

function refused(code: number, message: string): RequestHead {
  return { kind: "refused", error: causedByPeer(code, message) };
}
