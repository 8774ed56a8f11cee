/**
 * The parts of a call's cost: a profile of all nodes, folded by stage. The load has uniform keys and goes to all nodes.
 * A PUT carries a request id.
 *
 * Intuition: a profile tells shares of time well, and CPU time of processes tells how much there was. So each node's
 * main thread's CPU time is divided by its profile's shares, and the threads beside it are a row of their own.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freeBasePort, PEER_PORT_OFFSET } from "../cluster.js";
import { type Child, startChild } from "../process/child.js";
import { cpuSecondsOf, mainThreadSecondsOf } from "../process/procfs.js";
import { foldProfile, IDLE, type Profile } from "../stats/profile.js";
import { STAGES, stageOf } from "./anatomy-stages.js";
import { errorsOf, errorsText, load, progress, type SuiteOptions, type SuiteResult } from "./context.js";

const HOST = "127.0.0.1";
const START_LIMIT_MS = 60_000;
const WARM_UP_SECONDS = 10;
const PROFILE_LIMIT_MS = 30_000;
const OTHER_THREADS = "other threads: disk, collections, compilers";
/** A profile's beginning and end take a while, and the load goes on meanwhile. */
const SETTLE_SECONDS = 1;

const CELLS = [
  { name: "PUT 1x64", gets: 0, inFlight: 64, connections: 1 },
  { name: "PUT 16x64", gets: 0, inFlight: 1_024, connections: 5 },
  { name: "GET 1x64", gets: 1, inFlight: 64, connections: 1 },
  { name: "GET 16x64", gets: 1, inFlight: 1_024, connections: 5 },
] as const;
type Cell = (typeof CELLS)[number];

interface Anatomy {
  readonly cell: string;
  readonly micros: number;
  /** CPU µs for each call. */
  readonly stages: ReadonlyMap<string, number>;
  readonly errors: readonly string[];
}

export async function anatomy(options: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "onar-bench-"));
  const nodes = new ProfiledNodes(options, folder, await freeBasePort(options.nodes));
  try {
    await nodes.start();
    const common = { seconds: WARM_UP_SECONDS, keys: options.keys };
    // Both ways of calls, so that the compilers have done their work before anything is measured.
    await load(options, nodes.target(1), { ...common, inFlight: 64, gets: 0.5, preload: true });
    await load(options, nodes.target(5), { ...common, inFlight: 1_024, gets: 0.5 });
    const measured: Anatomy[] = [];
    for (const cell of CELLS) {
      measured.push(await measure(options, nodes, cell));
      progress(`anatomy: ${cell.name}: ${measured.at(-1)?.micros.toFixed(0)} µs of CPU for each call`);
    }
    return resultOf(options, measured);
  } finally {
    await nodes.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(options: SuiteOptions, nodes: ProfiledNodes, cell: Cell): Promise<Anatomy> {
  const { gets, inFlight, connections } = cell;
  const what = { inFlight, gets, keys: options.keys, seconds: options.seconds + 2 * SETTLE_SECONDS };
  const target = nodes.target(connections);
  const running = load(options, target, { ...what, warmUpSeconds: 1 });
  await sleep(1_000 + SETTLE_SECONDS * 1_000);
  await nodes.beginProfiles();
  const before = nodes.used();
  await sleep(options.seconds * 1_000);
  const after = nodes.used();
  const profiles = await nodes.profiles();
  const report = await running;
  const usedBy = (at: number): number => (after[at]?.main ?? 0) - (before[at]?.main ?? 0);
  // The load's own account of CPU time is of all of it, and so are its calls.
  const micros = (report.watched.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) * 1e6) / report.operations;
  const all = nodes.total(after) - nodes.total(before);
  const stages = new Map<string, number>();
  const add = (stage: string, share: number): void => {
    stages.set(stage, (stages.get(stage) ?? 0) + share * micros);
  };
  let main = 0;
  for (const [index, profile] of profiles.entries()) {
    const folded = foldProfile(profile, "/bench/out/js/", stageOf);
    folded.delete(IDLE);
    const busy = [...folded.values()].reduce((sum, one) => sum + one, 0);
    main += usedBy(index);
    for (const [stage, time] of folded) add(stage, ((time / busy) * usedBy(index)) / all);
  }
  add(OTHER_THREADS, Math.max(0, 1 - main / all));
  const errors = errorsOf([report]);
  const told = Object.keys(errors).length === 0 ? [] : [`${cell.name}: errors: ${errorsText(errors)}`];
  return { cell: cell.name, micros, stages, errors: told };
}

