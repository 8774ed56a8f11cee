/**
 * Rounds of: clients write, some nodes or all of them end at once, come back on what is left of their data. After each
 * round everything that was acknowledged must be there, and what the clients saw over many rounds, restarts included,
 * must be linearizable.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Prng } from "../../src/base/prng.js";
import { attempt } from "../e2e/clients.js";
import type { Cluster, Node } from "../e2e/harness.js";
import { Ledger } from "../e2e/ledger.js";
import { Recorder } from "../e2e/recorder.js";
import { judge } from "../e2e/verdict.js";
import { summaryOf, Workload } from "../e2e/workload.js";

const DEADLINE_MS = 2_000;
const READ_MS = 10_000;
const READY_MS = 60_000;
const MIN_LOAD_MS = 500;
const MAX_LOAD_MS = 2_000;
/** A history of a few keys is judged after so many rounds, and then goes on with others. */
const ROUNDS_PER_HISTORY = 10;
const CHECK_BUDGET_MS = 15_000;
/** Large values, written over and over, so that logs are folded every few seconds. */
const BULK = Buffer.alloc(16 * 1024, 0x62);
const BULK_KEYS = 128;
const BULK_EVERY_MS = 8;

/** How nodes end, and come back. */
export interface Strike {
  /** For people. */
  readonly how: string;
  /** Ends them all at once, and resolves when their processes have ended. */
  readonly end: () => Promise<void>;
  /** Everything that happens before they are started again. */
  readonly restore: () => Promise<void>;
  /** How long after they are started they are killed once more, and started again. */
  readonly againMs?: number;
}

export interface RoundsOptions {
  readonly cluster: Cluster;
  readonly seed: number;
  readonly rounds: number;
  /** The name of one round: "cut". */
  readonly name: string;
  readonly strike: (victims: readonly number[], round: number, prng: Prng) => Strike;
  /** Histories that are violated are kept in files. */
  readonly keepHistory?: boolean;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface RoundsResult {
  readonly problems: readonly string[];
  readonly summary: string;
}

export const runRounds = (options: RoundsOptions): Promise<RoundsResult> => new Rounds(options).run();

class Rounds {
  private readonly prng: Prng;
  private readonly problems: string[] = [];
  private recorder = new Recorder();
  private readonly ledger: Ledger;
  private operations = 0;
  private slowestMs = 0;

  constructor(private readonly options: RoundsOptions) {
    this.prng = new Prng(options.seed);
    this.ledger = new Ledger({ nodes: options.cluster.nodes, deadlineMs: DEADLINE_MS });
  }

  async run(): Promise<RoundsResult> {
    const { rounds, signal, name } = this.options;
    let done = 0;
    while (done < rounds && this.problems.length === 0 && signal?.aborted !== true) {
      try {
        await this.round(done);
      } catch (error) {
        this.problems.push(`${name} ${done + 1}: ${error instanceof Error ? error.message : String(error)}`);
      }
      done++;
      if (done % ROUNDS_PER_HISTORY === 0) this.judge(done);
    }
    if (this.problems.length === 0) await this.expectAll("in the end", this.ledger.all());
    this.judge(done);
    const summary = [
      `${done} ${name}${done === 1 ? "" : "s"}`,
      `${this.ledger.count} keys acknowledged`,
      `${this.operations} operations on contended keys`,
      `served again at the latest ${(this.slowestMs / 1000).toFixed(1)} s after the start`,
      `verdict: ${this.problems.length === 0 ? "nothing lost, linearizable" : `${this.problems.length} PROBLEMS`}`,
    ].join("; ");
    return { problems: this.problems, summary };
  }

