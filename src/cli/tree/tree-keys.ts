/** The commands that call nodes: of the program and of its prompt. */
import type { Command } from "commander";
import { clientOptions } from "../flags/options.js";
import type { CommonOptions } from "../flags/target.js";
import type { AddOptions, ConditionOptions, GetOptions, KeyOptions } from "../keys/commands.js";
import { ENCODINGS } from "../keys/encoding.js";
import type { HealthOptions } from "../status/health.js";
import type { Io } from "../terminal/io.js";
import { addForeignWords } from "./foreign-words.js";
import { example, GROUP } from "./help.js";
import type { Ends } from "./root.js";

export interface KeyTreeOptions {
  readonly io: Io;
  readonly ends: Ends;
}

export function addKeyCommands(onar: Command, { io, ends }: KeyTreeOptions): void {
  onar.commandsGroup(GROUP.keys);
  withKey(onar.command("get <KEY>"))
    .description(
      "Print the value of a key and nothing else: its exact bytes, with a line end only on a terminal. Exit code 3: no such key.",
    )
    .option("--local", "read the replica's own settled copy: faster, may be old, never a value that could vanish")
    .addHelpText("after", example("onar get hello", "onar get hello --local -o json"))
    .action(
      ends(async (key: string, options: GetOptions) => {
        const { get } = await import("../keys/commands.js");
        return get(key, options, io);
      }),
    );

  withKey(onar.command("put <KEY> <VALUE>").alias("set"))
    .description("Store a value. VALUE - reads standard input, byte for byte.")
    .addHelpText(
      "after",
      example("onar put hello world", "onar put photo - < photo.jpg", "onar put -- -key-with-dash -value"),
    )
    .action(
      ends(async (key: string, value: string, options: KeyOptions) => {
        const { put } = await import("../keys/commands.js");
        return put(key, value, options, io);
      }),
    );

  withConditions(withKey(onar.command("cas <KEY> <VALUE>").alias("compare-and-set")))
    .description(
      "Store a value if a condition holds: compare and set. VALUE - reads standard input. Exit code 3: it did not hold.",
    )
    .addHelpText("after", example("onar cas hello again --if-version 17", "onar cas lock mine --if-absent"))
    .action(
      ends(async (key: string, value: string, options: ConditionOptions) => {
        const { compareAndSet } = await import("../keys/commands.js");
        return compareAndSet(key, value, options, io);
      }),
    );

  withConditions(withKey(onar.command("delete <KEY>").aliases(["del", "rm"])))
    .description(
      "Remove a key, on a condition if one is given. Exit code 3: no such key, or the condition did not hold.",
    )
    .addHelpText("after", example("onar delete hello", "onar delete hello --if-version 17"))
    .action(
      ends(async (key: string, options: ConditionOptions) => {
        const { remove } = await import("../keys/commands.js");
        return remove(key, options, io);
      }),
    );

  withKey(onar.command("add <KEY> [DELTA]").alias("incr"))
    .description(
      "Add a signed 64-bit number to the one that the key holds. An absent key counts as 0. DELTA is 1 when left out; - reads standard input.",
    )
    .option("--times <n>", "repeat n times; each repetition takes effect exactly once, even if nodes die")
    .addHelpText("after", example("onar add visits 1", "onar add visits -5", "onar add visits --times 1000"))
    .action(
      ends(async (key: string, delta: string | undefined, options: AddOptions) => {
        const { add } = await import("../keys/commands.js");
        return add(key, delta ?? "1", options, io);
      }),
    );

  addForeignWords(onar, ends);

  onar.commandsGroup(GROUP.looking);
  clientOptions(onar.command("status"))
    .description(
      "Show the nodes, who hears whom, and how many partitions have a writer. Exit code 1: something is wrong, or no node answered.",
    )
    .addHelpText("after", example("onar status", "onar status --endpoint 127.0.0.1:4601 -o json"))
    .action(
      ends(async (options: CommonOptions) => {
        const { status } = await import("../status/status.js");
        return status(options, io);
      }),
    );
  clientOptions(onar.command("health"))
    .description("Ask a node for its health. Exit code 0: it serves; 1: it does not, or it does not answer.")
    .option("--live", "ask only whether the process answers, not whether it serves")
    .addHelpText("after", example("onar health", "onar health --live --endpoint 127.0.0.1:4601 --timeout 2"))
    .action(
      ends(async (options: HealthOptions) => {
        const { health } = await import("../status/health.js");
        return health(options, io);
      }),
    );
}

function withKey(command: Command): Command {
  return clientOptions(command)
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

const DASH_HINT = "(a key or value that begins with a dash goes after --, as in: onar put -- KEY -VALUE)";
