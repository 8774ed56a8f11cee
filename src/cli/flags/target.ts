/** The nodes that a command calls, how long it waits for them, and how it shows their answers: flags and settings that
 * commands share. */
import { Gathered } from "../../config/gather.js";
import {
  CLIENT_SETTINGS,
  type ClientSettings,
  DEFAULT_ENDPOINT,
  DEFAULT_TIMEOUT_S,
  type OutputFormat,
} from "../../config/settings.js";
import { fromEnvironment, fromFlags } from "../../config/sources.js";
import type { Target } from "../calls/call.js";
import { addressesHere } from "../local/addresses.js";
import type { Io } from "../terminal/io.js";

/** As they come from the command line; checked by `targetOf` and `formatOf`. */
export interface CommonOptions {
  readonly endpoint?: string;
  readonly output?: string;
  readonly timeout?: string;
}
const gather = (options: CommonOptions, io: Io): Gathered<ClientSettings> =>
  new Gathered(CLIENT_SETTINGS, [fromFlags(options), fromEnvironment(io.env)]);

export function targetOf(options: CommonOptions, io: Io): Target {
  const gathered = gather(options, io);
  return {
    endpoints: gathered.valueOr("endpoint", addressesHere() ?? DEFAULT_ENDPOINT),
    timeoutMs: gathered.valueOr("timeout", DEFAULT_TIMEOUT_S),
    connections: io.connections,
    interrupt: io.interrupt,
  };
}

export const formatOf = (options: CommonOptions, io: Io): OutputFormat => gather(options, io).valueOr("output", "text");
