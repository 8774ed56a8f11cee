/** Tells an observer of every call at the client port: when it began, how it ended. What it makes of that is its business (observe/). */
import { type ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";

export interface CallObserver {
  /** A call of this method begins; the path is "/package.Service/Method". */
  began(path: string, type: CallType): ObservedMethod;
}

export interface ObservedMethod {
  /** One of its calls has ended, with this gRPC status. */
  ended(code: number, ms: number): void;
}

export type CallType = "unary" | "client_stream" | "server_stream" | "bidi_stream";

/** Wraps the events that are wanted, as the deadline's interceptor does (call.ts). */
export const observing =
  (observer: CallObserver): ServerInterceptor =>
  (method, call) => {
    let observed: ObservedMethod | null = null;
    let beganAt = 0;
    const ended = (code: number): void => {
      observed?.ended(code, performance.now() - beganAt);
      observed = null;
    };
    const { start, sendStatus } = call;
    call.start = (listener) => {
      const { onReceiveMetadata, onCancel } = listener;
      listener.onReceiveMetadata = (metadata) => {
        beganAt = performance.now();
        observed = observer.began(method.path, typeOf(method.requestStream, method.responseStream));
        onReceiveMetadata.call(listener, metadata);
      };
      // Comes at the end of every call; news only when no status was sent before.
      listener.onCancel = () => {
        ended(status.CANCELLED);
        onCancel.call(listener);
      };
      start.call(call, listener);
    };
    call.sendStatus = (sent) => {
      ended(sent.code ?? status.UNKNOWN);
      sendStatus.call(call, sent);
    };
    // grpc-js asks for its class and uses the interface alone.
    return call as ServerInterceptingCall;
  };

const typeOf = (requestStream: boolean, responseStream: boolean): CallType =>
  requestStream ? (responseStream ? "bidi_stream" : "client_stream") : responseStream ? "server_stream" : "unary";
