/**
 * All commands of the program and their options. The parts of a command are loaded when it runs: this file stays quick
 * to load, since every command waits for it.
 */
import type { Command } from "commander";
import { jsonText } from "../base/printable.js";
import { DEFAULT_CLIENT_PORT, DEFAULT_PARTITIONS, DEFAULT_REPLICATION_FACTOR, TRANSPORTS } from "../config/config.js";
import { CLIENT_SETTINGS } from "../config/settings.js";
import { MAX_NODES } from "../config/values.js";
import { version } from "../version.js";
import type { DoctorOptions } from "./doctor/doctor.js";
import { EXIT } from "./ending/exit.js";
import { clientOptions, nodeOptions, optionOf } from "./flags/options.js";
import type { ClusterOptions } from "./local/cluster.js";
import type { LockOptions } from "./lock/lock.js";
import { DEFAULT_LEASE_S, TOKEN_VARIABLE } from "./lock/names.js";
import type { OutputOptions } from "./start/config-commands.js";
import type { StartOptions } from "./start/start.js";
import type { WaitOptions } from "./status/wait.js";
import type { Io } from "./terminal/io.js";
import { SHELLS } from "./tree/completion.js";
import { example, GROUP } from "./tree/help.js";
import { type Ends, root } from "./tree/root.js";
import { addBackupCommands } from "./tree/tree-backup.js";
import { addKeyCommands } from "./tree/tree-keys.js";
import { addMemberCommands } from "./tree/tree-members.js";

export interface TreeOptions {
  readonly io: Io;
  /** The file to start further nodes with. */
  readonly program: string;
  readonly ends: Ends;
}

