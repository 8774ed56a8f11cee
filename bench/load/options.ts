/** The parts of a load, and how the command line says them. */

import { parseArgs } from "node:util";
import { type KeyDistribution, parseDistribution } from "../stats/random.js";
import { DIALECTS, type DialectName } from "./dialects.js";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface LoadOptions {
  /** The store that is spoken to. */
  readonly dialect: DialectName;
  readonly endpoints: readonly Endpoint[];
  /** Connections to each endpoint. */
  readonly connections: number;
  /** Calls in flight, over all connections. Closed loop: an answer starts the next call. */
  readonly inFlight: number;
  /** A call goes to the next connection in turn, in place of the one that brought the last answer. */
  readonly takeTurns: boolean;
  /** The measured part ends after this time or after `count` answers, whichever comes first. */
  readonly durationMs: number;
  /** 0 for no bound. */
  readonly count: number;
  readonly warmUpMs: number;
  readonly keys: number;
  readonly keyPrefix: string;
  readonly distribution: KeyDistribution;
  readonly valueBytes: number;
  /** The share of GETs, 0 to 1; what is left beside them and CAS are PUTs. */
  readonly getFraction: number;
  /** The share of CAS, each with the last version of its key that an answer has told. */
  readonly casFraction: number;
  /** Every PUT carries 16 random bytes as its request id. */
  readonly requestId: boolean;
  /** Write every key once before the warm-up. */
  readonly preload: boolean;
  /** Decode the answers and check values and versions. */
  readonly verify: boolean;
  /** Sent as grpc-timeout; a call that has no answer a second later is given up. */
  readonly deadlineMs: number;
  readonly seed: number;
  /** How long to try to connect to every endpoint. */
  readonly connectLimitMs: number;
  /** Processes whose CPU time during the measured part is reported: the servers, on this machine. */
  readonly watchPids: readonly number[];
}

export const LOAD_DEFAULTS = {
  dialect: "onar",
  connections: 1,
  inFlight: 64,
  takeTurns: false,
  durationMs: 5000,
  count: 0,
  warmUpMs: 1000,
  keys: 10_000,
  keyPrefix: "bench-",
  distribution: { kind: "uniform" },
  valueBytes: 100,
  getFraction: 0.5,
  casFraction: 0,
  requestId: true,
  preload: false,
  verify: false,
  deadlineMs: 10_000,
  seed: 1,
  connectLimitMs: 10_000,
  watchPids: [],
} as const satisfies Omit<LoadOptions, "endpoints">;

export const KEY_BYTES = 16;
const KEY_DIGITS = 8;
/** Key number, generator, sequence number and check word: see operation.ts. */
export const MIN_VALUE_BYTES = 16;

export function parseEndpoint(text: string): Endpoint {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2] ?? 0);
  if (match === null || port < 1 || port > 65_535) throw new Error(`not an endpoint: "${text}" (HOST:PORT)`);
  return { host: (match[1] ?? "").replace(/^\[(.*)\]$/, "$1"), port };
}

/** Throws, naming the option, when the options make no sense. */
export function checkOptions(options: LoadOptions): LoadOptions {
  const atLeast = (name: string, value: number, bound: number): void => {
    if (!Number.isFinite(value) || value < bound) throw new Error(`${name} must be at least ${bound}, is ${value}`);
  };
  if (options.endpoints.length === 0) throw new Error("no endpoint given");
  for (const [name, value, bound] of [
    ["connections", options.connections, 1],
    ["in-flight", options.inFlight, 1],
    ["duration", options.durationMs, 0],
    ["count", options.count, 0],
    ["warm-up", options.warmUpMs, 0],
    ["keys", options.keys, 1],
    ["value-bytes", options.valueBytes, MIN_VALUE_BYTES],
    ["deadline-ms", options.deadlineMs, 1],
  ] as const) {
    atLeast(name, value, bound);
  }
  if (options.durationMs === 0 && options.count === 0) throw new Error("give a duration or a count");
  if (!(options.getFraction >= 0 && options.getFraction <= 1)) throw new Error("gets must be between 0 and 1");
  if (!(options.casFraction >= 0 && options.getFraction + options.casFraction <= 1))
    throw new Error("cas must be between 0 and 1, and at most 1 together with gets");
  if (options.keys > 10 ** KEY_DIGITS) throw new Error(`keys must be at most ${10 ** KEY_DIGITS}`);
  if (Buffer.byteLength(options.keyPrefix) > KEY_BYTES - KEY_DIGITS) {
    throw new Error(`key-prefix must be at most ${KEY_BYTES - KEY_DIGITS} bytes`);
  }
  return options;
}

