/**
 * One seed, one run. First comes safety, with all the faults that the seed drew. Then comes liveness, without faults
 * and with all nodes or a random majority of every group up. Writers must be found, every request answered and every
 * key read at every node. Then the history is checked.
 */
import { countVotes, voteOf } from "../../src/base/votes.js";
import { checkHistory } from "../../src/check/check.js";
import { formatHistory } from "../../src/check/jsonl.js";
import { versionWitness } from "../../src/check/version-witness.js";
import { partition, UNKNOWN_REVISION } from "../../src/core/model/ids.js";
import type { ServedPartition } from "../../src/core/partition.js";
import { FOLLOW_MS } from "../../src/core/replica/catch-up.js";
import type { CheckName } from "./checks.js";
import { LongLoads } from "./long-loads.js";
import { drawWorld } from "./moving.js";
import { NemesisAtWork } from "./nemesis.js";
import type { SimNode } from "./node.js";
import type { Source } from "./plan.js";
import type { Point } from "./sometimes.js";
import type { Story } from "./story.js";
import type { Swarm } from "./swarm.js";
import { Violated, type Violation, World } from "./world.js";

/** Within so many rounds after the last fault there is a writer everywhere and every old request is answered. */
const SETTLING_ROUNDS = 80;
/**
 * Members, moves and farewells that were asked for are decided within so long besides. A view that was lost is told
 * again after up to 4 s.
 */
const CHANGES_MS = 30_000;
/** Within so many times that span after that, every replica has what the others have. */
const FOLLOWINGS = 6;
/** Within so many times the span between two passes every tombstone is gone, those that were left behind too. */
const PASSES = 16;
/** States that the linearizability search may visit for a key. */
const SEARCH_STEPS = 400_000;

export interface RunOptions {
  readonly seed: number;
  /** Takes the place of what the seed draws. */
  readonly swarm?: Swarm;
  /** No node stays down in the liveness phase, or is taken down for it. */
  readonly everybodyUp?: boolean;
  /** Lines of the trace to keep for a failure. */
  readonly keep?: number;
  readonly ignored?: readonly CheckName[];
  /** Writes the run down, or runs by a plan. */
  readonly source?: Source;
  readonly story?: Story;
}

export interface RunReport {
  readonly seed: number;
  readonly hash: string;
  readonly violation: Violation | null;
  readonly sometimes: Partial<Record<Point, number>>;
  readonly operations: number;
  /** Operations of unknown outcome. */
  readonly unknown: number;
  readonly events: number;
  readonly virtualMs: number;
  /** The linearizability search gave up: neither a yes nor a no. */
  readonly outOfTime: boolean;
  readonly trace: string;
  readonly history: string;
}

export function run(options: RunOptions): RunReport {
  const { seed, keep = 0 } = options;
  const swarm = options.swarm ?? drawWorld(seed);
  const world = new World({
    seed,
    swarm,
    keep,
    ignored: new Set(options.ignored),
    ...(options.source === undefined ? {} : { source: options.source }),
    ...(options.story === undefined ? {} : { story: options.story }),
  });
  let violation: Violation | null = null;
  let outOfTime = false;
  try {
    safetyPhase(world);
    livenessPhase(world, options.everybodyUp === true);
    upkeepPhase(world);
    outOfTime = !linearizable(world);
  } catch (error) {
    if (!(error instanceof Violated)) throw error;
    violation = error.violation;
  }
  const { trace, history, schedule, sometimes } = world;
  for (const operation of history) trace.mix(operation.invoked * 7 + (operation.returned ?? 0));
  return {
    seed,
    hash: trace.hash,
    violation,
    sometimes: sometimes.toJSON(),
    operations: history.length,
    unknown: history.filter(({ outcome }) => outcome.status === "unknown").length,
    events: schedule.count,
    virtualMs: schedule.now,
    outOfTime,
    trace: trace.text(),
    history: violation === null || keep === 0 ? "" : formatHistory(history),
  };
}

function safetyPhase(world: World): void {
  const { schedule, swarm } = world;
  for (const node of world.nodes) world.start(node);
  // A cluster is given time for its first writers now and then; otherwise it is harmed from the start.
  if (world.chance.chance(0.7)) schedule.runUntil(swarm.roundMs * 8);
  const nemesis = new NemesisAtWork(world);
  nemesis.begin();
  for (const client of world.clients) client.start();
  schedule.runUntil(schedule.now + swarm.safetyMs);
  const { wait } = swarm.nemesis;
  if (wait !== null) {
    world.goOnSlowly(wait.forMs);
    nemesis.lastFor(wait);
    new LongLoads(world).watch();
    schedule.runUntil(schedule.now + wait.forMs);
  }
  nemesis.end();
}

