/**
 * The times of all faults in an epoch, drawn from a seed beforehand. So the same seed gives the same schedule (what the
 * processes make of it is up to them). Nodes are named by index.
 *
 * 1. In every epoch each of the faults that heal comes at least once. 2. Of nodes that keep their data in memory no
 * more end, by a kill or a drain, than a minority of a group: what they held is gone. 3. Nodes on disk are started
 * again when their kill or drain is over, so any number of them may end. Two epochs of three are on disk, and in every
 * second one of these all nodes are killed at once. 4. All faults are over by the end of the epoch. 5. In every epoch
 * members without partitions join, and are asked to leave before it ends.
 */
import type { Prng } from "../../src/base/prng.js";
import type { Direction, Ending } from "./network.js";

export type FaultKind = Fault["kind"];

export type Fault = {
  /** Milliseconds from the beginning of the epoch. */
  readonly at: number;
  /** The same as `at` for what does not last. */
  readonly until: number;
} & (
  | { readonly kind: "cut" | "one-way cut"; readonly directions: readonly Direction[]; readonly ending: Ending }
  | { readonly kind: "delay"; readonly directions: readonly Direction[]; readonly delayMs: number }
  | { readonly kind: "reset"; readonly directions: readonly Direction[] }
  /** Ahead of ours from then on; of a node whose clock does not drift. */
  | { readonly kind: "clock jump"; readonly node: number; readonly jumpS: number }
  | { readonly kind: "pause"; readonly node: number }
  /** In an epoch on disk it is started again at `until`. */
  | { readonly kind: "kill" | "drain"; readonly node: number }
  /** All nodes are killed at once, and started again at `until`. */
  | { readonly kind: "blackout" }
  /** A node without partitions joins, and is asked to leave at `until`. */
  | { readonly kind: "join"; readonly guest: number }
);

export interface EpochPlan {
  readonly nodes: number;
  readonly replicas: number;
  /** Where the nodes keep their data: on disk, or in memory. */
  readonly disk: boolean;
  /** How fast each node's clock runs, monotonic time too; 1 is right. */
  readonly rates: readonly number[];
  readonly faults: readonly Fault[];
}

type Size = (typeof SIZES)[number];

const SIZES = [
  { nodes: 3, replicas: 3 },
  { nodes: 5, replicas: 5 },
  { nodes: 5, replicas: 3 },
] as const;

const HEALING = ["cut", "one-way cut", "delay", "reset", "pause", "clock jump"] as const;
type Healing = (typeof HEALING)[number];
const ENDINGS = ["late", "reset", "silent"] as const;
/** Between two faults, on average; most last longer, so they overlap. */
const PACE_MS = 1_000;
const MIN_LAST_MS = 300;
const MAX_LAST_MS = 4_000;
/** Some cuts outlast every timeout of the nodes. */
const MAX_LONG_MS = 8_000;
const LONG = 0.12;
const MAX_DELAY_MS = 400;
const MIN_JUMP_S = 60;
const MAX_JUMP_S = 86_400;
const MIN_DRIFT = 0.05;
const MAX_DRIFT = 0.2;
const MIN_DOWN_MS = 200;
const MAX_DOWN_MS = 4_000;
/** More processes than that slow all of them down. */
const GUESTS_OF_THREE = 2;
const GUESTS_OF_FIVE = 1;

export function planEpoch(seed: Prng, epoch: number, lastsMs: number): EpochPlan {
  const prng = seed.fork(`epoch ${epoch}`);
  // Every three epochs each size once.
  const size = seed.fork(`sizes ${Math.floor(epoch / SIZES.length)}`).shuffle(SIZES)[epoch % SIZES.length];
  if (size === undefined) throw new Error("no size");
  const { nodes, replicas } = size;
  const rates = Array.from({ length: nodes }, () => 1);
  const drifting = prng.below(nodes);
  rates[drifting] = 1 + (prng.chance(0.5) ? 1 : -1) * (MIN_DRIFT + (MAX_DRIFT - MIN_DRIFT) * prng.fraction());
  const faults: Fault[] = [];
  let kinds: Healing[] = [];
  for (let at = 500; at < lastsMs; at += PACE_MS * (0.5 + prng.fraction())) {
    if (kinds.length === 0) kinds = prng.shuffle(HEALING);
    faults.push(drawFault(prng, { kind: kinds.pop() as Healing, nodes, drifting, at, end: lastsMs }));
  }
  const disk = epoch % 3 !== 0;
  faults.push(...(disk ? drawRestarts(prng, epoch, nodes, lastsMs) : drawEndings(prng, epoch, size, lastsMs)));
  const visits = Array.from({ length: nodes === 3 ? GUESTS_OF_THREE : GUESTS_OF_FIVE }, (_, guest): Fault => {
    const at = Math.round(lastsMs * 0.5 * prng.fraction());
    return { kind: "join", guest, at, until: Math.round(at + (lastsMs - at) * (0.4 + 0.5 * prng.fraction())) };
  });
  faults.push(...visits);
  return { nodes, replicas, disk, rates, faults: faults.sort((a, b) => a.at - b.at) };
}

