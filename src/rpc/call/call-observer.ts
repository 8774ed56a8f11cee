/** Tells an observer of every call at the client port: when it began, how it ended. It decides itself what to make of
 * that (observe/). */
import type { MethodKind } from "../../grpc/call/kind.js";
import type { CallListener } from "../../grpc/server/call-listener.js";

export interface CallObserver {
  /** A call of this method begins; the path is "/package.Service/Method". */
  began(path: string, type: CallType): ObservedMethod;
}

export interface ObservedMethod {
  /** One of its calls has ended, with this gRPC status. */
  ended(code: number, ms: number): void;
}

export type CallType = "unary" | "client_stream" | "server_stream" | "bidi_stream";

const TYPES: Readonly<Record<MethodKind, CallType>> = {
  unary: "unary",
  "client-streaming": "client_stream",
  "server-streaming": "server_stream",
  bidirectional: "bidi_stream",
};

export const observing = (observer: CallObserver): CallListener => ({
  began: ({ path }, kind) => {
    const beganAt = performance.now();
    const observed = observer.began(path, TYPES[kind]);
    return (code) => observed.ended(code, performance.now() - beganAt);
  },
});

/** undefined: none of them is there. */
export function allOf(listeners: readonly (CallListener | null)[]): CallListener | undefined {
  const [first, ...others] = listeners.filter((listener) => listener !== null);
  if (first === undefined || others.length === 0) return first;
  const second = allOf(others);
  return {
    began: (call, kind) => {
      const ends = [first.began(call, kind), second?.began(call, kind)];
      return (code) => {
        for (const ended of ends) ended?.(code);
      };
    },
  };
}
