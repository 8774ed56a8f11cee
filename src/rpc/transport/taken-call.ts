/**
 * Takes calls from grpc-js: it begins and ends them, and what is said in between is read from and written to their
 * HTTP/2 stream.
 */
import type { ServerHttp2Stream } from "node:http2";
import type { Metadata, ServerInterceptingCall, ServerInterceptor } from "@grpc/grpc-js";
import { AssertionError, assert } from "../../base/assert.js";
import { STATUS } from "../../grpc/status.js";

export interface TakenCall {
  readonly call: ServerInterceptingCall;
  readonly metadata: Metadata;
  readonly stream: ServerHttp2Stream;
  /** How messages with the mark of compression are compressed. */
  readonly incomingEncoding: string;
}

/** Takes this call. `taken` returns what is called once the call is over, however it ended. */
export function takingCall(
  call: ServerInterceptingCall,
  taken: (call: TakenCall) => () => void,
): ServerInterceptingCall {
  const { start } = call;
  // The listener given here is grpc-js' way to the registered handler, which is not taken.
  call.start = () => {
    let over: (() => void) | null = null;
    start.call(call, {
      onReceiveMetadata: (metadata) => {
        const { stream, incomingEncoding } = partsOf(call);
        // grpc-js has paused the stream and listens for its data.
        stream.removeAllListeners("data");
        // The failure is told when the call is over.
        stream.on("error", () => {});
        over = taken({ call, metadata, stream, incomingEncoding });
      },
      onReceiveMessage: () => {
        throw new AssertionError("grpc-js read a message of a call that was taken from it");
      },
      onReceiveHalfClose: () => {},
      onCancel: () => over?.(),
    });
  };
  return call;
}

/** grpc-js asks for its class and uses the interface alone. */
export const interceptingCall = (call: Parameters<ServerInterceptor>[1]): ServerInterceptingCall =>
  call as ServerInterceptingCall;

/** Takes the calls of this path. */
export const takingCalls =
  (path: string, taken: (call: TakenCall) => () => void): ServerInterceptor =>
  (method, intercepted) => {
    const call = interceptingCall(intercepted);
    return method.path === path ? takingCall(call, taken) : call;
  };

/** The flaw of a message by its first byte, where its stream has this encoding; null: none. */
export function flagFlaw(flag: number, encoding: string): string | null {
  if (flag > 1) return `a message with the unknown flag ${flag}`;
  if (flag === 1 && encoding === "identity") return "a compressed message on a stream that has no grpc-encoding";
  return null;
}

/**
 * Refuses messages with a flag that is wrong. grpc-js takes them as if they were not compressed, and gRPC says that
 * they are INTERNAL (compression.md, its last test case).
 */
export function judgeFlags(call: ServerInterceptingCall): void {
  const inflate: unknown = Reflect.get(call, "decompressMessage");
  assert(typeof inflate === "function", "grpc-js decompresses messages by a method of this name");
  Reflect.set(call, "decompressMessage", (message: Buffer, encoding: string): unknown => {
    const details = flagFlaw(message[0] ?? 0, encoding);
    if (details !== null) return Promise.reject({ code: STATUS.internal, details });
    return Reflect.apply(inflate, call, [message, encoding]);
  });
}

/** The parts that grpc-js keeps to itself; its version is pinned, and the tests of pipelines and of the peer port would
 * not pass without. */
function partsOf(call: ServerInterceptingCall): Pick<TakenCall, "stream" | "incomingEncoding"> {
  const { stream, incomingEncoding } = call as unknown as Partial<TakenCall>;
  assert(stream !== undefined && incomingEncoding !== undefined, "a call of grpc-js has an HTTP/2 stream");
  return { stream, incomingEncoding };
}
