/**
 * Makes a failing seed small enough to read. It records its run as a plan, then takes out whatever can go while the
 * same check still fails. That may be kinds of faults, single faults, clients, nodes or operations. Each list is halved
 * and halved again (delta debugging, Zeller and Hildebrandt, 2002), until nothing more can go or the runs allowed are
 * used up.
 *
 * A shorter plan is another run: messages keep what befell them by way, kind and turn, and what was never recorded is
 * drawn. So the check may fail for another reason than at first, and what remains may not be the smallest. It is a run
 * that fails, though, and it is told as one.
 */
import { drawWorld } from "./moving.js";
import { type Plan, planOf, Recorder, Replayer } from "./plan.js";
import { type RunReport, run } from "./run.js";
import { Story } from "./story.js";
import type { Swarm } from "./swarm.js";

export interface Shrunk {
  readonly before: RunReport;
  readonly after: RunReport;
  readonly plan: Plan;
  /** How many runs it took. */
  readonly runs: number;
}

/** Runs allowed for a seed. */
const USUAL_RUNS = 3_000;

/** With so few operations left, nothing more is tried. */
const FEW = 6;
/** A run that does not shrink to that with the luck that messages had is tried with this many others. */
const OTHER_LUCKS = 6;

/** Each leaves the run more ordinary. */
const SIMPLER: readonly ((swarm: Swarm) => Swarm)[] = [
  (swarm) => ({ ...swarm, codec: false }),
  (swarm) => ({ ...swarm, turnMs: 0 }),
  (swarm) => ({ ...swarm, drift: 0 }),
  (swarm) => ({ ...swarm, network: { ...swarm.network, doubled: 0 } }),
  (swarm) => ({ ...swarm, network: { ...swarm.network, loss: 0 } }),
  (swarm) => ({ ...swarm, network: { ...swarm.network, tail: 0 } }),
  (swarm) => ({ ...swarm, network: { ...swarm.network, slow: 0 } }),
  (swarm) => ({ ...swarm, network: { ...swarm.network, stream: false } }),
  (swarm) => ({ ...swarm, network: { ...swarm.network, spreadMs: 0 } }),
  (swarm) => ({ ...swarm, disk: { ...swarm.disk, slow: 0 } }),
  (swarm) => ({ ...swarm, disk: { ...swarm.disk, syncMs: 0, slow: 0 } }),
  (swarm) => ({ ...swarm, purgeAfterMs: 0 }),
  (swarm) => ({ ...swarm, load: { ...swarm.load, deletes: 0 } }),
  (swarm) => ({ ...swarm, load: { ...swarm.load, vanish: 0 } }),
  (swarm) => ({ ...swarm, load: { ...swarm.load, copies: 0 } }),
  (swarm) => ({ ...swarm, load: { ...swarm.load, wrongAfters: 0 } }),
  (swarm) => ({ ...swarm, load: { ...swarm.load, ids: 0, copies: 0 } }),
  (swarm) => ({ ...swarm, load: { ...swarm.load, locals: 0 } }),
  (swarm) => ({ ...swarm, partitions: 1 }),
  (swarm) => ({ ...swarm, keys: 1 }),
  (swarm) => ({ ...swarm, partitions: 1, keys: 1 }),
];

/** null: the seed does not fail. */
export function shrink(seed: number, allowed = USUAL_RUNS): Shrunk | null {
  const recorder = new Recorder();
  const before = run({ seed, source: recorder });
  if (before.violation === null) return null;
  const shrinker = new Shrinker(planOf(seed, drawWorld(seed), recorder), before, allowed);
  shrinker.shrink();
  return { before, after: shrinker.report, plan: shrinker.plan, runs: shrinker.runs };
}

/** The remaining run, in the language of the golden traces. */
export function tell({ plan, before, after, runs }: Shrunk): string {
  const story = new Story();
  const { violation } = run({ ...optionsOf(plan), story });
  const count = (harmCount: number, operationCount: number): string =>
    `${harmCount} faults, ${operationCount} operations`;
  return [
    `# Seed ${plan.seed}, made smaller in ${runs} runs: from ${before.operations} operations to ${after.operations}; left in the plan: ${count(plan.harms.length, plan.operations.length)}.`,
    `# It ends with: ${violation?.check}: ${violation?.detail}`,
    ...remaining(plan.swarm).map((fault) => `# Besides: ${fault}.`),
    `nodes ${plan.swarm.nodes} replicas ${plan.swarm.replicas}`,
    story.text(),
  ].join("\n");
}

