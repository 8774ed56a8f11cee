/** The five calls: where they are called, and how their messages are written and read. */

import {
  AddRequest,
  AddResponse,
  CompareAndSetRequest,
  CompareAndSetResponse,
  DeleteRequest,
  DeleteResponse,
  GetRequest,
  GetResponse,
  PutRequest,
  PutResponse,
} from "../../gen/ts/onar/kv/v1/kv.js";
import { unreachable } from "../base/assert.js";
import type { Method } from "../grpc/client/method.js";
import type { Request, Response } from "./transport.js";

type UnaryMethod = Method<"unary", Request, Response>;

const path = (name: string): string => `/onar.kv.v1.KeyValueService/${name}`;

function encode(request: Request): Uint8Array {
  switch (request.$case) {
    case "get":
      return GetRequest.encode(request.value).finish();
    case "put":
      return PutRequest.encode(request.value).finish();
    case "compareAndSet":
      return CompareAndSetRequest.encode(request.value).finish();
    case "delete":
      return DeleteRequest.encode(request.value).finish();
    case "add":
      return AddRequest.encode(request.value).finish();
    default:
      return unreachable(request);
  }
}

const method = (name: string, decode: (bytes: Uint8Array) => Response): UnaryMethod => ({
  path: path(name),
  kind: "unary",
  encode,
  decode,
});

export const METHODS: Readonly<Record<Request["$case"], UnaryMethod>> = {
  get: method("Get", (bytes) => ({ $case: "get", value: GetResponse.decode(bytes) })),
  put: method("Put", (bytes) => ({ $case: "put", value: PutResponse.decode(bytes) })),
  compareAndSet: method("CompareAndSet", (bytes) => ({
    $case: "compareAndSet",
    value: CompareAndSetResponse.decode(bytes),
  })),
  delete: method("Delete", (bytes) => ({ $case: "delete", value: DeleteResponse.decode(bytes) })),
  add: method("Add", (bytes) => ({ $case: "add", value: AddResponse.decode(bytes) })),
};

export const PIPELINE_PATH = path("Pipeline");
