/**
 * A stream both ways without a promise for each message: for streams that have thousands of messages in a turn of the
 * event loop.
 *
 * Its handler is told of each message by a call and answers by calls, many messages in one piece.
 */

import type { GrpcError } from "../status.js";
import type { Call } from "./call.js";

/** The actions open to the handler. After the end nothing has an effect. */
export interface Conversation<Response> {
  readonly call: Call;
  /** The connection takes no further calls: a conversation should end soon, with a status that says so. */
  readonly isDraining: boolean;
  /** No message is told until `resume`; what the client sends meanwhile waits with it. */
  pause(): void;
  resume(): void;
  /** The client takes too little of what was sent: `drained` says when it takes more. */
  readonly isFull: boolean;
  /** Sends messages until it is full, and says how many: those behind are to be sent again later. */
  send(responses: readonly Response[]): number;
  /** Sends all of them, however full it is. Whoever uses it bounds `unsentBytes`. */
  push(responses: readonly Response[]): void;
  /** Bytes that were sent, and that wait for the client to take them. */
  readonly unsentBytes: number;
  /** Bound of a message from now on; until then that of the route. */
  allow(maxRequestBytes: number): void;
  /**
   * Asks whether the client's process is there; `answered` is called when it says so. False if that cannot be asked.
   */
  ping(answered: () => void): boolean;
  /** Ends the call behind all that was sent: with OK, or with this failure. */
  end(failure?: GrpcError): void;
  /** Ends the call now. Messages that wait to be sent are thrown away, and the failure with them. */
  cut(failure: GrpcError): void;
}

/** The events that the handler is told. An error that it throws ends the call with INTERNAL, and goes to `onError`,
 * unless it is a GrpcError. */
export interface ConversationHandler<Request> {
  message(request: Request): void;
  /** The client has sent all, and all of it was told. */
  ended(): void;
  /** It was full, and is not any more. */
  drained(): void;
  /** The call is over, whoever has ended it. Once, and the last that is told. */
  closed(): void;
}
