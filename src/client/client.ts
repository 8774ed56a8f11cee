/** The module `onar/client`: the TypeScript client. */
import { ClientOver } from "./client-over.js";
import { GrpcConnection } from "./grpc-connection.js";
import { type ClientOptions, checkOptions, checkWay } from "./options.js";
import type { Connect } from "./transport.js";

export type { KeyValueCalls, OutcomeCalls } from "./calls.js";
export type { ClientOver } from "./client-over.js";
export { type Bytes, Entry } from "./entry.js";
export type {
  CallOptions,
  ClientOptions,
  Condition,
  DeleteOptions,
  GetOptions,
  Pem,
  TlsOptions,
  Transport,
} from "./options.js";
export {
  type Added,
  type AddOutcome,
  type ClientReason,
  type CompareAndSetOutcome,
  type Consistency,
  type Deleted,
  type DeleteOutcome,
  done,
  type GetOutcome,
  type Got,
  type NotDeleted,
  type NotDone,
  NotDoneError,
  type NotSwapped,
  OnarError,
  type Outcome,
  type PutOutcome,
  type Reason,
  type Stored,
  type Swapped,
  type Unknown,
  UnknownError,
} from "./outcome.js";
export { Pipeline } from "./pipeline.js";

/**
 * A client of an Onar cluster.
 *
 * A call resolves with its answer once it is done. Otherwise it rejects. A {@link NotDoneError} means that nothing was
 * executed. An {@link UnknownError}, for writes only, means that it may have been executed, or may yet be.
 * `client.outcome` has the same calls without exceptions. A write is executed at most once, whatever happens on the
 * way. It has a request id, and is sent again where that is allowed, to whichever node, until the call's time is over.
 *
 * Arguments that can never be right (a key that is a number, a version below 1) throw TypeError or RangeError.
 *
 * At most 8 writes on one key are under way at a time; further ones wait for their turn.
 *
 * @example
 * ```ts
 * await using client = new OnarClient({ endpoints: ["127.0.0.1:4600", "127.0.0.1:4601"] });
 * const { version } = await client.put("greeting", "hello");
 * const { entry } = await client.get("greeting");
 * console.log(version, entry?.text());
 * ```
 */
export class OnarClient extends ClientOver {
  /**
   * Connects when the first call needs it.
   *
   * @param connect - For a node in this process: how it is reached. @internal
   * @throws TypeError, RangeError that name the option
   */
  constructor(options: ClientOptions, connect?: Connect) {
    super(options, connect ?? wayOf(options));
  }
}

function wayOf(options: ClientOptions): Connect {
  checkOptions(options);
  const way = { userAgent: "onar-typescript", ...checkWay(options) };
  return options.transport ?? ((address) => new GrpcConnection(address, way));
}
