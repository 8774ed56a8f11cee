/**
 * One epoch: a new cluster, clients on every node, the faults of a plan, then none. Every key must be served again
 * soon, and no node may have ended by itself. The history that the clients saw must be linearizable by both checkers.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Prng } from "../../src/base/prng.js";
import { Cluster, type Node, type NodeProcess } from "../e2e/harness.js";
import { type Recorded, Recorder } from "../e2e/recorder.js";
import { judge } from "../e2e/verdict.js";
import { errorsOf, Workload } from "../e2e/workload.js";
import { Clocks } from "./clocks.js";
import { type ClockReading, Faults, readUptime } from "./faults.js";
import { Network } from "./network.js";
import { type EpochPlan, type Fault, inWords } from "./plan.js";
import { type EpochResult, FaultCounts } from "./tally.js";

const PARTITIONS = 64;
const DEADLINE_MS = 3_000;
const THINK_MS = 20;
const WORKERS = 30;
const GUEST_WORKERS = 3;
/** How soon after the last fault every key is served through every node. */
const SERVED_MS = 10_000;
const CHECK_BUDGET_MS = 5_000;
/** A clock that drifts is read at this interval. A process that lives longer than the span tells how fast it runs. */
const DRIFT_LOOK_MS = 1_000;
const DRIFT_SPAN_MS = 4_000;
const DRIFT_TOLERANCE = 0.02;