function livenessPhase(world: World, everybodyUp: boolean): void {
  const { schedule, swarm, network, nodes } = world;
  world.calm = true;
  network.heal();
  for (const node of nodes) {
    node.disk.heal();
    node.resume();
    if (node.leaving) world.crash(node);
    node.filled();
  }
  const spared = new Set(everybodyUp ? [] : mayStayDown(world));
  for (const node of nodes) {
    if (spared.has(node)) world.crash(node);
    else world.start(node);
  }
  const longestRequest = swarm.load.timeoutMs * 8 + world.slackMs * 8;
  const views = world.membership === null ? 0 : CHANGES_MS;
  const bound = schedule.now + SETTLING_ROUNDS * swarm.roundMs * (1 + 2 * swarm.drift) + longestRequest + views;
  const unchanged = (): boolean => (world.membership?.unfinished().length ?? 0) === 0;
  const settled = (): boolean =>
    everyWriterFound(world) &&
    revisionsUnknown(world).length === 0 &&
    world.clients.every((client) => client.idle) &&
    unchanged();
  while (!settled()) {
    if (schedule.now > bound) return complain(world);
    schedule.runUntil(schedule.now + swarm.roundMs);
  }
  // Late messages of the safety phase may still depose a writer; after these nothing is late any more.
  schedule.runUntil(
    schedule.now + swarm.network.tailMs + 2 * swarm.network.latencyMs + (swarm.disk.slow > 0 ? swarm.disk.slowMs : 0),
  );
  // Some have left by now.
  const up = nodes.filter((node) => node.up);
  const patience = 4 * SETTLING_ROUNDS * swarm.roundMs + longestRequest;
  // Without it, keys are left to the readers as the faults left them.
  if (world.chance.fork("final writes").chance(0.5)) {
    for (const key of world.keys.filter((one) => !world.lostKeys.has(one)))
      finalOperation(world, patience, () => world.clients[0]?.writeAt(up[0] as SimNode, key));
  }
  for (const key of world.keys) {
    if (world.lostKeys.has(key)) continue;
    let reads = 0;
    for (const node of up)
      finalOperation(world, patience, () => {
        if (world.clients[0]?.readAt(node, key) === true) reads++;
      });
    if (reads === 0) continue;
    const last = world.history.filter(({ call }) => call.kind === "get").slice(-reads);
    const served = last.filter(({ outcome }) => outcome.status === "done").length;
    if (served < last.length)
      world.violate("liveness", `${last.length - served} of ${last.length} final reads of ${key} were not answered`);
  }
}

/** Nobody asks for anything any more: every bad register that storage finds is mended, and every replica catches up. */
function upkeepPhase(world: World): void {
  const { schedule, swarm } = world;
  const up = world.nodes.filter((node) => node.up);
  const bad = (): string[] =>
    up.flatMap((node) =>
      world
        .badKeys(node)
        .filter((key) => !world.lostKeys.has(key))
        .map((key) => `n${node.id}'s copy of ${key} is still bad`),
    );
  // It takes long in virtual time: some seeds see to it, and those whose nodes are far apart.
  const seesToCopies = world.chance.fork("copies").chance(0.2) || swarm.network.latencyMs > 0;
  const behind = (): string[] =>
    !seesToCopies
      ? []
      : up.flatMap((node) =>
          [...(node.machine?.core.partitions ?? [])].flatMap(([p, served]) =>
            lacks(served) > 0
              ? [`n${node.id} lacks ${lacks(served)} changes of partition ${p}`]
              : missing(world, node, served),
          ),
        );
  // Passes need every replica.
  const seesToTombstones = swarm.purgeAfterMs > 0 && world.chance.fork("tombstones").chance(0.3);
  const tombstones = (): string[] =>
    !seesToTombstones ? [] : up.flatMap((node) => leftTombstones(world, node).map((text) => `n${node.id} ${text}`));
  for (const node of up) for (const key of world.badKeys(node)) world.scrub(node, key);
  const passes = seesToTombstones ? PASSES * swarm.purgeAfterMs * (1 + 2 * swarm.drift) : 0;
  const bound =
    schedule.now + FOLLOWINGS * FOLLOW_MS * (1 + 2 * swarm.drift) + SETTLING_ROUNDS * swarm.roundMs + passes;
  for (;;) {
    const left = [...bad(), ...behind(), ...tombstones()];
    if (left.length === 0) return;
    if (schedule.now > bound) return world.violate("liveness", left.join("; "));
    schedule.runUntil(schedule.now + swarm.roundMs);
  }
}