function remaining({ network, disk, drift, codec, partitions, purgeAfterMs }: Swarm): string[] {
  const faults: string[] = [
    `a message takes ${network.delayMs} ms${network.spreadMs > 0 ? ` and up to ${network.spreadMs} ms more` : ""}`,
  ];
  if (network.stream) faults.push("messages of a pair keep their order");
  if (network.loss > 0) faults.push(`a share of ${network.loss} of the messages is lost`);
  if (network.doubled > 0) faults.push(`a share of ${network.doubled} of the messages comes twice`);
  if (network.tail > 0) faults.push(`a share of ${network.tail} of the messages takes up to ${network.tailMs} ms more`);
  if (network.slow > 0) faults.push(`some ways always take up to ${network.slowMs} ms more`);
  if (disk.syncMs > 0) faults.push(`a sync takes about ${disk.syncMs} ms`);
  if (disk.slow > 0) faults.push(`a share of ${disk.slow} of the syncs takes up to ${disk.slowMs} ms`);
  if (drift > 0) faults.push(`clocks drift by up to ${drift}`);
  if (purgeAfterMs > 0) faults.push(`tombstones are purged after ${purgeAfterMs} ms`);
  if (codec) faults.push("messages go through the codec");
  if (partitions > 1) faults.push(`${partitions} partitions`);
  return faults;
}

const optionsOf = (plan: Plan) => ({
  seed: plan.seed,
  swarm: plan.swarm,
  everybodyUp: plan.everybodyUp,
  source: new Replayer(plan),
});

class Shrinker {
  runs = 0;
  private luck = 0;

  constructor(
    public plan: Plan,
    public report: RunReport,
    private readonly allowed: number,
  ) {}

  shrink(): void {
    this.rounds();
    while (this.luck < OTHER_LUCKS && this.plan.operations.length > FEW) {
      this.luck++;
      this.rounds();
    }
  }

  private rounds(): void {
    for (let size = Number.POSITIVE_INFINITY; size > this.size && this.runs < this.allowed; ) {
      size = this.size;
      this.harms();
      this.operations();
      this.clients();
      this.ordinary();
      this.nodes();
      this.finals();
    }
  }

  /** The size of what is left: another round is worth it only if the last one took something. */
  private get size(): number {
    const { harms, operations, finals, swarm } = this.plan;
    return harms.length + operations.length + (finals?.length ?? 0) + swarm.nodes;
  }

  private ordinary(): void {
    if (!this.plan.everybodyUp) this.attempt({ everybodyUp: true });
    for (const simpler of SIMPLER) {
      const swarm = simpler(this.plan.swarm);
      if (JSON.stringify(swarm) !== JSON.stringify(this.plan.swarm)) this.attempt({ swarm });
    }
    const { operations, harms, swarm } = this.plan;
    const last = Math.max(0, ...operations.map(({ at }) => at), ...harms.map(({ at }) => at));
    const safetyMs = Math.min(swarm.safetyMs, last + 4 * swarm.roundMs);
    if (safetyMs < swarm.safetyMs) this.attempt({ swarm: { ...swarm, safetyMs } });
  }

  private harms(): void {
    this.list(this.plan.harms, (harms) => ({ harms }));
    // A cut of many ways may need only some of them.
    for (const planned of this.plan.harms) {
      const { harm } = planned;
      if (harm.kind !== "cut" || harm.ways.length < 2) continue;
      let now = planned;
      this.list(harm.ways, (ways) => {
        const fewer = { at: planned.at, harm: { ...harm, ways } };
        const harms = this.plan.harms.map((other) => (other === now ? fewer : other));
        return { harms, adopted: () => (now = fewer) };
      });
    }
  }

  private operations(): void {
    this.list(this.plan.operations, (operations) => ({ operations }));
  }

  private clients(): void {
    for (const client of new Set(this.plan.operations.map((operation) => operation.client)))
      this.attempt({ operations: this.plan.operations.filter((operation) => operation.client !== client) });
  }

  private nodes(): void {
    for (;;) {
      const { swarm } = this.plan;
      const fewer: Swarm[] = [];
      if (swarm.replicas > 3) fewer.push({ ...swarm, replicas: 3 });
      if (swarm.nodes > 3) fewer.push({ ...swarm, nodes: 3, replicas: Math.min(swarm.replicas, 3) });
      if (swarm.nodes > swarm.replicas && swarm.nodes > 1) fewer.push({ ...swarm, nodes: swarm.nodes - 1 });
      if (!fewer.some((simpler) => this.attempt({ swarm: simpler }))) return;
    }
  }

  private finals(): void {
    if (this.plan.finals !== null) this.list(this.plan.finals, (finals) => ({ finals }));
  }

  /** Takes out halves, quarters and so on, down to single ones. */
  private list<T>(items: readonly T[], change: (left: readonly T[]) => Partial<Plan> & { adopted?: () => void }): void {
    let left = items;
    for (let chunk = Math.max(1, left.length >> 1); ; chunk >>= 1) {
      // From the end: what came last matters least, as what follows it is not disturbed.
      for (let end = left.length; end > 0; end -= chunk) {
        const fewer = [...left.slice(0, Math.max(0, end - chunk)), ...left.slice(end)];
        const { adopted, ...changed } = change(fewer);
        if (!this.attempt(changed)) continue;
        adopted?.();
        left = fewer;
      }
      if (chunk <= 1) return;
    }
  }

  /** Adopts the change if the same check still fails. */
  private attempt(change: Partial<Plan>): boolean {
    if (this.runs >= this.allowed) return false;
    this.runs++;
    const plan = { ...this.plan, luck: this.luck, ...change };
    const report = run(optionsOf(plan));
    if (report.violation?.check !== this.report.violation?.check) return false;
    this.plan = plan;
    this.report = report;
    return true;
  }
}
