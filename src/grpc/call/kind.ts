/** A method: how many messages go either way, and how they become bytes. */

export type MethodKind = "unary" | "client-streaming" | "server-streaming" | "bidirectional";

/** "/package.Service/Method" */
const PATH = /^\/[^/]+\/[^/]+$/;

/** Throws a RangeError for a path that no method can have. */
export function checkPath(path: string): void {
  if (!PATH.test(path)) throw new RangeError(`${JSON.stringify(path)} is no path of a method: /package.Service/Method`);
}
