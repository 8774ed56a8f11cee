/**
 * The command line: what commands and options there are, and how whatever happens ends in an exit code (see exit.ts). Values of options are
 * checked by the commands themselves (arguments.ts), so that all errors read alike.
 */
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { Command, CommanderError, Option } from "commander";
import { DEFAULT_PARTITIONS, DEFAULT_REPLICATION_FACTOR } from "../config.js";
import { version } from "../version.js";
import { MAX_NODES } from "./arguments.js";
import { type ClusterOptions, cluster } from "./cluster.js";
import {
  add,
  type CommonOptions,
  type ConditionOptions,
  compareAndSet,
  DEFAULT_ENDPOINT,
  DEFAULT_TIMEOUT_S,
  type GetOptions,
  get,
  type KeyOptions,
  put,
  remove,
} from "./commands.js";
import { ENCODINGS } from "./encoding.js";
import { CliError, EXIT, type ExitCode, messageOf } from "./exit.js";
import type { Io } from "./io.js";
import { FORMATS } from "./print.js";
import { LOG_LEVELS, type StartOptions, start } from "./start.js";
import { status } from "./status.js";

/** Runs one command line (without node and program) to its exit code. `program` is the file to start further nodes with. */
export async function run(args: readonly string[], io: Io, program: string): Promise<ExitCode> {
  // What the gRPC library has to say reaches people in our words, unless they ask for its own.
  if (io.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
  let code: ExitCode = EXIT.done;
  const ends =
    <Rest extends unknown[]>(command: (...rest: Rest) => Promise<ExitCode>) =>
    async (...rest: Rest): Promise<void> => {
      code = await command(...rest);
    };
  try {
    await commandLine(io, program, ends).parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof CliError)) {
      io.error(`error: ${messageOf(error)}`);
      return EXIT.notDone;
    }
    if (wantsJson(args)) io.error(JSON.stringify(errorJson(error)));
    else io.error(`${error.exitCode === EXIT.unknown ? "unknown" : "error"}: ${error.message}`);
    return error.exitCode;
  }
}

/** With -o json errors are JSON, too: one object on standard error. */
const errorJson = (error: CliError): object => ({
  error: {
    outcome: error.exitCode === EXIT.unknown ? "unknown" : error.exitCode === EXIT.usage ? "usage" : "notDone",
    message: error.message,
    ...error.facts,
  },
});

function wantsJson(args: readonly string[]): boolean {
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  return own.some(
    (arg, i) => /^(-o=?|--output=)json$/.test(arg) || (/^(-o|--output)$/.test(arg) && own[i + 1] === "json"),
  );
}

type Ends = <Rest extends unknown[]>(command: (...rest: Rest) => Promise<ExitCode>) => (...rest: Rest) => Promise<void>;

