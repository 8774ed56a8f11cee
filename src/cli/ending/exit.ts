/**
 * How a command ends. Scripts rely on these numbers:
 *
 *   0  done
 *   1  not done: definitely not executed, or an error
 *   2  wrong usage: nothing was sent
 *   3  answered, but the key is missing or the condition did not hold
 *   4  a write was sent and it is not known whether it was executed
 *   5  carried out, but what there was to print could not be written whole, for example because the disk is full
 *
 * Errors are thrown as CliError; the text is for people and is printed without a stack trace.
 */

import type { Brand } from "../../base/brand.js";

export const EXIT = {
  done: 0,
  notDone: 1,
  usage: 2,
  condition: 3,
  unknown: 4,
  unwritten: 5,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT] | CommandCode;

/** The code that a command ended with which this one ran. */
export type CommandCode = Brand<number, "CommandCode">;
export const commandCode = (code: number): CommandCode => code as CommandCode;

/** The facts that `-o json` tells about an error, besides its text. */
export interface ErrorFacts {
  /** gRPC status by name, for example "UNAVAILABLE"; "" when no node has told it. */
  readonly status: string;
  /**
   * As in docs/errors.md: Onar's, for example "NO_WRITER", or one of the client, for example "UNREACHABLE"; "" when no
   * call was made.
   */
  readonly reason: string;
}

export class CliError extends Error {
  override readonly name = "CliError";
  constructor(
    readonly exitCode: ExitCode,
    message: string,
    readonly facts: ErrorFacts = { status: "", reason: "" },
  ) {
    super(message);
  }
}

/** Wrong usage: exit code 2. */
export const usage = (message: string): CliError => new CliError(EXIT.usage, message);

/** One line for people, whatever was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
