/** Commands for the day on which a cluster is gone. */
import type { Command } from "commander";
import type { RestoreOptions } from "./backup/restore.js";
import type { CommonOptions } from "./commands.js";
import { example } from "./help.js";
import { clientOptions } from "./options.js";
import type { KeyTreeOptions } from "./tree-keys.js";

export function addBackupCommands(onar: Command, { io, ends }: KeyTreeOptions): void {
  clientOptions(onar.command("backup <FILE>"))
    .description(
      "Copy all keys of a running cluster to a new file: at least what was acknowledged before it began. --timeout is for each request, not for the whole.",
    )
    .addHelpText(
      "after",
      example("onar backup onar-2026-11-21.backup", "onar backup /backups/today --endpoint a:4600,b:4600"),
    )
    .action(
      ends(async (file: string, options: CommonOptions) => {
        const { backup } = await import("./backup/backup.js");
        return backup(file, options, io);
      }),
    );

  clientOptions(onar.command("restore <FILE>"))
    .description(
      "Write a backup into a new cluster that has never held a key, of any size. The whole file is checked first. --timeout is for each request.",
    )
    .option("--check", "only check the file and tell what is in it; no cluster is called")
    .option("--continue", "go on with a restore of the same file that was interrupted")
    .addHelpText(
      "after",
      example(
        "onar restore onar-2026-11-21.backup --check",
        "onar restore onar-2026-11-21.backup --endpoint 127.0.0.1:4600",
      ),
    )
    .action(
      ends(async (file: string, options: RestoreOptions) => {
        const { restore } = await import("./backup/restore.js");
        return restore(file, options, io);
      }),
    );
}
