/** Scripted answers as bytes and headers on the wire. */
import { Status } from "nice-grpc-common";
import { ErrorInfo, RetryInfo } from "../../../gen/ts/google/rpc/error_details.js";
import type { Status as RpcStatus } from "../../../gen/ts/google/rpc/status.js";
import { Consistency, type Header } from "../../../gen/ts/onar/kv/v1/common.js";
import { Execution, Outcome } from "../../../gen/ts/onar/kv/v1/error.js";
import {
  AddRequest,
  AddResponse,
  CompareAndSetRequest,
  CompareAndSetResponse,
  DeleteRequest,
  DeleteResponse,
  GetRequest,
  GetResponse,
  type PipelineRequest,
  type PipelineResponse,
  PutRequest,
  PutResponse,
} from "../../../gen/ts/onar/kv/v1/kv.js";
import { bytesOf, type ScriptedAnswer } from "./case.js";

export type Request = NonNullable<PipelineRequest["request"]>;
export type Response = NonNullable<PipelineResponse["response"]>;

export function decodeRequest(method: string, bytes: Uint8Array): Request | null {
  switch (method) {
    case "Get":
      return { $case: "get", value: GetRequest.decode(bytes) };
    case "Put":
      return { $case: "put", value: PutRequest.decode(bytes) };
    case "CompareAndSet":
      return { $case: "compareAndSet", value: CompareAndSetRequest.decode(bytes) };
    case "Delete":
      return { $case: "delete", value: DeleteRequest.decode(bytes) };
    case "Add":
      return { $case: "add", value: AddRequest.decode(bytes) };
    default:
      return null;
  }
}

export function encodeResponse(response: Response): Uint8Array {
  switch (response.$case) {
    case "get":
      return GetResponse.encode(response.value).finish();
    case "put":
      return PutResponse.encode(response.value).finish();
    case "compareAndSet":
      return CompareAndSetResponse.encode(response.value).finish();
    case "delete":
      return DeleteResponse.encode(response.value).finish();
    case "add":
      return AddResponse.encode(response.value).finish();
    case "status":
      throw new Error("a status is not an answer");
  }
}

/** The answer of a call that is done. */
export function okResponse(request: Request, ok: NonNullable<ScriptedAnswer["ok"]>, header: Header): Response {
  const version = BigInt(ok.version ?? header.revision?.revision ?? 1n);
  const entry = ok.value === undefined ? undefined : { value: bytesOf(ok.value), version };
  switch (request.$case) {
    case "get": {
      const consistency =
        request.value.consistency === Consistency.LOCAL ? Consistency.LOCAL : Consistency.LINEARIZABLE;
      return { $case: "get", value: { header, entry, consistency } };
    }
    case "put":
      return { $case: "put", value: { header, version } };
    case "compareAndSet": {
      const swapped = ok.swapped ?? true;
      const known = swapped || entry !== undefined ? version : 0n;
      return { $case: "compareAndSet", value: { header, swapped, version: known, found: swapped ? undefined : entry } };
    }
    case "delete": {
      const deleted = ok.deleted ?? true;
      const known = deleted || entry !== undefined ? version : 0n;
      return { $case: "delete", value: { header, deleted, version: known, found: deleted ? undefined : entry } };
    }
    case "add":
      return ok.number === null
        ? { $case: "add", value: { header, version } }
        : { $case: "add", value: { header, version, number: BigInt(ok.number ?? 1) } };
  }
}

/** The status of an answer that is an error: Onar's own with details, or a bare one. */
export function statusOf(answer: ScriptedAnswer): RpcStatus {
  if (answer.error === undefined)
    return { code: codeOf(answer.bare ?? "INTERNAL"), message: answer.message ?? "made up", details: [] };
  const details = [
    detail(
      "google.rpc.ErrorInfo",
      ErrorInfo.encode({ reason: answer.error, domain: answer.domain ?? "onar", metadata: {} }).finish(),
    ),
  ];
  if (answer.retry_ms !== undefined) {
    const retryDelay = { seconds: BigInt(Math.floor(answer.retry_ms / 1_000)), nanos: (answer.retry_ms % 1_000) * 1e6 };
    details.push(detail("google.rpc.RetryInfo", RetryInfo.encode({ retryDelay }).finish()));
  }
  const execution = answer.execution ?? "none";
  if (execution !== "none") {
    const outcome = { execution: EXECUTIONS[execution], retryWithSameIdIsSafe: true, revision: undefined };
    details.push(detail("onar.kv.v1.Outcome", Outcome.encode(outcome).finish()));
  }
  return { code: codeOf(answer.status ?? "INTERNAL"), message: `because of ${answer.error}`, details };
}

const EXECUTIONS = {
  not_executed: Execution.NOT_EXECUTED,
  unknown: Execution.UNKNOWN,
  unspecified: Execution.UNSPECIFIED,
} as const;

const detail = (type: string, value: Uint8Array) => ({
  typeUrl: `type.googleapis.com/${type}`,
  value: Buffer.from(value),
});

function codeOf(name: string): number {
  const code: unknown = Reflect.get(Status, name);
  if (typeof code !== "number") throw new Error(`no gRPC status is called ${name}`);
  return code;
}
