/**
 * Where settings come from. Each source answers for a setting by its key; the first that has it wins: flags, then the
 * environment, then a file, then the default. A setting that was given remembers its source, so that an error can say
 * where to look.
 */
import { nearest } from "./nearest.js";
import { flagOf, nameOf, variableOf } from "./setting.js";
import { CLIENT_SETTINGS, CONFIG_VARIABLE, isNodeSetting, NODE_SETTINGS } from "./settings.js";
import type { Environment } from "./standard.js";

export type { Environment };

export type Origin = "flag" | "environment" | "file" | "options" | "default";

export interface Given {
  readonly text: string;
  readonly origin: Origin;
  /** The setting's name in errors: `--listen`, `ONAR_LISTEN (environment)`, `listen (onar.yaml line 7)`. */
  readonly label: string;
}

export interface Source {
  given(key: string): Given | null;
}

/** As a command line parser hands them over: text, or true for a switch. */
export const fromFlags = (flags: object): Source => {
  const values = new Map<string, unknown>(Object.entries(flags));
  return {
    given: (key) => {
      const value = values.get(key);
      if (value === undefined) return null;
      return { text: String(value), origin: "flag", label: flagOf(key) };
    },
  };
};

/** A variable that is empty counts as not set. */
export const fromEnvironment = (environment: Environment): Source => ({
  given: (key) => {
    const name = variableOf(key);
    const text = environment[name];
    if (text !== undefined && text !== "") return { text, origin: "environment", label: `${name} (environment)` };
    const standard = isNodeSetting(key) ? NODE_SETTINGS[key].standard?.(environment) : undefined;
    if (standard === undefined || standard === null) return null;
    return { text: standard.text, origin: "environment", label: `${standard.variable} (environment)` };
  },
});

/** An options object of a program that runs a node itself: text, numbers, booleans, lists of text. */
export const fromOptions = (options: object): Source => {
  const values = new Map<string, unknown>(Object.entries(options));
  return {
    given: (key) => {
      const value = values.get(key);
      if (value === undefined) return null;
      const text = Array.isArray(value) ? value.join(",") : String(value);
      return { text, origin: "options", label: `options.${key}` };
    },
  };
};

/** Set by programs that start nodes (cli/start/start.ts), and by tests. */
const OTHER_VARIABLES = ["ONAR_STOP_WITH_PARENT", "ONAR_PROCESS_PLACE", "ONAR_HISTORY", CONFIG_VARIABLE];

const KNOWN_VARIABLES: readonly string[] = [
  ...[...Object.keys(NODE_SETTINGS), ...Object.keys(CLIENT_SETTINGS)].map(variableOf),
  ...OTHER_VARIABLES,
];

/**
 * Variables that look mistyped: none of ours, but nearly. Others that begin with ONAR_ are left alone, as an
 * orchestrator makes such of a service of that name (ONAR_SERVICE_HOST and so on).
 */
export function mistyped(environment: Environment): readonly string[] {
  return Object.keys(environment).flatMap((name) => {
    if (!name.startsWith("ONAR_") || KNOWN_VARIABLES.includes(name)) return [];
    const meant = nearest(name, KNOWN_VARIABLES, 2);
    return meant === null ? [] : [`the environment has ${name}, which is no setting; did you mean ${meant}?`];
  });
}

/**
 * The environment for a node that is started with flags: without settings, which were meant for a node started by hand.
 */
export function withoutNodeSettings(environment: Environment): Record<string, string | undefined> {
  const rest = { ...environment };
  for (const key of Object.keys(NODE_SETTINGS)) delete rest[variableOf(key)];
  delete rest[CONFIG_VARIABLE];
  return rest;
}

/** For errors about a setting that nobody gave. */
export const everyName = (key: string): string =>
  `${flagOf(key)}, ${variableOf(key)}, or ${nameOf(key)} in a file (--config)`;
