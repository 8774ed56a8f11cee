/**
 * The object that Node.js makes for each process.nextTick, kept once so that its shape lives on.
 *
 * A shape without a live object dies with the next full collection, and while a process starts, there is one when no
 * tick is pending. V8's notes in nextTick then name a shape that is gone. Every later call takes the slow way through
 * the runtime, for as long as the process runs. An HTTP/2 stream makes a dozen of those calls.
 */
import { createHook } from "node:async_hooks";

let kept: object | null = null;

/** Once in the life of a process, early; harmless if repeated. */
export function keepTickObject(): void {
  if (kept !== null) return;
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      if (type === "TickObject") kept ??= resource;
    },
  });
  hook.enable();
  process.nextTick(() => {});
  hook.disable();
}