export function onarTree({ io, program, ends }: TreeOptions): Command {
  const onar = root(io)
    .configureOutput({ outputError: (text, write) => write(withHint(text)) })
    .description("A linearizable, replicated, partitioned key-value store over gRPC. Without a command: a prompt.")
    .version(`onar ${version}`, "-V, --version", "print the version");

  onar.commandsGroup(GROUP.running);
  nodeOptions(onar.command("start"))
    .description("Run a node in the foreground. SIGTERM or Ctrl-C stops it in order, a second one at once.")
    .addHelpText(
      "after",
      example(
        "onar start --listen 127.0.0.1:4600 --peer-listen 127.0.0.1:4700 \\",
        "  --join 127.0.0.1:4701,127.0.0.1:4702 --expect 3 --data /var/lib/onar",
      ),
    )
    .action(
      ends(async (options: StartOptions) => {
        const { start } = await import("./start/start.js");
        return start(options, io, program);
      }),
    );

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
    .option("--data <dir>", "keep the nodes' data here, each in a directory of its own (default: .onar-data)")
    .option("--memory", "keep all data in memory: it is forgotten when the cluster stops")
    .option(
      "--transport <name>",
      `what serves clients at each node: ${TRANSPORTS.join(" or ")} (default: ${DEFAULT_CLIENT_PORT.transport})`,
    )
    .option("--verbose", "show what the nodes print")
    .addHelpText("after", example("onar cluster --nodes 3 --base-port 4600 --memory"))
    .action(
      ends(async (options: ClusterOptions) => {
        const { cluster } = await import("./local/cluster.js");
        return cluster(options, io, program);
      }),
    );

  onar
    .command("demo")
    .description("Run three real nodes on a temporary directory, with a prompt that can kill, pause and restart them.")
    .option("--nodes <n>", `number of nodes, 1 to ${MAX_NODES}`, "3")
    .addHelpText("after", example("onar demo", "onar demo --nodes 5"))
    .action(
      ends(async (options: { readonly nodes: string }) => {
        const { demo } = await import("./demo/demo.js");
        return demo(options, io, program);
      }),
    );

  onar
    .command("prompt")
    .helpGroup(GROUP.keys)
    .description(
      "Type commands one after the other: history, completion, help. Standard input that is no terminal is run as a script.",
    )
    .option("--no-history", "keep nothing of what is typed (or ONAR_HISTORY=off)")
    .addHelpText("after", example("onar prompt", "onar prompt < commands.txt"))
    .action(
      ends(async ({ history }: { readonly history: boolean }) => {
        const { prompt } = await import("./prompt/prompt.js");
        return prompt({ io, history });
      }),
    );

  addKeyCommands(onar, { io, ends });
  addMemberCommands(onar, { io, ends });

  clientOptions(onar.command("wait"))
    .helpGroup(GROUP.looking)
    .description(
      "Wait until the cluster is ready: all its nodes are there and every partition has a writer. Exit code 1: it is not, within --timeout.",
    )
    .option("--ready", "what to wait for")
    .addHelpText("after", example("onar wait --ready --timeout 60 && onar put hello world"))
    .action(
      ends(async (options: WaitOptions) => {
        const { wait } = await import("./status/wait.js");
        return wait(options, io);
      }),
    );

  clientOptions(onar.command("lock <NAME> <COMMAND...>"))
    .helpGroup(GROUP.keys)
    .description(
      `Run a command while a lock is held, and end with its exit code. ${TOKEN_VARIABLE} in its environment is a number that grows with every holder: what the lock protects refuses lower ones. The lock is renewed until the command ends. When it is lost, the command is stopped and the exit code is 1. Signals are passed on.`,
    )
    .option("--lease <seconds>", "others may take the lock when it was not renewed for so long", DEFAULT_LEASE_S)
    .option("--wait <seconds>", "give up, with exit code 3, when it is not free within this (default: wait on)")
    .addHelpText(
      "after",
      example("onar lock nightly -- ./report.sh", "onar lock nightly --wait 0 -- ./report.sh --all"),
    )
    .action(
      ends(async (name: string, command: string[], options: LockOptions) => {
        const { lock } = await import("./lock/lock.js");
        return lock(name, command, options, io);
      }),
    );

  addBackupCommands(onar, { io, ends });

  const config = onar.command("config").description("Check a file of settings, or show what a node would start with.");
  config.helpGroup(GROUP.running);
  config
    .command("check <FILE>")
    .description("Check a file of settings without starting anything. Exit code 2: something is wrong in it.")
    .addOption(optionOf("output", CLIENT_SETTINGS.output))
    .addHelpText("after", example("onar config check onar.yaml"))
    .action(
      ends(async (file: string, options: OutputOptions) => {
        const { checkConfig } = await import("./start/config-commands.js");
        return checkConfig(file, options, io);
      }),
    );
  nodeOptions(config.command("show"))
    .description("Show what onar start with the same flags would use, and where each value came from.")
    .addOption(optionOf("output", CLIENT_SETTINGS.output))
    .addHelpText("after", example("onar config show --config onar.yaml", "ONAR_ZONE=b onar config show -o json"))
    .action(
      ends(async (options: StartOptions & OutputOptions) => {
        const { showConfig } = await import("./start/config-commands.js");
        return showConfig(options, io);
      }),
    );
  config.addHelpText("after", example("onar config check onar.yaml", "onar config show --config onar.yaml"));

  clientOptions(onar.command("doctor"))
    .helpGroup(GROUP.looking)
    .description(
      "Look for what is wrong: this machine's Node.js, clock, disk and ports, and the nodes. Exit code 1: something is.",
    )
    .option("--config <file>", "check the ports and the directory of this file of settings, too")
    .option("--dir <directory>", "measure how long a sync to disk takes here")
    .option("--ports <addresses>", "check that these are free, HOST:PORT,HOST:PORT,…")
    .addHelpText("after", example("onar doctor", "onar doctor --endpoint a:4600,b:4600 --dir /var/lib/onar"))
    .action(
      ends(async (options: DoctorOptions) => {
        const { doctor } = await import("./doctor/doctor.js");
        return doctor(options, io);
      }),
    );

  onar
    .command("completion <SHELL>")
    .helpGroup(GROUP.rest)
    .description(`Print a script that completes commands and options, for ${SHELLS.join(", ")}.`)
    .addHelpText(
      "after",
      example(
        "onar completion bash > ~/.local/share/bash-completion/completions/onar",
        "onar completion fish > ~/.config/fish/completions/onar.fish",
      ),
    )
    .action(
      ends(async (shell: string) => {
        const { completion } = await import("./tree/completion.js");
        return completion(shell, onar, io);
      }),
    );

  onar
    .command("version")
    .helpGroup(GROUP.rest)
    .description("Print the version, as --version does.")
    .addOption(optionOf("output", CLIENT_SETTINGS.output))
    .action(
      ends(async (options: OutputOptions) => {
        const { formatOf } = await import("./flags/target.js");
        io.out(formatOf(options, io) === "json" ? `${jsonText({ version })}\n` : `onar ${version}\n`);
        return EXIT.done;
      }),
    );

  return onar.addHelpText("after", EXIT_CODES);
}

const EXIT_CODES = `
Exit codes:
  0  done
  1  not done
  2  wrong usage
  3  key missing, or condition not met
  4  unknown whether a write was executed
  5  done, but the output could not be written

Example:
  onar demo
  onar cluster --nodes 3 --base-port 4600 --memory
  onar put hello world && onar get hello`;

/** Where a wrong word alone does not say what to do. */
function withHint(text: string): string {
  const hint = /unknown command/.test(text)
    ? "(onar --help lists the commands)\n"
    : /unknown option '(--(endpoint|timeout|output)|-[eo])/.test(text)
      ? "(options go after the command, as in: onar prompt --endpoint HOST:PORT)\n"
      : "";
  return `${text.trimEnd()}\n${hint}`;
}