function commandLine(io: Io, program: string, ends: Ends): Command {
  const onar = new Command("onar")
    .description("A linearizable, replicated, partitioned key-value store over gRPC.")
    .version(`onar ${version}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.error(text.trimEnd()),
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
    });

  onar
    .command("start")
    .description("Run one node in the foreground. SIGTERM or Ctrl-C stops it in order, a second one at once.")
    .option("--listen <host:port>", "serve clients here; port 0 takes a free one")
    .option("--peer-listen <host:port>", "serve other nodes here")
    .option("--advertise <host:port>", "where clients are told to connect (default: where it listens)")
    .option("--peer-advertise <host:port>", "where other nodes are told to connect (default: where it listens)")
    .option(
      "--join <peers>",
      "peer addresses of all founding nodes, HOST:PORT,HOST:PORT,…; this node's own may be among them",
    )
    .option("--expect <nodes>", `number of founding nodes, 1 to ${MAX_NODES}: the cluster exists once all are there`)
    .option(
      "--replication-factor <n>",
      `replicas per key, at most --expect (default: ${DEFAULT_REPLICATION_FACTOR}, or --expect if less)`,
    )
    .option(
      "--partitions <n>",
      `partitions, a power of two up to 65536; fixed for ever (default: ${DEFAULT_PARTITIONS})`,
    )
    .option("--zone <name>", "failure zone; replicas are put into different zones where there are enough")
    .option("--cluster-id <hex>", "refuse every other cluster: 32 hexadecimal digits")
    .option("--memory", "keep all data in memory: it is forgotten when the node stops (required as yet)")
    .option("--log-level <level>", `how much to tell: ${LOG_LEVELS.join(", ")}`, "info")
    .addHelpText(
      "after",
      example(
        "onar start --listen 127.0.0.1:4600 --peer-listen 127.0.0.1:4700 \\",
        "  --join 127.0.0.1:4701,127.0.0.1:4702 --expect 3 --memory",
      ),
    )
    .action(ends((options: StartOptions) => start(options, io)));

  onar
    .command("cluster")
    .description("Run a local cluster of real processes until Ctrl-C, for trying things out.")
    .option("--nodes <n>", `number of nodes, 1 to ${MAX_NODES}`, "3")
    .option("--base-port <port>", "clients at this port and up, peers 100 above", "4600")
    .option(
      "--replication-factor <n>",
      `replicas per key, at most --nodes (default: ${DEFAULT_REPLICATION_FACTOR}, or --nodes if less)`,
    )
    .option("--partitions <n>", `partitions, a power of two up to 65536 (default: ${DEFAULT_PARTITIONS})`)
    .option("--memory", "keep all data in memory: it is forgotten when the cluster stops (required as yet)")
    .option("--verbose", "show what the nodes print")
    .addHelpText("after", example("onar cluster --nodes 3 --base-port 4600 --memory"))
    .action(ends((options: ClusterOptions) => cluster(options, io, program)));

  withKey(onar.command("get <KEY>"))
    .description(
      "Print the value of a key and nothing else: its exact bytes, with a line end only on a terminal. Exit code 3: no such key.",
    )
    .option("--local", "read the replica's own settled copy: faster, may be old, never a value that could vanish")
    .addHelpText("after", example("onar get hello", "onar get hello --local -o json"))
    .action(ends((key: string, options: GetOptions) => get(key, options, io)));

  withKey(onar.command("put <KEY> <VALUE>"))
    .description("Store a value. VALUE - reads standard input, byte for byte.")
    .addHelpText(
      "after",
      example("onar put hello world", "onar put photo - < photo.jpg", "onar put -- -key-with-dash -value"),
    )
    .action(ends((key: string, value: string, options: KeyOptions) => put(key, value, options, io)));

  withConditions(withKey(onar.command("cas <KEY> <VALUE>")))
    .description(
      "Compare and set: store a value if the condition holds. VALUE - reads standard input. Exit code 3: it did not hold.",
    )
    .addHelpText("after", example("onar cas hello again --if-version 17", "onar cas lock mine --if-absent"))
    .action(ends((key: string, value: string, options: ConditionOptions) => compareAndSet(key, value, options, io)));

  withConditions(withKey(onar.command("delete <KEY>")))
    .description(
      "Remove a key, on a condition if one is given. Exit code 3: no such key, or the condition did not hold.",
    )
    .addHelpText("after", example("onar delete hello", "onar delete hello --if-version 17"))
    .action(ends((key: string, options: ConditionOptions) => remove(key, options, io)));

  withKey(onar.command("add <KEY> <DELTA>"))
    .description(
      "Add a signed 64-bit number to the one that the key holds; an absent key counts as 0. DELTA - reads standard input.",
    )
    .addHelpText("after", example("onar add visits 1", "onar add visits -5"))
    .action(ends((key: string, delta: string, options: KeyOptions) => add(key, delta, options, io)));

  withCommon(onar.command("status"))
    .description("Show the nodes, who hears whom, and how many partitions have a writer.")
    .addHelpText("after", example("onar status", "onar status --endpoint 127.0.0.1:4601 -o json"))
    .action(ends((options: CommonOptions) => status(options, io)));

  return onar.addHelpText("after", EXIT_CODES);
}

function withCommon(command: Command): Command {
  return command
    .addOption(
      new Option(
        "-e, --endpoint <addresses>",
        `nodes to call, HOST:PORT,HOST:PORT,…: the next one when one fails (default: ${DEFAULT_ENDPOINT}, or ONAR_ENDPOINT)`,
      ),
    )
    .option("-o, --output <format>", FORMATS.join(" or "), "text")
    .option("--timeout <seconds>", "give up after this long, retries included", DEFAULT_TIMEOUT_S);
}

function withKey(command: Command): Command {
  return withCommon(command)
    .configureOutput({
      outputError: (text, write) => write(/unknown option '-/.test(text) ? `${text.trimEnd()}\n${DASH_HINT}\n` : text),
    })
    .option("--key-encoding <encoding>", `how KEY is given: ${ENCODINGS.join(", ")}`, "text")
    .option("--value-encoding <encoding>", `how values are given and printed: ${ENCODINGS.join(", ")}`, "text");
}

function withConditions(command: Command): Command {
  return command
    .option("--if-version <n>", "only if the key has this version")
    .option("--if-value <value>", "only if the key has this value")
    .option("--if-absent", "only if the key does not exist")
    .option("--if-present", "only if the key exists");
}

const HELP_WIDTH = 110;
const DASH_HINT = "(a key or value that begins with a dash goes after --, as in: onar put -- KEY -VALUE)";

const example = (...lines: string[]): string => `\nExample:\n${lines.map((line) => `  ${line}`).join("\n")}`;

const EXIT_CODES = `
Exit codes:
  0 done   1 not done   2 wrong usage   3 key missing or condition not met   4 unknown whether a write was executed

Example:
  onar cluster --nodes 3 --base-port 4600 --memory
  onar put hello world && onar get hello`;
