/**
 * `add NAME --times N` of the demo. It runs in the background and not too fast, so that nodes can be killed meanwhile.
 * Then the key is read and the sum compared with what it must be.
 */
import type { Command } from "commander";
import { wholeNumber } from "../../config/values.js";
import { CliError, EXIT, type ExitCode, messageOf } from "../ending/exit.js";
import { delta } from "../flags/arguments.js";
import { type AddOptions, add, get, settingOf } from "../keys/commands.js";
import { addTimes } from "../keys/counting.js";
import type { Io } from "../terminal/io.js";
import type { Ends } from "../tree/root.js";

/** A thousand take about ten seconds. */
const EVERY_MS = 10;
const MAX_TIMES = 1_000_000;
/** The time of one addition, its retries included: longer than a failover, several times. */
const PATIENCE_S = "30";

export class Additions {
  /** By key. */
  private readonly running = new Map<string, Promise<void>>();
  private readonly stop = new AbortController();
  private code: ExitCode = EXIT.done;

  constructor(private readonly say: (line: string) => void) {}

  /** From here on the command `add` runs in the background when it has --times. */
  takeOver(onar: Command, io: Io, ends: Ends, endpoints: () => string): void {
    const command = onar.commands.find((one) => one.name() === "add");
    command?.action(
      ends(async (key: string, deltaText: string | undefined, options: AddOptions) => {
        if (options.times === undefined) return add(key, deltaText ?? "1", options, io);
        const times = wholeNumber("--times", options.times, 1, MAX_TIMES);
        const amount = delta("DELTA", deltaText ?? "1");
        // Neither could tell what is to be expected.
        if (this.running.has(key)) {
          throw new CliError(EXIT.notDone, `${key} is being added to in the background; wait waits for it`);
        }
        // All nodes, also those that are dead just now: they may be back before this is over.
        const own = { endpoint: endpoints(), timeout: PATIENCE_S, ...options };
        const { connections: _, interrupt: __, ...rest } = io;
        this.begin(key, amount, times, own, rest);
        io.out(`adding ${amount} to ${key} ${times} times in the background; wait waits for it\n`);
        return EXIT.done;
      }),
    );
  }

  /** Resolves when nothing runs any more, with what the first that failed ended with. */
  async settled(interrupt?: AbortSignal): Promise<ExitCode> {
    const interrupted = new Promise<void>((resolve) => interrupt?.addEventListener("abort", () => resolve()));
    while (this.running.size > 0 && interrupt?.aborted !== true) {
      await Promise.race([Promise.all(this.running.values()), interrupted]);
    }
    const { code } = this;
    this.code = EXIT.done;
    return code;
  }

  giveUp(): void {
    this.stop.abort();
  }

  private begin(key: string, amount: bigint, times: number, options: AddOptions, io: Io): void {
    const work = this.add(key, amount, times, options, io)
      .catch((error: unknown) => {
        if (this.stop.signal.aborted) return;
        this.code = error instanceof CliError ? error.exitCode : EXIT.notDone;
        this.say(`adding to ${key} failed ${messageOf(error)}`);
      })
      .finally(() => this.running.delete(key));
    this.running.set(key, work);
  }

  private async add(keyText: string, amount: bigint, times: number, options: AddOptions, io: Io): Promise<void> {
    const { target, key } = settingOf(keyText, options, io);
    const before = await numberAt(keyText, options, io);
    const began = Date.now();
    let done = 0;
    const told = setInterval(() => this.say(`  ${keyText}: ${done} of ${times} …`), 2_000);
    try {
      const progress = (count: number): void => {
        done = count;
      };
      const counting = { key, delta: amount, times, everyMs: EVERY_MS, progress };
      await addTimes({ ...counting, target: { ...target, interrupt: this.stop.signal } });
    } finally {
      clearInterval(told);
    }
    const after = await numberAt(keyText, options, io);
    const expected = before + amount * BigInt(times);
    const took = ((Date.now() - began) / 1_000).toFixed(1);
    if (after === expected) {
      this.say(`${keyText} is ${after}: ${before} before, and ${amount} added exactly ${times} times, in ${took} s`);
    } else {
      this.code = EXIT.notDone;
      this.say(`${keyText} is ${after}, but ${expected} was to be expected (unless somebody else wrote it)`);
    }
  }
}

/** The number that the key holds; 0 when there is no such key. */
async function numberAt(key: string, options: AddOptions, io: Io): Promise<bigint> {
  let text = "";
  const { times: _, ...rest } = options;
  const quiet: Io = {
    ...io,
    terminal: false,
    errorTerminal: false,
    out: (chunk) => {
      text += chunk.toString();
    },
    error: () => {},
  };
  const code = await get(key, { ...rest, output: "json" }, quiet);
  if (code === EXIT.condition) return 0n;
  const { value } = JSON.parse(text) as { value: string };
  return delta(`the value of ${key}`, value);
}
