/** Tells an observer of every call at the client port: when it began, how it ended. It decides itself what to make of
 * that (observe/). */
import type { ServerInterceptor } from "@grpc/grpc-js";
import { watchingCalls } from "./call-events.js";

export interface CallObserver {
  /** A call of this method begins; the path is "/package.Service/Method". */
  began(path: string, type: CallType): ObservedMethod;
}

export interface ObservedMethod {
  /** One of its calls has ended, with this gRPC status. */
  ended(code: number, ms: number): void;
}

export type CallType = "unary" | "client_stream" | "server_stream" | "bidi_stream";

export const observing = (observer: CallObserver): ServerInterceptor =>
  watchingCalls(({ path, requestStream, responseStream }) => {
    const beganAt = performance.now();
    const observed = observer.began(path, typeOf(requestStream, responseStream));
    return (code) => observed.ended(code, performance.now() - beganAt);
  });

const typeOf = (requestStream: boolean, responseStream: boolean): CallType =>
  requestStream ? (responseStream ? "bidi_stream" : "client_stream") : responseStream ? "server_stream" : "unary";
