/** Commands for the day on which a cluster is gone. */
import type { Command } from "commander";
import { CLIENT_SETTINGS } from "../../config/settings.js";
import type { RecoverOptions } from "../backup/recover.js";
import type { RestoreOptions } from "../backup/restore.js";
import { clientOptions, optionOf } from "../flags/options.js";
import type { CommonOptions } from "../flags/target.js";
import { ENCODINGS } from "../keys/encoding.js";
import type { InspectOptions } from "../start/inspect.js";
import { example, GROUP } from "./help.js";
import type { KeyTreeOptions } from "./tree-keys.js";

export function addBackupCommands(onar: Command, { io, ends }: KeyTreeOptions): void {
  onar.commandsGroup(GROUP.data);
  clientOptions(onar.command("backup <FILE>"))
    .description(
      "Copy all keys of a running cluster to a new file: at least what was acknowledged before it began. FILE - writes to standard output. --timeout: give up when nothing has moved on for this long.",
    )
    .addHelpText(
      "after",
      example(
        "onar backup onar-2026-11-21.backup",
        "onar backup /backups/today --endpoint a:4600,b:4600",
        "onar backup - | gzip > today.backup.gz",
      ),
    )
    .action(
      ends(async (file: string, options: CommonOptions) => {
        const { backup } = await import("../backup/backup.js");
        return backup(file, options, io);
      }),
    );

  clientOptions(onar.command("restore <FILE>"))
    .description(
      "Write a backup into a new cluster that has never held a key, of any size. The whole file is checked first. FILE - reads standard input, which is kept in the folder for temporary files meanwhile. --timeout: give up when nothing has moved on for this long.",
    )
    .option("--check", "only check the file and tell what is in it; no cluster is called")
    .option("--continue", "go on with a restore of the same file that was interrupted")
    .addHelpText(
      "after",
      example(
        "onar restore onar-2026-11-21.backup --check",
        "onar restore onar-2026-11-21.backup --endpoint 127.0.0.1:4600",
        "gunzip -c today.backup.gz | onar restore -",
      ),
    )
    .action(
      ends(async (file: string, options: RestoreOptions) => {
        const { restore } = await import("../backup/restore.js");
        return restore(file, options, io);
      }),
    );

  onar
    .command("recover <DIR...>")
    .description(
      "For when too many nodes are lost. Tell what the directories that are left hold, and write that to a backup for a new cluster. The nodes must be stopped. No directory is changed.",
    )
    .option("--plan", "only report what would be recovered, and what may be lost")
    .option("--to <file>", "write what is recovered to this new file, for onar restore")
    .option("--confirm <cluster>", "the id of the cluster: accept what the report says is lost")
    .addOption(optionOf("output", CLIENT_SETTINGS.output))
    .addHelpText(
      "after",
      example(
        "onar recover /mnt/a /mnt/b --plan",
        "onar recover /mnt/a /mnt/b --to saved.backup --confirm 6f1e…",
        "onar restore saved.backup --endpoint new:4600",
      ),
    )
    .action(
      ends(async (directories: string[], options: RecoverOptions) => {
        const { recover } = await import("../backup/recover.js");
        return recover(directories, options, io);
      }),
    );

  onar
    .command("inspect <DIR>")
    .description(
      "Read the directory of a node that is stopped: who it is, what it promised, what it holds. Nothing is changed.",
    )
    .option("--partitions", "a line for each partition, too")
    .option("--keys", "list the keys instead, one a line; with -o json also deleted ones, and more of each")
    .option("--partition <n>", "only this partition")
    .option("--key <key>", "show what this copy holds of one key. Exit code 3: nothing")
    .option("--key-encoding <encoding>", `how keys are given and printed: ${ENCODINGS.join(", ")}`, "text")
    .option("--value-encoding <encoding>", `how values are printed: ${ENCODINGS.join(", ")}`, "text")
    .addOption(optionOf("output", CLIENT_SETTINGS.output))
    .addHelpText(
      "after",
      example(
        "onar inspect /var/lib/onar",
        "onar inspect /var/lib/onar --keys --partition 17",
        "onar inspect /var/lib/onar --key hello -o json",
      ),
    )
    .action(
      ends(async (directory: string, options: InspectOptions) => {
        const { inspect } = await import("../start/inspect.js");
        return inspect(directory, options, io);
      }),
    );
}
