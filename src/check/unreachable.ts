/** The end of a switch over a closed union: compiles only while every kind is handled. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
