/** A whole number from 1 to `most` from the environment; ends the program with 2 when it is something else. */
export function wholeNumber(name: string, otherwise: number, most: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  console.error(`error: ${name} must be a whole number from 1 to ${most}, not ${JSON.stringify(text)}`);
  return process.exit(2);
}
