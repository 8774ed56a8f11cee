/**
 * Requests of strangers are measured before they are decoded. Bytes that say nothing (wire/request-surplus.ts) are
 * bounded, as a decoder keeps them at many times what they cost to send. A client from the future may send some of it,
 * which this version does not heed.
 */
import type { CallContext, ServerMiddleware } from "nice-grpc-common";
import { REQUEST_FIELDS } from "../../wire/request-fields.js";
import { type Fields, surplusOf } from "../../wire/request-surplus.js";
import { Failure } from "./failure.js";
import { Encoded } from "./kept-answer.js";
import { invalid } from "./validate.js";

/** One request may have so many that say nothing. */
export const MAX_SURPLUS_BYTES = 4_096;

/** Their errors say what became of the write. */
const WRITES: ReadonlySet<string> = new Set(["Put", "CompareAndSet", "Delete", "Add"]);

/** The request, or a Failure in its place: the transport knows no other way to refuse it with details. */
export function boundedDecode<T, B extends Uint8Array>(
  path: string,
  decode: (bytes: B) => T,
  kind: "read" | "write",
): (bytes: B) => T | Failure {
  const fields: Fields | undefined = REQUEST_FIELDS.get(path);
  if (fields === undefined) throw new Error(`the fields of ${path} are not known`);
  return (bytes) => (surplusOf(bytes, fields, MAX_SURPLUS_BYTES) > MAX_SURPLUS_BYTES ? tooMuch(kind) : decode(bytes));
}

export const tooMuch = (kind: "read" | "write"): Failure =>
  invalid(
    "UNKNOWN_FIELDS_TOO_LONG",
    `the request has more than ${MAX_SURPLUS_BYTES} bytes in unknown fields, in fields given more than once, or in a list that is too long`,
    { field: "(unknown)", bound: String(MAX_SURPLUS_BYTES) },
    kind,
  );

interface Definition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, Method>>;
}

interface Method {
  readonly name: string;
  readonly requestType: { readonly decode: (bytes: Uint8Array) => unknown };
  readonly responseType: {
    readonly encode: (message: never) => { finish(): Uint8Array };
    readonly fromPartial: (partial: never) => unknown;
  };
}

/**
 * The service with requests that are measured first; `refusing` has to stand before its handlers, or what serves in their place. Its answers may
 * be encoded already.
 */
export function bounded<D extends Definition>(definition: D): D {
  const methods = Object.entries(definition.methods).map(([key, method]) => {
    const { requestType, responseType } = method;
    const path = `/${definition.fullName}/${method.name}`;
    const kind = WRITES.has(method.name) ? "write" : "read";
    const decode = boundedDecode(path, (bytes: Uint8Array) => requestType.decode(bytes), kind);
    const encode = (message: unknown) => (message instanceof Encoded ? message : responseType.encode(message as never));
    const fromPartial = (partial: unknown) =>
      partial instanceof Encoded ? partial : responseType.fromPartial(partial as never);
    return [
      key,
      {
        ...method,
        requestType: { ...requestType, decode },
        responseType: { ...responseType, encode, fromPartial },
      },
    ];
  });
  // The shape is the same: only what the transport decodes and encodes with is another.
  return { ...definition, methods: Object.fromEntries(methods) } as D;
}

/** Refuses what was not decoded, before any handler. */
export const refusing = (thrown: (context: CallContext, error: unknown) => unknown): ServerMiddleware =>
  async function* (call, context) {
    const sound = <T>(request: T): T => {
      if (request instanceof Failure) throw thrown(context, request);
      return request;
    };
    if (!call.requestStream) return yield* call.next(sound(call.request), context);
    const { request } = call;
    const each = async function* () {
      for await (const one of request) yield sound(one);
    };
    return yield* call.next(each(), context);
  };
