/** The commands on single keys: arguments to a call, its answer to what is printed and an exit code. */
import type { CallOptions, Condition, Outcome, OutcomeCalls } from "../../client/client.js";
import { MAX_MESSAGE_BYTES } from "../../config/settings.js";
import { formatAddress, oneOf, wholeNumber } from "../../config/values.js";
import type { Target } from "../calls/call.js";
import { Connections } from "../calls/connections.js";
import type { Answered } from "../calls/key-client.js";
import { CliError, EXIT, type ExitCode, usage } from "../ending/exit.js";
import { delta, version } from "../flags/arguments.js";
import { type CommonOptions, formatOf, targetOf } from "../flags/target.js";
import { type Io, readAll } from "../terminal/io.js";
import { showProgress } from "../terminal/progress.js";
import { addTimes } from "./counting.js";
import { decode, decodeInput, ENCODINGS, type Encoding } from "./encoding.js";
import { Printer } from "./print.js";

/** As they come from the command line; checked by settingOf. */
export interface KeyOptions extends CommonOptions {
  readonly keyEncoding: string;
  readonly valueEncoding: string;
}
export interface ConditionOptions extends KeyOptions {
  readonly ifVersion?: string;
  readonly ifValue?: string;
  readonly ifAbsent?: true;
  readonly ifPresent?: true;
}
export interface AddOptions extends KeyOptions {
  readonly times?: string;
}
export interface GetOptions extends KeyOptions {
  readonly local?: true;
}

/** The most that a message may hold, whatever the nodes' limits: more is not even read from standard input. */
const MAX_INPUT_BYTES = MAX_MESSAGE_BYTES;
const MAX_TIMES = 1_000_000_000;

/** A command's checked settings. */
export interface Setting {
  readonly target: Target;
  readonly key: Buffer;
  readonly valueEncoding: Encoding;
  readonly printer: Printer;
}

export function settingOf(keyText: string, options: KeyOptions, io: Io): Setting {
  const keyEncoding = oneOf("--key-encoding", options.keyEncoding, ENCODINGS);
  const valueEncoding = oneOf("--value-encoding", options.valueEncoding, ENCODINGS);
  const format = formatOf(options, io);
  const target = targetOf(options, io);
  const key = decode("KEY", keyText, keyEncoding, "--key-encoding");
  if (key.length === 0) throw usage("KEY must have at least one byte; it is empty");
  return { target, key, valueEncoding, printer: new Printer({ io, format, key, keyEncoding, valueEncoding }) };
}

export async function get(keyText: string, options: GetOptions, io: Io): Promise<ExitCode> {
  const { target, key, printer } = settingOf(keyText, options, io);
  const consistency = options.local === true ? "local" : "linearizable";
  const answered = await ask(io, target, (calls, within) => calls.get(key, { ...within, consistency }));
  printer.got(answered);
  return answered.answer.entry === undefined ? EXIT.condition : EXIT.done;
}

export async function put(keyText: string, valueText: string, options: KeyOptions, io: Io): Promise<ExitCode> {
  const { target, key, valueEncoding, printer } = settingOf(keyText, options, io);
  const value = await readValue(valueText, valueEncoding, io);
  printer.stored(await ask(io, target, (calls, within) => calls.put(key, value, within)));
  return EXIT.done;
}

export async function compareAndSet(
  keyText: string,
  valueText: string,
  options: ConditionOptions,
  io: Io,
): Promise<ExitCode> {
  const { target, key, valueEncoding, printer } = settingOf(keyText, options, io);
  const condition = conditionOf(options, valueEncoding);
  if (condition === undefined)
    throw usage("cas needs a condition: --if-version N, --if-value V, --if-absent or --if-present");
  const value = await readValue(valueText, valueEncoding, io);
  const answered = await ask(io, target, (calls, within) => calls.compareAndSet(key, condition, value, within));
  printer.swapped(answered);
  return answered.answer.swapped ? EXIT.done : EXIT.condition;
}

export async function remove(keyText: string, options: ConditionOptions, io: Io): Promise<ExitCode> {
  const { target, key, valueEncoding, printer } = settingOf(keyText, options, io);
  const condition = conditionOf(options, valueEncoding);
  const more = condition === undefined ? {} : { condition };
  const answered = await ask(io, target, (calls, within) => calls.delete(key, { ...within, ...more }));
  printer.deleted(answered, condition !== undefined);
  return answered.answer.deleted ? EXIT.done : EXIT.condition;
}

export async function add(keyText: string, deltaText: string, options: AddOptions, io: Io): Promise<ExitCode> {
  const { target, key, printer } = settingOf(keyText, options, io);
  const times = options.times === undefined ? null : wholeNumber("--times", options.times, 1, MAX_TIMES);
  const text = deltaText === "-" ? (await input("DELTA", io)).toString("latin1").trim() : deltaText;
  const amount = delta("DELTA", text);
  if (times !== null) {
    let done = 0;
    const counting = addTimes({ target, key, delta: amount, times, progress: (count) => (done = count) });
    const answer = await showProgress(io, () => `added ${done} of ${times} times`, counting);
    printer.addedTimes(answer, times);
    return EXIT.done;
  }
  printer.added(await ask(io, target, (calls, within) => calls.add(key, amount, within)));
  return EXIT.done;
}

/** A call on a key that says so when it takes long. */
async function ask<O extends Outcome>(
  io: Io,
  target: Target,
  run: (calls: OutcomeCalls, within: CallOptions) => Promise<O>,
): Promise<Answered<O>> {
  const connections = target.connections ?? new Connections();
  try {
    const call = connections.keys(target.endpoints).call(run, target);
    return await showProgress(io, () => `waiting for ${target.endpoints.map(formatAddress).join(", ")}`, call);
  } finally {
    if (target.connections === undefined) await connections.close();
  }
}

async function readValue(text: string, encoding: Encoding, io: Io): Promise<Buffer> {
  if (text === "-") return decodeInput("VALUE", await input("VALUE", io), encoding, "--value-encoding");
  return decode("VALUE", text, encoding, "--value-encoding");
}

async function input(name: string, io: Io): Promise<Buffer> {
  const bytes = await readAll(io.stdin, MAX_INPUT_BYTES);
  if (bytes === null)
    throw new CliError(
      EXIT.notDone,
      `${name} on standard input is longer than a message may be, ${MAX_INPUT_BYTES} bytes`,
    );
  return bytes;
}

function conditionOf(options: ConditionOptions, valueEncoding: Encoding): Condition | undefined {
  const given = [
    options.ifVersion === undefined ? "" : "--if-version",
    options.ifValue === undefined ? "" : "--if-value",
    options.ifAbsent === undefined ? "" : "--if-absent",
    options.ifPresent === undefined ? "" : "--if-present",
  ].filter((name) => name !== "");
  if (given.length > 1) throw usage(`only one condition may be given; these were: ${given.join(", ")}`);
  if (options.ifVersion !== undefined) {
    return { version: version("--if-version", options.ifVersion) };
  }
  if (options.ifValue !== undefined) {
    return { value: decode("--if-value", options.ifValue, valueEncoding, "--value-encoding") };
  }
  if (options.ifAbsent === true) return "absent";
  if (options.ifPresent === true) return "present";
  return undefined;
}
