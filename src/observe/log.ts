/**
 * The lines of a node's log. As text, lines for people: news on standard output, warnings and errors on standard error.
 * As JSON, one object a line on standard output (pino), for programs that collect logs. Neither ever holds a key or a
 * value of a user.
 *
 * An error that ends the node is a line on standard error in both: whoever started it by hand sees it there.
 */

import { pino, stdTimeFunctions } from "pino";
import { LOG_LEVELS, type LogLevel } from "../base/log-level.js";
import { printable, withoutUnseen } from "../base/printable.js";
import type { DropNews } from "./log-sink.js";

/** Facts besides the text, for programs: names of events, ids, addresses, counts. */
export type Facts = Readonly<Record<string, string | number | boolean>>;

export interface LogOutput {
  out(chunk: string): void;
  /** A line on standard error. */
  error(line: string): void;
}

export interface Log {
  error(text: string, facts?: Facts): void;
  warn(text: string, facts?: Facts): void;
  info(text: string, facts?: Facts): void;
  debug(text: string, facts?: Facts): void;
  /** The same, with these facts in every line. */
  with(facts: Facts): Log;
}

export function makeLog(format: "text" | "json", level: LogLevel, output: LogOutput): Log {
  return format === "json" ? jsonLog(level, output) : textLog(level, output);
}

/** The line that tells of lines that could not be written (log-sink.ts), as the log writes it. */
export const droppedLines =
  (format: "text" | "json", level: LogLevel): DropNews =>
  (lines, why) => {
    let line = "";
    const output: LogOutput = {
      out: (chunk) => {
        line = chunk;
      },
      error: (text) => {
        line = `${text}\n`;
      },
    };
    makeLog(format, level, output).warn(`${lines} lines of the log were dropped here: ${why}`, {
      event: "log-dropped",
      lines,
    });
    return line;
  };

/**
 * Longer than any of ours: a list of all founders with what is wrong with each. A stack, which debug shows, is cut at
 * worst.
 */
const MAX_LINE = 8_000;
/** Texts hold what others said. */
const line = (text: string): string => printable(text, MAX_LINE);

function textLog(level: LogLevel, output: LogOutput): Log {
  const says = (one: LogLevel): boolean => LOG_LEVELS.indexOf(one) <= LOG_LEVELS.indexOf(level);
  const log: Log = {
    error: (text) => output.error(`error: ${line(text)}`),
    warn: (text) => {
      if (says("warn")) output.error(`warning: ${line(text)}`);
    },
    info: (text) => {
      if (says("info")) output.out(`${line(text)}\n`);
    },
    debug: (text) => {
      if (says("debug")) output.out(`${line(text)}\n`);
    },
    // People see them in the text.
    with: () => log,
  };
  return log;
}

function jsonLog(level: LogLevel, output: LogOutput): Log {
  const destination = { write: (json: string) => output.out(withoutUnseen(json)) };
  const root = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const of = (logger: typeof root): Log => ({
    error: (text, facts = {}) => {
      logger.error(facts, line(text));
      output.error(`error: ${line(text)}`);
    },
    warn: (text, facts = {}) => logger.warn(facts, line(text)),
    info: (text, facts = {}) => logger.info(facts, line(text)),
    debug: (text, facts = {}) => logger.debug(facts, line(text)),
    with: (facts) => of(logger.child(facts)),
  });
  return of(root);
}