function resultOf(options: SuiteOptions, measured: readonly Anatomy[]): SuiteResult {
  const rows = [...STAGES, OTHER_THREADS].map((stage) => [
    stage,
    ...measured.map(({ stages }) => (stages.get(stage) ?? 0).toFixed(1)),
  ]);
  return {
    tables: [
      {
        title: `CPU µs for each call, all ${options.nodes} nodes together, by stage`,
        head: ["stage", ...measured.map(({ cell }) => cell)],
        rows: [...rows, ["all", ...measured.map(({ micros }) => micros.toFixed(1))]],
      },
    ],
    notes: measured.flatMap((one) => one.errors),
    figures: measured.map(({ cell, micros, stages }) => ({ cell, micros, stages: Object.fromEntries(stages) })),
  };
}

interface Used {
  readonly main: number;
  readonly all: number;
}

class ProfiledNodes {
  private readonly children: Child[] = [];
  private taken = 0;

  constructor(
    private readonly options: SuiteOptions,
    private readonly folder: string,
    private readonly basePort: number,
  ) {}

  async start(): Promise<void> {
    const { nodes, scripts } = this.options;
    const peers = Array.from({ length: nodes }, (_, i) => `${HOST}:${this.basePort + PEER_PORT_OFFSET + i}`);
    const started = peers.map((peer, i) => {
      const args = [`${scripts}/profiled-node.js`, `${HOST}:${this.basePort + i}`, peer, peers.join(",")];
      return startChild([...args, this.data(i)], START_LIMIT_MS);
    });
    // Those that did start are ended by `stop`.
    const settled = await Promise.allSettled(started);
    for (const one of settled) if (one.status === "fulfilled") this.children.push(one.value);
    for (const one of settled) if (one.status === "rejected") throw one.reason;
  }

  target(connections: number) {
    const endpoints = this.children.map((_, i) => ({ host: HOST, port: this.basePort + i }));
    return { endpoints, pids: this.children.map(({ pid }) => pid), connections };
  }

  /** A profile's beginning takes a while, as V8 looks at all functions: what comes after it is the load's alone. */
  async beginProfiles(): Promise<void> {
    this.taken++;
    this.signal();
    await Promise.all(this.children.map((_, i) => fileAt(`${this.data(i)}.${this.taken}.begun`)));
  }

  /** Ends the profiles; they are in the order of the nodes. */
  async profiles(): Promise<Profile[]> {
    this.signal();
    const files = await Promise.all(this.children.map((_, i) => fileAt(`${this.data(i)}.${this.taken}.cpuprofile`)));
    return files.map((file) => JSON.parse(file));
  }

  private signal(): void {
    for (const { pid } of this.children) process.kill(pid, "SIGUSR2");
  }

  used(): Used[] {
    return this.children.map(({ pid }) => ({ main: mainThreadSecondsOf(pid) ?? 0, all: cpuSecondsOf(pid) ?? 0 }));
  }

  total(used: readonly Used[]): number {
    return used.reduce((sum, { all }) => sum + all, 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.children.map((child) => child.stop()));
  }

  private data(index: number): string {
    return join(this.folder, `node${index + 1}`);
  }
}

async function fileAt(name: string): Promise<string> {
  for (let waited = 0; !existsSync(name); waited += 50) {
    if (waited > PROFILE_LIMIT_MS) throw new Error(`no profile at ${name}`);
    await sleep(50);
  }
  return readFileSync(name, "utf8");
}