/** In memory: a minority of a group, for good. */
function drawEndings(prng: Prng, epoch: number, { nodes, replicas }: Size, lastsMs: number): Fault[] {
  const victims = prng.shuffle(indexes(nodes)).slice(0, (replicas - 1) >> 1);
  return victims.map((node, i) => {
    const at = Math.round(lastsMs * (0.2 + 0.6 * prng.fraction()));
    return { kind: (epoch + i) % 2 === 0 ? "kill" : "drain", node, at, until: at };
  });
}

/**
 * On disk: kills and drains in turns of any nodes, some of them while others are down, and in some epochs all at once.
 */
function drawRestarts(prng: Prng, epoch: number, nodes: number, lastsMs: number): Fault[] {
  const draw = (earliest: number): { readonly at: number; readonly until: number } => {
    const at = Math.round(lastsMs * (earliest + 0.5 * prng.fraction()));
    return { at, until: Math.min(lastsMs, at + MIN_DOWN_MS + prng.below(MAX_DOWN_MS - MIN_DOWN_MS)) };
  };
  // The first drain never meets a node that is down, unless all are.
  const [killed = 0, drained = 1] = prng.shuffle(indexes(nodes));
  const faults: Fault[] = Array.from({ length: nodes - 1 }, (_, i) => ({
    ...draw(0.1),
    kind: i % 2 === 0 ? "kill" : "drain",
    node: [killed, drained][i] ?? prng.pick([killed, ...indexes(nodes).filter((node) => node !== drained)]),
  }));
  if (epoch % 3 === 2) faults.push({ ...draw(0.3), kind: "blackout" });
  return faults;
}

interface Drawing {
  readonly kind: Healing;
  readonly nodes: number;
  readonly drifting: number;
  readonly at: number;
  readonly end: number;
}

function drawFault(prng: Prng, { kind, nodes, drifting, at: exactly, end }: Drawing): Fault {
  const at = Math.round(exactly);
  const longest = prng.chance(LONG) ? MAX_LONG_MS : MAX_LAST_MS;
  const until = Math.min(end, Math.round(at + MIN_LAST_MS + prng.fraction() * (longest - MIN_LAST_MS)));
  const node = prng.below(nodes);
  switch (kind) {
    case "cut":
      return { kind, at, until, directions: bothWays(drawPairs(prng, nodes)), ending: prng.pick(ENDINGS) };
    case "one-way cut":
      return { kind, at, until, directions: drawOneWay(prng, nodes), ending: prng.pick(ENDINGS) };
    case "delay": {
      const directions = prng.chance(0.5) ? bothWays(drawPairs(prng, nodes)) : drawOneWay(prng, nodes);
      return { kind, at, until, directions, delayMs: 5 + Math.round(prng.fraction() ** 2 * MAX_DELAY_MS) };
    }
    case "reset":
      return { kind, at, until: at, directions: drawPairs(prng, nodes) };
    case "clock jump": {
      const jumpS = (prng.chance(0.5) ? 1 : -1) * (MIN_JUMP_S + prng.below(MAX_JUMP_S));
      return { kind, at, until: at, node: (drifting + 1 + prng.below(nodes - 1)) % nodes, jumpS };
    }
    case "pause":
      return { kind, at, until, node };
  }
}

/** One pair, all pairs of one node, or the pairs between two halves. */
function drawPairs(prng: Prng, nodes: number): Direction[] {
  const [first = 0, second = 1, ...rest] = prng.shuffle(indexes(nodes));
  const dice = prng.fraction();
  if (dice < 0.4) return [[first, second]];
  if (dice < 0.7) return [second, ...rest].map((other) => [first, other] as const);
  const half = nodes >> 1;
  const order = [first, second, ...rest];
  return order.slice(0, half).flatMap((a) => order.slice(half).map((b) => [a, b] as const));
}

/** From one node to another, or a node that is deaf, or one that is dumb. */
function drawOneWay(prng: Prng, nodes: number): Direction[] {
  const [first = 0, ...rest] = prng.shuffle(indexes(nodes));
  const dice = prng.fraction();
  if (dice < 0.4) return [[first, rest[0] as number]];
  return rest.map((other) => (dice < 0.7 ? ([first, other] as const) : ([other, first] as const)));
}

const bothWays = (pairs: readonly Direction[]): Direction[] =>
  pairs.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]);

const indexes = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export function inWords(fault: Fault): string {
  const when = `${(fault.at / 1000).toFixed(1)}${fault.until > fault.at ? `–${(fault.until / 1000).toFixed(1)}` : ""} s`;
  if ("node" in fault) return `${when} ${fault.kind} ${fault.node}${"jumpS" in fault ? ` by ${fault.jumpS} s` : ""}`;
  if (fault.kind === "blackout") return `${when} blackout`;
  if (fault.kind === "join") return `${when} guest ${fault.guest} joins`;
  const where = fault.directions.map(([a, b]) => `${a}→${b}`).join(" ");
  const how = "ending" in fault ? ` (${fault.ending})` : "delayMs" in fault ? ` by ${fault.delayMs} ms` : "";
  return `${when} ${fault.kind} ${where}${how}`;
}
