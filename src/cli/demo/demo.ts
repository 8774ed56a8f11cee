/**
 * `onar demo`: three real processes on a temporary directory, and a prompt that can also do to them what a bad day
 * does. It is to show this: `add hits --times 1000`, then kill nodes as long as a majority is left, and the answer is
 * exactly 1000.
 *
 * Whatever ends the demo, its processes end and its directory goes: they watch their standard input (start.ts).
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { MAX_NODES, seconds, wholeNumber } from "../../config/values.js";
import { EXIT, type ExitCode } from "../ending/exit.js";
import { onStopSignals } from "../ending/signals.js";
import { commandFolder } from "../ending/temporary.js";
import { prompt } from "../prompt/prompt.js";
import type { Io } from "../terminal/io.js";
import { showProgress } from "../terminal/progress.js";
import { example } from "../tree/help.js";
import type { Ends } from "../tree/root.js";
import { Additions } from "./additions.js";
import { DemoNodes } from "./nodes.js";

export interface DemoOptions {
  readonly nodes: string;
}

export async function demo(options: DemoOptions, io: Io, program: string): Promise<ExitCode> {
  const count = wholeNumber("--nodes", options.nodes, 1, MAX_NODES);
  let say = (line: string): void => io.out(`${line}\n`);
  const leave = new AbortController();
  let nodes: DemoNodes | null = null;
  onStopSignals(() => leave.abort(), { interrupt: "stop", last: () => nodes?.killAll() });
  io.onReaderGone(() => leave.abort());
  const folder = commandFolder("onar-demo-");
  try {
    const running = await DemoNodes.begin({ count, folder: folder.path, io, program, say: (line) => say(line) });
    nodes = running;
    await showProgress(
      io,
      () => `starting ${count} nodes`,
      running.becomeReady(() => leave.signal.aborted),
    );
    if (leave.signal.aborted) return EXIT.interrupted;
    for (const line of running.lines()) io.out(`${line}\n`);
    const additions = new Additions((line) => say(line));
    const code = await prompt({
      io,
      endpoints: () => running.endpoints,
      banner: BANNER,
      begun: (how) => {
        say = how;
      },
      more: (onar, own, ends) => addDemoCommands(onar, own, ends, running, additions),
      settle: () => additions.settled(),
      leave: leave.signal,
    });
    additions.giveUp();
    return leave.signal.aborted ? EXIT.interrupted : code;
  } finally {
    say = () => {};
    if (nodes !== null) await showProgress(io, () => "stopping the nodes", nodes.stop());
    folder.remove();
  }
}

const BANNER = `
Three things to try:
  put hello world                    and get hello, at whichever node
  add hits --times 1000              runs in the background: now kill 1, and see what hits is in the end
  pause 2                            a frozen node; resume 2 lets it go on
add-node starts one more. help lists the commands, Tab completes, Ctrl-D ends everything.
`;

function addDemoCommands(onar: Command, io: Io, ends: Ends, nodes: DemoNodes, additions: Additions): void {
  const say = (line: string): ExitCode => {
    io.out(`${line}\n`);
    return EXIT.done;
  };
  onar.commandsGroup("Give the nodes bad days:");
  onar
    .command("kill <N>")
    .description("Kill node N: SIGKILL, as a crash does.")
    .addHelpText("after", example("kill 1"))
    .action(ends(async (n: string) => say(await nodes.kill(n))));
  onar
    .command("restart <N>")
    .description("Start node N again on its data; one that runs is stopped first.")
    .addHelpText("after", example("restart 1"))
    .action(ends(async (n: string) => say(await nodes.restart(n))));
  onar
    .command("pause <N>")
    .description("Freeze node N: SIGSTOP. It is there and says nothing.")
    .addHelpText("after", example("pause 2"))
    .action(ends(async (n: string) => say(nodes.pause(n))));
  onar
    .command("resume <N>")
    .description("Let a frozen node go on.")
    .addHelpText("after", example("resume 2"))
    .action(ends(async (n: string) => say(nodes.resume(n))));
  onar
    .command("add-node")
    .description("Start one more node, which joins the cluster; leave makes it leave again.")
    .addHelpText("after", example("add-node", "nodes"))
    .action(ends(async () => say(await showProgress(io, () => "starting one more node", nodes.add()))));
  onar
    .command("processes")
    .description("Show the processes. nodes shows the members of the cluster.")
    .addHelpText("after", example("processes"))
    .action(ends(async () => say(nodes.lines().join("\n"))));
  onar
    .command("wait")
    .description("Wait for additions in the background.")
    .addHelpText("after", example("wait"))
    .action(ends(() => showProgress(io, () => "waiting for additions", additions.settled(io.interrupt))));
  onar
    .command("sleep <SECONDS>")
    .description("Do nothing for so long.")
    .addHelpText("after", example("sleep 0.5"))
    .action(
      ends(async (text: string) => {
        const signal = io.interrupt;
        await sleep(seconds("SECONDS", text), undefined, signal === undefined ? {} : { signal }).catch(() => {});
        return EXIT.done;
      }),
    );
  additions.takeOver(onar, io, ends, () => nodes.addresses);
}
