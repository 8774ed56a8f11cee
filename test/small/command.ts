/** The parts that the commands share: numbers from the environment, and errors of the caller without a stack. */

export function numberFrom(name: string, otherwise: number): number {
  const text = process.env[name];
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`${name}: not a number above 0: ${JSON.stringify(text)}`);
  return number;
}

/** Ends with 0 if all is well, 1 if not, 2 if it could not run. */
export function run(command: () => boolean): void {
  try {
    process.exitCode = command() ? 0 : 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  }
}

/** A column of a table. */
export const cell = (text: string | number, width: number): string => String(text).padEnd(width);