/** Tombstones of partitions whose replicas all run. */
function leftTombstones(world: World, node: SimNode): string[] {
  const left: string[] = [];
  for (const [p, { copy }] of node.machine?.core.partitions ?? []) {
    const { group, replica } = copy;
    // No pass runs while a newcomer is not ready.
    if (group.moved || !group.replicas.every((id) => world.node(id).up)) continue;
    for (const { key } of replica.table.tombstones(1).filter((one) => !world.lostKeys.has(one.key)))
      left.push(`still holds the tombstone of ${key} in partition ${p}`);
  }
  return left;
}

/** A copy that has caught up with a majority has all that counts. */
function missing(world: World, node: SimNode, served: ServedPartition): string[] {
  const { partition: p, majority } = served.group;
  if (countVotes(served.heardPlaces()) < majority) return [];
  return world.checks.lacking(p, node.id).map((what) => `n${node.id} has caught up and lacks ${what}`);
}

/**
 * Changes that the copies of those who are heard have and this one may not. (`behind` counts those who are gone, too.)
 */
function lacks(served: ServedPartition): number {
  const heard = served.heardPlaces();
  let most = 0;
  for (let place = 0; place < served.group.replicas.length; place++) {
    const report = (heard & voteOf(place)) === 0 || place === served.group.place ? undefined : served.report(place);
    if (report !== undefined) most = Math.max(most, served.upkeep.catchUp.behind(place, report.lastChange));
  }
  return most;
}

function finalOperation(world: World, patience: number, begin: () => void): void {
  const { schedule } = world;
  begin();
  const bound = schedule.now + patience;
  while (world.clients.some((client) => !client.idle)) {
    if (schedule.now > bound) return world.violate("liveness", "a request after the last fault was never answered");
    schedule.runUntil(schedule.now + 5);
  }
}

/** Some seeds go on with no more than a majority of every group. */
function mayStayDown(world: World): SimNode[] {
  const { chance, nodes } = world;
  const down = nodes.filter((node) => node.lost);
  if (!chance.fork("survivors").chance(0.5)) return down;
  for (const node of chance.fork("down").shuffle(nodes)) {
    const takesPart = world.membership?.takesPart(node) ?? true;
    if (!node.lost && takesPart && world.dispensable(node, down)) down.push(node);
  }
  return down;
}

function everyWriterFound(world: World): boolean {
  for (let p = 0; p < world.swarm.partitions; p++) if (!writerFound(world, p)) return false;
  return true;
}

function writerFound(world: World, p: number): boolean {
  const writers = world.writersOf(partition(p));
  if (writers.length !== 1) return false;
  return world.nodes.every((node) => !node.up || node.machine?.core.writerOf(partition(p)) === writers[0]?.id);
}

/** Replicas that still tell clients no revision: nobody could write there with `after` (R9). */
const revisionsUnknown = (world: World): string[] =>
  world.nodes.flatMap((node) =>
    [...(node.machine?.core.partitions ?? [])].flatMap(([p, { copy }]) =>
      node.up && copy.replica.revisions.settledRevision === UNKNOWN_REVISION
        ? [`n${node.id} tells no revision of partition ${p}`]
        : [],
    ),
  );

function complain(world: World): void {
  const unfinished = world.membership?.unfinished() ?? [];
  if (unfinished.length > 0) world.violate("a healthy majority goes on", unfinished.join("; "));
  for (let p = 0; p < world.swarm.partitions; p++) {
    const writers = world.writersOf(partition(p)).map(({ id }) => `n${id}`);
    const known = world.nodes
      .filter(({ up }) => up)
      .map((node) => `n${node.id}→${node.machine?.core.writerOf(partition(p)) ?? "?"}`);
    if (!writerFound(world, p))
      world.violate("liveness", `partition ${p}: writers [${writers.join(" ")}], known as ${known.join(" ")}`);
  }
  const unknown = revisionsUnknown(world);
  if (unknown.length > 0) world.violate("liveness", unknown.join("; "));
  world.violate("liveness", "a request of the safety phase was never answered");
}

/** False when the search gave up. */
function linearizable(world: World): boolean {
  const report = checkHistory(world.history, { checker: versionWitness, budget: () => ({ steps: SEARCH_STEPS }) });
  for (const { key, verdict } of report.keys) {
    if (verdict.kind === "violation") world.violate("linearizability", `${key}: ${verdict.reason}`);
  }
  return report.kind !== "out of time";
}
