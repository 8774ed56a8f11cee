/**
 * The beginning and the end of a call, by wrapping the few events of grpc-js that tell it. A ServerInterceptingCall
 * around the call would cost each of its events, some 20 µs in all.
 */
import { type Metadata, type ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";

/** Told once, with the gRPC status that the call ended with. */
export type Ended = (code: number) => void;

export type ServerMethod = Parameters<ServerInterceptor>[0];

/** `began` sees the client's metadata before the handlers do, and may change it; null: nobody wants to know how this call ends. */
export const watchingCalls =
  (began: (method: ServerMethod, metadata: Metadata) => Ended | null): ServerInterceptor =>
  (method, call) => {
    let whenEnded: Ended | null = null;
    const ended = (code: number): void => {
      whenEnded?.(code);
      whenEnded = null;
    };
    const { start, sendStatus } = call;
    call.start = (listener) => {
      const { onReceiveMetadata, onCancel } = listener;
      listener.onReceiveMetadata = (metadata) => {
        whenEnded = began(method, metadata);
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
