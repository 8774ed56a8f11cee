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
import { toBuffer } from "../wire/bytes.js";
import type { Request, Response } from "./transport.js";

interface Method {
  readonly path: string;
  readonly encode: (request: Request) => Buffer;
  readonly decode: (bytes: Uint8Array) => Response;
}

const path = (name: string): string => `/onar.kv.v1.KeyValueService/${name}`;

function encode(request: Request): Buffer {
  switch (request.$case) {
    case "get":
      return toBuffer(GetRequest.encode(request.value).finish());
    case "put":
      return toBuffer(PutRequest.encode(request.value).finish());
    case "compareAndSet":
      return toBuffer(CompareAndSetRequest.encode(request.value).finish());
    case "delete":
      return toBuffer(DeleteRequest.encode(request.value).finish());
    case "add":
      return toBuffer(AddRequest.encode(request.value).finish());
    default:
      return unreachable(request);
  }
}

export const METHODS: Readonly<Record<Request["$case"], Method>> = {
  get: { path: path("Get"), encode, decode: (bytes) => ({ $case: "get", value: GetResponse.decode(bytes) }) },
  put: { path: path("Put"), encode, decode: (bytes) => ({ $case: "put", value: PutResponse.decode(bytes) }) },
  compareAndSet: {
    path: path("CompareAndSet"),
    encode,
    decode: (bytes) => ({ $case: "compareAndSet", value: CompareAndSetResponse.decode(bytes) }),
  },
  delete: {
    path: path("Delete"),
    encode,
    decode: (bytes) => ({ $case: "delete", value: DeleteResponse.decode(bytes) }),
  },
  add: { path: path("Add"), encode, decode: (bytes) => ({ $case: "add", value: AddResponse.decode(bytes) }) },
};

export const PIPELINE_PATH = path("Pipeline");