export interface EpochOptions {
  readonly epoch: number;
  readonly plan: EpochPlan;
  readonly random: Prng;
  /** libfaketime; null = clocks are right. */
  readonly faketime: string | null;
  readonly lastsMs: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export async function runEpoch(options: EpochOptions): Promise<EpochResult> {
  const { epoch, plan, faketime, say } = options;
  const { nodes, replicas } = plan;
  say(
    `epoch ${epoch}: ${nodes} nodes, ${replicas} replicas, ${plan.disk ? "on disk" : "in memory"}, clock rates ${plan.rates.map((r) => r.toFixed(2)).join(" ")}`,
  );
  const network = new Network();
  const clocks = faketime === null ? null : new Clocks(faketime, plan.rates);
  const before = (port: number, node: number): Promise<string> => network.before(port, node);
  const env = (node: number): Readonly<Record<string, string>> => clocks?.env(node) ?? {};
  const folder = plan.disk ? mkdtempSync(join(tmpdir(), "onar-chaos-")) : null;
  let pids: readonly number[] = [];
  try {
    const data = folder === null ? {} : { data: folder };
    const cluster = await Cluster.start({ nodes, replicas, partitions: PARTITIONS, before, env, ...data });
    // A node that is paused does not notice that its parent is gone.
    const killAll = (): void => {
      for (const node of cluster.nodes) if (node.process.ended === null) node.process.child.kill("SIGKILL");
    };
    process.once("exit", killAll);
    try {
      network.introduce(cluster.nodes.map(({ id }) => id));
      return await new Epoch(options, cluster, network, clocks, folder).run();
    } finally {
      await cluster.stop();
      process.off("exit", killAll);
      pids = cluster.nodes.flatMap((node) => node.pids);
    }
  } finally {
    await network.stop();
    clocks?.remove(pids);
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}

class Epoch {
  private readonly recorder = new Recorder();
  private readonly counts = new FaultCounts();
  private readonly faults: Faults;
  private readonly keys: readonly string[];

  constructor(
    private readonly options: EpochOptions,
    private readonly cluster: Cluster,
    network: Network,
    private readonly clocks: Clocks | null,
    folder: string | null,
  ) {
    this.faults = new Faults({
      cluster,
      network,
      clocks,
      counts: this.counts,
      restarts: options.plan.disk,
      folder,
      serves: (guest) => this.loadOf([guest], GUEST_WORKERS, `guest ${guest.process.port} `),
    });
    const names = ["alpha", "beta", "gamma", "delta"];
    this.keys = [...names, "counter-a", "counter-b"].map((name) => `${name}-${options.epoch}`);
  }

  async run(): Promise<EpochResult> {
    const { plan } = this.options;
    const drift = this.watchDrift();
    const load = this.loadOf(this.cluster.nodes, Math.max(1, Math.floor(WORKERS / plan.nodes)), "");
    try {
      return await this.rages(load, drift);
    } finally {
      this.faults.guests.killAll();
    }
  }

  private async rages(load: Workload, drift: () => Promise<void>): Promise<EpochResult> {
    await this.rage();
    const healing = this.faults.heal();
    // A drain may last longer than it was planned: its end is the end of the last fault.
    await this.faults.started();
    const servedAgainMs = await this.serveAgain();
    await load.stop();
    await healing;
    await drift();
    this.faults.left();
    return this.result(servedAgainMs);
  }

  /** `named`: what begins the names of its workers. */
  private loadOf(nodes: readonly Node[], workersPerNode: number, named: string): Workload {
    const { random } = this.options;
    return new Workload({
      recorder: this.recorder,
      nodes,
      keys: this.keys,
      workersPerNode,
      named,
      deadlineMs: DEADLINE_MS,
      thinkMs: THINK_MS,
      moveOn: true,
      random: (worker) => {
        const own = random.fork(`worker ${worker}`);
        return () => own.fraction();
      },
    });
  }

  /** All faults of the plan, each in its time. */
  private async rage(): Promise<void> {
    const { plan, lastsMs, say, signal } = this.options;
    const began = performance.now();
    const steps: { readonly at: number; readonly fault: Fault; readonly begins: boolean }[] = [];
    for (const fault of plan.faults) {
      steps.push({ at: fault.at, fault, begins: true });
      if (fault.until > fault.at) steps.push({ at: fault.until, fault, begins: false });
    }
    steps.sort((a, b) => a.at - b.at);
    for (const { at, fault, begins } of steps) {
      await pauseUntil(began + at, signal);
      if (signal.aborted) return;
      if (begins) say(`  ${inWords(fault)}`);
      if (begins) this.faults.begin(fault);
      else this.faults.end(fault);
      this.faults.left();
      if (this.faults.problems.length > 0) return;
    }
    await pauseUntil(began + lastsMs, signal);
  }

  /** Every key is written and read through every node that is left; how long that took, or null if it took too long. */
  private async serveAgain(): Promise<number | null> {
    const healed = this.recorder.now();
    const late: Recorded[] = [];
    const nodes = this.faults.left().filter(({ process }) => process.ended === null);
    await Promise.all(
      nodes.flatMap((node) =>
        this.keys.map(async (key) => {
          for (const call of [endingWrite(key, node), { kind: "get" } as const]) {
            const last = await this.askUntil(healed + SERVED_MS, { key, node, call });
            if (last !== null) late.push(last);
          }
        }),
      ),
    );
    const tookMs = this.recorder.now() - healed;
    if (late.length === 0) return tookMs;
    const errors = errorsOf(late).slice(0, 5).join("; ");
    this.faults.problems.push(
      `${late.length} calls did not succeed within ${SERVED_MS} ms after the last fault: ${errors}`,
    );
    return null;
  }

  /** null once it is answered; the last try when it is not in time. */
  private async askUntil(
    until: number,
    { key, node, call }: { readonly key: string; readonly node: Node; readonly call: Recorded["call"] },
  ): Promise<Recorded | null> {
    for (;;) {
      const deadlineMs = Math.max(100, Math.min(DEADLINE_MS, until - this.recorder.now()));
      const process = `end-${node.id}-${key}`;
      const last = await this.recorder.ask({ process, key, call, nodes: [node], deadlineMs, safe: true });
      // That a repeated addition ran, without the sum, is an answer.
      if (last.outcome.status === "done" || last.error === null) return null;
      if (this.recorder.now() > until) return last;
    }
  }

  /** Compares the speeds of a drifting clock and ours, between the first and the last reading of a process. */
  private watchDrift(): () => Promise<void> {
    const { rates } = this.options.plan;
    const rate = rates.find((one) => one !== 1) ?? 1;
    const node = this.cluster.nodes[rates.indexOf(rate)];
    if (this.clocks === null || node === undefined) return async () => {};
    const spans = new Map<NodeProcess, { readonly first: ClockReading; last: ClockReading }>();
    const stop = new AbortController();
    const look = async (): Promise<void> => {
      const { process } = node;
      const reading = process.ended === null ? await readUptime(node) : null;
      if (reading === null || process !== node.process) return;
      const span = spans.get(process);
      if (span === undefined) spans.set(process, { first: reading, last: reading });
      else span.last = reading;
    };
    const looking = (async () => {
      while (!stop.signal.aborted) {
        await look();
        await pauseUntil(performance.now() + DRIFT_LOOK_MS, stop.signal);
      }
      await look();
    })();
    return async () => {
      stop.abort();
      await looking;
      const long = [...spans.values()].filter(({ first, last }) => last.ourMs - first.ourMs > DRIFT_SPAN_MS);
      if (long.length === 0) return;
      this.counts.try("clock drift");
      const right = ({ first, last }: { readonly first: ClockReading; readonly last: ClockReading }): boolean =>
        Math.abs((last.theirMs - first.theirMs) / (last.ourMs - first.ourMs) - rate) < DRIFT_TOLERANCE;
      if (long.some(right)) this.counts.see("clock drift");
    };
  }

  private result(servedAgainMs: number | null): EpochResult {
    const { epoch, say } = this.options;
    const { operations } = this.recorder;
    const problems = [...this.faults.problems];
    const verdict = judge(this.recorder.history(), `epoch-${epoch}`, CHECK_BUDGET_MS);
    const { kind, decided, summary } = verdict;
    const kept = kind === "ok" ? "" : `history and timeline in ${verdict.keep()}: ${summary}`;
    if (kind === "violation") problems.push(kept);
    const count = (status: Recorded["outcome"]["status"]): number =>
      operations.filter(({ outcome }) => outcome.status === status).length;
    const outage = longestOutage(operations, this.keys);
    const result: EpochResult = {
      epoch,
      operations: operations.length,
      unknown: count("unknown"),
      failed: count("failed"),
      faults: this.counts,
      longestOutageMs: outage,
      servedAgainMs,
      outOfTime: !decided.every((one) => one),
      undecided: verdict.undecided,
      problems,
    };
    say(
      `  ${result.operations} operations, ${result.unknown} unknown, ${result.failed} failed; faults seen: ${this.counts.inWords()}; ` +
        `longest write outage ${Math.round(outage)} ms; served again after ${Math.round(servedAgainMs ?? Number.NaN)} ms; ${summary}`,
    );
    for (const problem of problems) say(`  PROBLEM: ${problem}`);
    if (kind === "out of time") say(`  UNDECIDED: ${kept}`);
    return result;
  }
}

const endingWrite = (key: string, node: Node): Recorded["call"] =>
  key.startsWith("counter") ? { kind: "add", delta: "1" } : { kind: "put", value: `end-${node.id}` };

/** The longest time between two answered writes of a key, over all keys. */
function longestOutage(operations: readonly Recorded[], keys: readonly string[]): number {
  let longest = 0;
  for (const key of keys) {
    const times = operations
      .flatMap((one) =>
        one.key === key && one.call.kind !== "get" && one.outcome.status === "done" ? [one.returned as number] : [],
      )
      .sort((a, b) => a - b);
    for (const [i, time] of times.entries()) longest = Math.max(longest, time - (times[i - 1] ?? 0));
  }
  return longest;
}

async function pauseUntil(when: number, signal: AbortSignal): Promise<void> {
  const ms = when - performance.now();
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => {});
}
