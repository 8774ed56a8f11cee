/**
 * The prompt: the commands that call nodes, typed one after the other on connections that stay open. On a terminal it
 * has history, completion and help; Ctrl-C gives up the line or the running command, Ctrl-D leaves. Standard input that
 * is no terminal is a script: a command a line. It stops after one that does not end with 0, and has its exit code.
 */
import { createInterface, type Interface } from "node:readline";
import { Readable } from "node:stream";
import type { Command } from "commander";
import { Connections } from "../calls/connections.js";
import { EXIT, type ExitCode, usage } from "../ending/exit.js";
import type { Io } from "../terminal/io.js";
import { complete } from "../tree/complete.js";
import { GROUP } from "../tree/help.js";
import { type Ends, root } from "../tree/root.js";
import { runTree, tell } from "../tree/run-tree.js";
import { addKeyCommands } from "../tree/tree-keys.js";
import { addMemberCommands } from "../tree/tree-members.js";
import { History, historyFile } from "./history.js";
import { wordsOf } from "./split-line.js";

export interface PromptOptions {
  readonly io: Io;
  /** Nodes to call when a command names none, HOST:PORT,HOST:PORT,…; "" or left out: as the commands do. */
  readonly endpoints?: () => string;
  /** false: none is read or kept. */
  readonly history?: boolean;
  /** Further commands. */
  readonly more?: (onar: Command, io: Io, ends: Ends) => void;
  /** Said before the first line on a terminal. */
  readonly banner?: string;
  /** Told at the beginning how to say something that no command asked for. */
  readonly begun?: (say: (line: string) => void) => void;
  /** At the end of a script: waits for what still runs. */
  readonly settle?: () => Promise<ExitCode>;
  /** From outside: leave now. */
  readonly leave?: AbortSignal;
}

const BANNER = "Onar. help lists the commands, Tab completes, Ctrl-D leaves.\n";
const LEAVE = new Set(["exit", "quit"]);

export function prompt(options: PromptOptions): Promise<ExitCode> {
  const session = new Session(options);
  const { io } = options;
  const interactive = io.inputTerminal === true && io.terminal;
  return (interactive ? session.talk() : session.script()).finally(() => session.close());
}

class Session {
  private readonly connections = new Connections();
  private readonly options: PromptOptions;
  private running: AbortController | null = null;

  constructor(options: PromptOptions) {
    this.options = options;
  }

  close(): Promise<void> {
    return this.connections.close();
  }

  async script(): Promise<ExitCode> {
    const { io, leave } = this.options;
    this.options.begun?.((line) => io.out(`${line}\n`));
    const lines = createInterface({ input: io.stdin, crlfDelay: Number.POSITIVE_INFINITY });
    leave?.addEventListener("abort", () => lines.close());
    let number = 0;
    let code: ExitCode = EXIT.done;
    for await (const line of lines) {
      number++;
      if (leave?.aborted === true || LEAVE.has(line.trim())) break;
      code = await this.execute(line);
      if (code === EXIT.done) continue;
      io.error(`(line ${number} of the script ended with ${code}; what follows it was not run)`);
      break;
    }
    lines.close();
    const settled = (await this.options.settle?.()) ?? EXIT.done;
    return code === EXIT.done ? settled : code;
  }

  async talk(): Promise<ExitCode> {
    const { io, banner = BANNER, leave } = this.options;
    const history = new History(this.options.history === false ? null : historyFile(io.env));
    const tree = this.tree(io, neverEnds);
    const lines = createInterface({
      input: io.stdin,
      ...(io.screen === undefined ? {} : { output: io.screen }),
      prompt: "onar> ",
      terminal: true,
      history: history.load().reverse(),
      historySize: 1_000,
      removeHistoryDuplicates: true,
      completer: (line: string) => complete(tree, line),
    });
    io.out(banner);
    this.options.begun?.((line) => {
      io.out(`\r\u001b[K${line}\n`);
      if (this.running === null) lines.prompt(true);
    });
    lines.on("SIGINT", () => this.interrupt(lines));
    leave?.addEventListener("abort", () => lines.close());
    lines.prompt();
    for await (const line of lines) {
      if (LEAVE.has(line.trim())) break;
      history.keep(line);
      await this.execute(line);
      if (leave?.aborted === true) break;
      lines.prompt();
    }
    lines.close();
    io.out("\n");
    return EXIT.done;
  }

  private interrupt(lines: Interface): void {
    const { io } = this.options;
    if (this.running !== null) return this.running.abort();
    io.out("^C\n");
    // As Ctrl-E and Ctrl-U: to the end of the line, then all of it away.
    lines.write(null, { ctrl: true, name: "e" });
    lines.write(null, { ctrl: true, name: "u" });
    lines.prompt();
  }

  private async execute(line: string): Promise<ExitCode> {
    const { io, endpoints } = this.options;
    const running = new AbortController();
    this.running = running;
    const nodes = endpoints?.() ?? "";
    const own: Io = {
      ...io,
      stdin: noInput(),
      env: nodes === "" ? io.env : { ...io.env, ONAR_ENDPOINT: nodes },
      endsLines: true,
      connections: this.connections,
      interrupt: running.signal,
    };
    let words: string[] = [];
    try {
      words = wordsOf(line);
      // People paste what they know from the shell.
      if (words[0] === "onar" && words.length > 1) words.shift();
      if (words.length === 0) return EXIT.done;
      return await runTree((ends) => this.tree(own, ends), words, own);
    } catch (error) {
      return tell(error, words, own);
    } finally {
      this.running = null;
    }
  }

  private tree(io: Io, ends: Ends): Command {
    const onar = root(io).description("Commands of the prompt. Words are quoted as in a shell.");
    addKeyCommands(onar, { io, ends });
    addMemberCommands(onar, { io, ends });
    this.options.more?.(onar, io, ends);
    onar.command("exit").alias("quit").helpGroup(GROUP.rest).description("Leave, as Ctrl-D does.");
    return onar;
  }
}

/** For a tree that is only looked at. */
const neverEnds: Ends = () => async () => {};

/** Standard input is where the commands come from. */
const noInput = (): Readable =>
  new Readable({
    read() {
      this.destroy(usage("standard input holds the commands here: give the value itself instead of -"));
    },
  });
