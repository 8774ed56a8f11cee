/**
 * Streams of answers end with a status when the node stops: UNAVAILABLE, DRAINING. One that is cut instead reads as
 * CANCELLED, which says nothing of why, and which meshes count against the caller.
 */
import { draining } from "./failure.js";

const STOPPED = Symbol("the node stops");

/** The answers, until `stopping` aborts. */
export async function* endingWith<T>(stopping: AbortSignal, all: AsyncIterable<T>): AsyncGenerator<T> {
  const answers = all[Symbol.asyncIterator]();
  let stop = (): void => {};
  const stopped = new Promise<typeof STOPPED>((resolve) => {
    stop = () => resolve(STOPPED);
    if (stopping.aborted) stop();
    else stopping.addEventListener("abort", stop);
  });
  let left = false;
  try {
    for (;;) {
      const next = await Promise.race([stopped, answers.next()]);
      if (next === STOPPED) throw draining({ kind: "read", partition: null, hasId: false });
      if (next.done === true) {
        left = true;
        return;
      }
      yield next.value;
    }
  } finally {
    stopping.removeEventListener("abort", stop);
    // It may wait for something that never comes, and nobody waits for it.
    if (!left) answers.return?.().catch(() => {});
  }
}
