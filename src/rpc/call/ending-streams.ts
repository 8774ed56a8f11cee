/**
 * Streams of answers end with a status when the node stops: UNAVAILABLE, DRAINING. One that is cut instead reads as CANCELLED, which says nothing
 * of why, and which meshes count against the caller.
 */
import type { ServerMiddleware } from "nice-grpc-common";
import { thrown } from "./call.js";
import { draining } from "./failure.js";

const STOPPED = Symbol("the node stops");

/** `stopping` aborts when streams are to end. */
export const endingStreams = (stopping: AbortSignal): ServerMiddleware =>
  async function* (call, context) {
    if (!call.responseStream) return yield* call.next(call.request, context);
    const answers = call.next(call.request, context);
    let stop = (): void => {};
    const stopped = new Promise<typeof STOPPED>((resolve) => {
      stop = () => resolve(STOPPED);
      if (stopping.aborted) stop();
      else stopping.addEventListener("abort", stop);
    });
    try {
      for (;;) {
        const next = await Promise.race([stopped, answers.next()]);
        if (next === STOPPED) {
          // It may wait for something that never comes, and nobody waits for it.
          answers.return().catch(() => {});
          throw thrown(context, draining({ kind: "read", partition: null, hasId: false }));
        }
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      stopping.removeEventListener("abort", stop);
    }
  };