  private async round(index: number): Promise<void> {
    const { cluster, say, name } = this.options;
    const { recorder, ledger, prng } = this;
    const everybody = cluster.nodes.map((_, i) => i);
    const victims = index % 2 === 0 ? everybody : [prng.below(cluster.nodes.length)];
    const loadMs = MIN_LOAD_MS + prng.below(MAX_LOAD_MS - MIN_LOAD_MS);
    const strike = this.options.strike(victims, index, prng);
    const who = `${victims.length === 1 ? `node ${(victims[0] as number) + 1}` : "all nodes"}, ${strike.how}`;
    const keys = this.keys(index);
    const before = ledger.count;
    const load = new Workload({
      recorder,
      nodes: cluster.nodes,
      keys,
      workersPerNode: 2,
      deadlineMs: DEADLINE_MS,
      thinkMs: 15,
      moveOn: true,
    });
    const writing = ledger.write();
    const bulk = bulkWrites(cluster.nodes);
    let tookMs = 0;
    const nodes = victims.map((i) => cluster.node(i));
    try {
      await sleep(loadMs);
      await strike.end();
      // Nobody is there: who waits for an answer gets none.
      if (victims.length === everybody.length) await Promise.all([writing.stop(), load.stop(), bulk.stop()]);
      await strike.restore();
      const started = performance.now();
      await this.start(nodes, strike.againMs);
      await cluster.ready(READY_MS);
      tookMs = performance.now() - started;
      this.slowestMs = Math.max(this.slowestMs, tookMs);
    } finally {
      await Promise.all([writing.stop(), load.stop(), bulk.stop()]);
    }
    const torn = nodes.filter(({ process }) => process.lines.some((line) => line.includes("cut off"))).length;
    say(
      `${name} ${index + 1}: ${who}: ${ledger.count - before} keys acknowledged${torn === 0 ? "" : `, ${torn} unfinished writes cut off`}, ` +
        `all serve ${Math.round(tookMs)} ms later`,
    );
    await this.expectAll(`after ${name} ${index + 1} (${who})`, ledger.sample(prng));
    // The values that the contended keys have taken belong to their history.
    const asking = { process: "after", nodes: cluster.nodes, deadlineMs: READ_MS, safe: true };
    await Promise.all(keys.map((key) => recorder.ask({ ...asking, key, call: { kind: "get" } })));
  }

  private async start(nodes: readonly Node[], againMs: number | undefined): Promise<void> {
    for (const node of nodes) node.restart();
    if (againMs === undefined) return;
    await sleep(againMs);
    await Promise.all(nodes.map(({ process }) => process.kill()));
    for (const node of nodes) node.restart();
  }

  private async expectAll(when: string, keys: readonly string[]): Promise<void> {
    const lost = await this.ledger.missing(keys, this.options.cluster.alive());
    if (lost.length === 0) return;
    const some = lost.slice(0, 5).join(", ");
    this.problems.push(`${when}: ${lost.length} of ${keys.length} acknowledged keys are lost or wrong: ${some}`);
  }

  private keys(index: number): string[] {
    const batch = Math.floor(index / ROUNDS_PER_HISTORY);
    return ["alpha", "beta", "gamma", "counter-a", "counter-b"].map((name) => `${name}-${batch}`);
  }

  private judge(done: number): void {
    const { recorder } = this;
    const { say, name, keepHistory = true } = this.options;
    if (recorder.operations.length === 0) return;
    this.recorder = new Recorder();
    this.operations += recorder.operations.length;
    const { kind, summary, keep } = judge(recorder.history(), `${name}s-to-${done}`, CHECK_BUDGET_MS);
    say(`history up to ${name} ${done}: ${summaryOf(recorder.operations)}; ${summary}`);
    if (kind !== "ok") this.problems.push(`${keepHistory ? `history and timeline in ${keep()}: ` : ""}${summary}`);
  }
}

function bulkWrites(nodes: readonly Node[]): { readonly stop: () => Promise<void> } {
  let stopping = false;
  let written = 0;
  const writer = async (node: Node): Promise<void> => {
    while (!stopping) {
      const key = Buffer.from(`bulk-${written++ % BULK_KEYS}`);
      const tried = await attempt(DEADLINE_MS, (options) => node.clients.kv.put({ key, value: BULK }, options));
      await sleep("answer" in tried ? BULK_EVERY_MS : 50);
    }
  };
  const work = nodes.map(writer);
  return {
    stop: async () => {
      stopping = true;
      await Promise.all(work);
    },
  };
}
