/** Assertions stay on in production: a broken invariant stops the node rather than spread. */

export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(`broken invariant: ${invariant}`);
}

/** The end of a switch over a closed union: compiles only while every kind is handled. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}

/** For values that the surrounding code has just proved to be there. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new AssertionError(`missing: ${what}`);
  return value;
}