/** All keys, 16 bytes each, one after the other: the prefix, then the number in decimal. */
export function keyTable(options: Pick<LoadOptions, "keys" | "keyPrefix">): Buffer {
  const table = Buffer.alloc(options.keys * KEY_BYTES, "-");
  for (let i = 0; i < options.keys; i++) {
    table.write(options.keyPrefix, i * KEY_BYTES);
    table.write(String(i).padStart(KEY_DIGITS, "0"), (i + 1) * KEY_BYTES - KEY_DIGITS);
  }
  return table;
}

export const LOAD_USAGE = `usage: load [options]
  --endpoint HOST:PORT   a server; may be given several times (127.0.0.1:4600)
  --dialect D            the store: ${Object.keys(DIALECTS).join(", ")} (${LOAD_DEFAULTS.dialect})
  --connections N        connections to each endpoint (${LOAD_DEFAULTS.connections})
  --in-flight N          calls in flight, over all connections (${LOAD_DEFAULTS.inFlight})
  --take-turns           a call goes to the next connection in turn
  --duration SECONDS     how long to measure (${LOAD_DEFAULTS.durationMs / 1000}); 0 with --count
  --count N              or: how many answers to measure
  --warm-up SECONDS      load that is not measured, before (${LOAD_DEFAULTS.warmUpMs / 1000})
  --keys N               number of keys, 16 bytes each (${LOAD_DEFAULTS.keys})
  --key-prefix TEXT      what the keys begin with (${LOAD_DEFAULTS.keyPrefix})
  --distribution D       uniform, zipf or zipf:THETA (uniform)
  --value-bytes N        size of the values (${LOAD_DEFAULTS.valueBytes})
  --gets FRACTION        share of GETs, 0 to 1; the rest are PUTs (${LOAD_DEFAULTS.getFraction})
  --cas FRACTION         share of CAS, each with the last version that was answered (${LOAD_DEFAULTS.casFraction})
  --no-request-id        PUT without request id
  --preload              write every key once, before the warm-up
  --verify               decode the answers and check values and versions
  --deadline-ms N        deadline of each call (${LOAD_DEFAULTS.deadlineMs})
  --seed N               of the pseudo-random draws (${LOAD_DEFAULTS.seed})
  --watch-pid PID        report the CPU time of this process, too; may be given several times
  --json FILE            write the report as JSON; - for the standard output, and nothing else there
Exit code: 0, 1 when an answer was not OK or a check failed, 2 for wrong usage.`;

export interface LoadCommand {
  readonly options: LoadOptions;
  readonly json: string | undefined;
}

/** Throws on unknown or malformed arguments; undefined when help was asked for. */
export function parseLoadArguments(args: readonly string[]): LoadCommand | undefined {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      endpoint: { type: "string", multiple: true },
      dialect: text,
      connections: text,
      "take-turns": flag,
      "in-flight": text,
      duration: text,
      count: text,
      "warm-up": text,
      keys: text,
      "key-prefix": text,
      distribution: text,
      "value-bytes": text,
      gets: text,
      cas: text,
      "no-request-id": flag,
      preload: flag,
      verify: flag,
      "deadline-ms": text,
      seed: text,
      "watch-pid": { type: "string", multiple: true },
      json: text,
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return undefined;
  const number = (value: string | undefined, fallback: number): number =>
    value === undefined ? fallback : Number(value);
  const d = LOAD_DEFAULTS;
  const options: LoadOptions = {
    dialect: values.dialect === undefined ? d.dialect : dialectName(values.dialect),
    endpoints: (values.endpoint ?? ["127.0.0.1:4600"]).map(parseEndpoint),
    connections: number(values.connections, d.connections),
    inFlight: number(values["in-flight"], d.inFlight),
    takeTurns: values["take-turns"] === true,
    durationMs: 1000 * number(values.duration, d.durationMs / 1000),
    count: number(values.count, d.count),
    warmUpMs: 1000 * number(values["warm-up"], d.warmUpMs / 1000),
    keys: number(values.keys, d.keys),
    keyPrefix: values["key-prefix"] ?? d.keyPrefix,
    distribution: values.distribution === undefined ? d.distribution : parseDistribution(values.distribution),
    valueBytes: number(values["value-bytes"], d.valueBytes),
    getFraction: number(values.gets, d.getFraction),
    casFraction: number(values.cas, d.casFraction),
    requestId: values["no-request-id"] !== true,
    preload: values.preload === true,
    verify: values.verify === true,
    deadlineMs: number(values["deadline-ms"], d.deadlineMs),
    seed: number(values.seed, d.seed),
    connectLimitMs: d.connectLimitMs,
    watchPids: (values["watch-pid"] ?? []).map(Number),
  };
  return { options: checkOptions(options), json: values.json };
}

function dialectName(text: string): DialectName {
  const names = Object.keys(DIALECTS).join(", ");
  if (text !== "onar" && text !== "etcd" && text !== "nats") throw new Error(`unknown dialect "${text}": ${names}`);
  return text;
}
