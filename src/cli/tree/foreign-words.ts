/** Words that people bring from other stores and type as commands. Each is answered by what stands for it here. */
import type { Command } from "commander";
import { usage } from "../ending/exit.js";
import type { Ends } from "./root.js";

interface Foreign {
  readonly words: readonly [string, ...string[]];
  readonly answer: string;
}

const FOREIGN: readonly Foreign[] = [
  {
    words: ["keys", "ls", "list", "scan"],
    answer: "Onar cannot list keys yet: they are spread by hash, and only single keys can be asked for",
  },
  {
    words: ["watch", "subscribe"],
    answer: "Onar cannot watch keys yet: ask again with get; get --local is cheap",
  },
  {
    words: ["expire", "ttl"],
    answer: "Onar has no expiry yet: delete removes a key at once",
  },
  {
    words: ["exists"],
    answer: "get says whether a key exists: its exit code is 3 when there is no such key",
  },
  {
    words: ["mget", "mset", "txn"],
    answer: "Onar takes one key a call: there is no order across keys, and no transaction",
  },
  {
    words: ["info", "ping"],
    answer: "onar status shows how the cluster is, onar health whether a node serves",
  },
  {
    words: ["join"],
    answer: "a node joins as it starts: onar start --join HOST:PORT, with the peer address of a member",
  },
  {
    words: ["stop", "shutdown"],
    answer: "a node stops by SIGTERM or Ctrl-C; onar drain and onar leave take it out of the cluster first",
  },
];

export const FOREIGN_WORDS: readonly string[] = FOREIGN.flatMap(({ words }) => words);

export function addForeignWords(onar: Command, ends: Ends): void {
  for (const { words, answer } of FOREIGN) {
    const [first, ...more] = words;
    onar
      .command(first, { hidden: true })
      .aliases(more)
      .allowUnknownOption()
      .allowExcessArguments()
      .action(
        ends(async () => {
          throw usage(answer);
        }),
      );
  }
}
