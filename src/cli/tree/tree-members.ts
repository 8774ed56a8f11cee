/** Commands that look at the members of a cluster and change them. */
import type { Command } from "commander";
import { clientOptions } from "../flags/options.js";
import type { CommonOptions } from "../flags/target.js";
import type {
  ChangeOptions,
  EmptyingOptions,
  RebalanceOptions,
  RemoveOptions,
  TransferOptions,
} from "../members/change.js";
import type { OperationsOptions } from "../members/operations.js";
import type { ViewOptions } from "../members/view.js";
import { example, GROUP } from "./help.js";
import type { KeyTreeOptions } from "./tree-keys.js";

export function addMemberCommands(onar: Command, { io, ends }: KeyTreeOptions): void {
  clientOptions(onar.command("view"))
    .description("Show the newest view that a node knows: members, voters, replicas.")
    .option("--partitions", "a line for each partition, too")
    .option("--watch", "show each further view, too, until Ctrl-C")
    .addHelpText("after", example("onar view", "onar view --partitions", "onar view --watch -o json"))
    .action(
      ends(async (options: ViewOptions) => {
        const { view } = await import("../members/view.js");
        return view(options, io);
      }),
    );

  clientOptions(onar.command("nodes").alias("members"))
    .description("Show the members of the cluster as the newest view has them. onar status shows how they are.")
    .addHelpText("after", example("onar nodes", "onar nodes -o json"))
    .action(
      ends(async (options: CommonOptions) => {
        const { nodes } = await import("../members/view.js");
        return nodes(options, io);
      }),
    );

  clientOptions(onar.command("operations [ID]"))
    .description(
      "Show the operations that are under way and the last 64 that were done. With ID: what became of that one; exit code 0: done, 1: it never ran and never will, 4: not known, or under way.",
    )
    .option("--watch", "show each change, too: until Ctrl-C, or until the operation with that ID is done")
    .option("--epoch <n>", "with ID: the view that it was asked on, without which nobody can tell that it never ran")
    .addHelpText(
      "after",
      example("onar operations", "onar operations --watch", "onar operations 4a…32 digits…9f --epoch 7"),
    )
    .action(
      ends(async (id: string | undefined, options: OperationsOptions) => {
        const { operations } = await import("../members/operations.js");
        return operations(id, options, io);
      }),
    );

  onar.commandsGroup(GROUP.members);
  clientOptions(onar.command("transfer-writer [PARTITION]"))
    .description(
      "Make a node the preferred writer of a partition, or of all that it keeps. No request fails for it. NODE is an id or an address.",
    )
    .option("--to <NODE>", "the node")
    .option("--all", "all partitions that have a replica on the node")
    .option("--dry-run", "only show what would come of it")
    .addHelpText(
      "after",
      example(
        "onar transfer-writer 17 --to 127.0.0.1:4601",
        "onar transfer-writer --all --to 127.0.0.1:4601 --dry-run",
      ),
    )
    .action(
      ends(async (partition: string | undefined, options: TransferOptions) => {
        const { transferWriter } = await import("../members/change.js");
        return transferWriter(partition, options, io);
      }),
    );

  clientOptions(onar.command("drain <NODE>"))
    .description(
      "Move all replicas of a member to others. It stays a member, and clients go on. NODE is an id or an address.",
    )
    .option("--wait", "end only when it keeps nothing any more, however long that takes; --timeout bounds it")
    .option("--dry-run", "only show which replicas would move")
    .addHelpText("after", example("onar drain 127.0.0.1:4602 --dry-run", "onar drain 127.0.0.1:4602"))
    .action(
      ends(async (node: string, options: EmptyingOptions) => {
        const { drain } = await import("../members/change.js");
        return drain(node, options, io);
      }),
    );

  clientOptions(onar.command("replace <NODE> <BY>"))
    .description(
      "Move all replicas of a member to another one that shares no partition with it. The first stays a member.",
    )
    .option("--wait", "end only when all have moved, however long that takes; --timeout bounds it")
    .option("--dry-run", "only show which replicas would move")
    .addHelpText("after", example("onar replace 127.0.0.1:4602 127.0.0.1:4603"))
    .action(
      ends(async (node: string, by: string, options: EmptyingOptions) => {
        const { replace } = await import("../members/change.js");
        return replace(node, by, options, io);
      }),
    );

  clientOptions(onar.command("remove <NODE>"))
    .description("Move all replicas of a member that is gone for good to others. Then it is a member no more.")
    .option("--force", "also when the node is heard: its own copies are not asked for what they hold")
    .option("--wait", "end only when it is no member any more, however long that takes; --timeout bounds it")
    .option("--dry-run", "only show which replicas would move")
    .addHelpText("after", example("onar remove 127.0.0.1:4602 --dry-run", "onar remove 1415652206"))
    .action(
      ends(async (node: string, options: RemoveOptions) => {
        const { remove } = await import("../members/change.js");
        return remove(node, options, io);
      }),
    );

  clientOptions(onar.command("rebalance"))
    .description(
      "Move replicas until all members keep as many, within one, and make as many preferred writers. A node that joined with --no-rebalance gets its share so.",
    )
    .option("--wait", "end only when all have moved, however long that takes; --timeout bounds it")
    .option("--dry-run", "only show which replicas would move")
    .addHelpText("after", example("onar rebalance --dry-run", "onar rebalance --wait"))
    .action(
      ends(async (options: RebalanceOptions) => {
        const { rebalance } = await import("../members/change.js");
        return rebalance(options, io);
      }),
    );

  clientOptions(onar.command("set-replication <N>"))
    .description(
      "Give every partition N replicas, from 1 to 31. Groups get one replica more or less at a time, and clients go on.",
    )
    .option("--wait", "end only when all have N, however long that takes; --timeout bounds it")
    .option("--dry-run", "only show which replicas would come and go")
    .addHelpText("after", example("onar set-replication 5 --dry-run", "onar set-replication 5 --wait"))
    .action(
      ends(async (replicas: string, options: EmptyingOptions) => {
        const { setReplication } = await import("../members/change.js");
        return setReplication(replicas, options, io);
      }),
    );

  clientOptions(onar.command("settings [NAME=VALUE...]"))
    .description(
      "Show the cluster's settings, or change them for all nodes at once. NAME is moves-per-node, moves-per-cluster, transfer-rate, transfer-partitions or replace-after. The VALUE default leaves it to each node's flags.",
    )
    .option("--dry-run", "only show the settings that would come")
    .addHelpText(
      "after",
      example(
        "onar settings",
        "onar settings transfer-rate=64 moves-per-node=4",
        "onar settings replace-after=default",
      ),
    )
    .action(
      ends(async (words: readonly string[], options: ChangeOptions) => {
        const { settings } = await import("../members/settings.js");
        return settings(words, options, io);
      }),
    );

  clientOptions(onar.command("leave <NODE>"))
    .description(
      "Make a member without partitions leave for good. Its process ends by itself. NODE is an id or an address.",
    )
    .option("--dry-run", "only show what would come of it")
    .addHelpText("after", example("onar leave 127.0.0.1:4603", "onar leave 1415652206 --dry-run"))
    .action(
      ends(async (node: string, options: ChangeOptions) => {
        const { leave } = await import("../members/change.js");
        return leave(node, options, io);
      }),
    );
}
