/**
 * Placements beside two that are well known: a ring with virtual nodes, and rendezvous hashing. All place the same
 * partitions on the same nodes, at founding and after a random row of joins and departures. Nothing runs; the figures
 * are counts and do not depend on the machine.
 */

import { Prng } from "../../src/base/prng.js";
import { type NodeId, nodeId } from "../../src/core/model/ids.js";
import { firstPlacement } from "../../src/core/placement/first-placement.js";
import { evenPlacement, type PlacedPartition } from "../../src/core/placement/next-placement.js";
import { progress, type SuiteOptions, type SuiteResult } from "./context.js";
import { tableOf } from "./table.js";

interface Shape {
  readonly nodes: number;
  readonly partitions: number;
}

const SHAPES: readonly Shape[] = [
  { nodes: 5, partitions: 256 },
  { nodes: 20, partitions: 1_024 },
  { nodes: 100, partitions: 4_096 },
];
const FACTOR = 3;
const CHANGES = 20;
const VIRTUAL_NODES = 128;
const SEED = 1;
/** Points of partitions are no points of nodes. */
const RING_SALT = 1_000_003;

type Sets = readonly (readonly NodeId[])[];

/** The replicas of each partition on these nodes; `before` is what was there. */
interface Placer {
  readonly name: string;
  place(ids: readonly NodeId[], partitions: number, before: Sets | null): Sets;
}

interface Row {
  readonly shape: Shape;
  readonly placer: string;
  readonly when: string;
  /** The most loaded node by the mean. */
  readonly most: number;
  readonly least: number;
  readonly movedByIdeal: number | null;
  readonly groups: number;
  /** That three crashes at once take all replicas of some partition. */
  readonly lossOfThree: number;
}

export function placement(_options: SuiteOptions): Promise<SuiteResult> {
  const rows: Row[] = [];
  for (const shape of SHAPES) {
    const histories = historyOf(shape.nodes);
    for (const placer of [onar(), rendezvous(), ring()]) {
      progress(`placement: ${shape.nodes} nodes, ${placer.name}`);
      rows.push(...rowsOf(shape, placer, histories));
    }
  }
  const percent = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;
  return Promise.resolve({
    tables: [
      tableOf(`Placements of 3 replicas, at founding and after ${CHANGES} joins and departures`, rows, [
        ["nodes × partitions", ({ shape }) => `${shape.nodes} × ${shape.partitions}`],
        ["placement", ({ placer }) => placer],
        ["when", ({ when }) => when],
        ["least load", ({ least }) => least.toFixed(2)],
        ["most load", ({ most }) => most.toFixed(2)],
        ["moved / ideal", ({ movedByIdeal }) => movedByIdeal?.toFixed(2) ?? ""],
        ["groups", ({ groups }) => String(groups)],
        ["3 crashes lose", ({ lossOfThree }) => percent(lossOfThree)],
      ]),
    ],
    notes: [
      "loads are by the mean; the ideal is an even share for each node that comes or goes",
      `ring: ${VIRTUAL_NODES} virtual nodes each; "3 crashes lose": the share of all sets of three nodes that keep some partition whole`,
    ],
    figures: rows,
  });
}

/** The nodes at founding and after each change. */
function historyOf(nodes: number): NodeId[][] {
  const random = new Prng(SEED).fork(`placement ${nodes}`);
  let ids = Array.from({ length: nodes }, (_, index) => nodeId(index + 1));
  const history = [ids];
  for (let next = nodes + 1; history.length <= CHANGES; next++) {
    if (random.next() % 2 === 0) ids = [...ids, nodeId(next)];
    else {
      const gone = random.next() % ids.length;
      ids = ids.filter((_, index) => index !== gone || ids.length <= FACTOR);
    }
    history.push(ids);
  }
  return history;
}

function rowsOf(shape: Shape, placer: Placer, history: readonly (readonly NodeId[])[]): Row[] {
  const { partitions } = shape;
  const founded = placer.place(history[0] ?? [], partitions, null);
  let now = founded;
  let moved = 0;
  let ideal = 0;
  for (const [step, ids] of history.slice(1).entries()) {
    const next = placer.place(ids, partitions, now);
    for (const [partition, set] of next.entries())
      for (const id of set) if (now[partition]?.includes(id) !== true) moved++;
    ideal += idealMoves(history[step] as NodeId[], ids, partitions);
    now = next;
  }
  const describe = (sets: Sets, ids: readonly NodeId[], when: string, movedByIdeal: number | null): Row => {
    const loads = loadsOf(sets, ids);
    const mean = (partitions * FACTOR) / ids.length;
    const groups = new Set(sets.map((set) => [...set].sort((a, b) => a - b).join())).size;
    const triples = (ids.length * (ids.length - 1) * (ids.length - 2)) / 6;
    return {
      shape,
      placer: placer.name,
      when,
      most: Math.max(...loads.values()) / mean,
      least: Math.min(...loads.values()) / mean,
      movedByIdeal,
      groups,
      lossOfThree: groups / triples,
    };
  };
  return [
    describe(founded, history[0] ?? [], "founded", null),
    describe(now, history.at(-1) ?? [], "changed", moved / ideal),
  ];
}

function loadsOf(sets: Sets, ids: readonly NodeId[]): Map<NodeId, number> {
  const loads = new Map(ids.map((id) => [id, 0]));
  for (const set of sets) {
    for (const id of set) {
      const load = loads.get(id);
      if (load !== undefined) loads.set(id, load + 1);
    }
  }
  return loads;
}

/** A node that comes takes its even share, and the share of one that goes has to come elsewhere. */
function idealMoves(before: readonly NodeId[], after: readonly NodeId[], partitions: number): number {
  return before.length === after.length ? 0 : (partitions * FACTOR) / Math.max(before.length, after.length);
}

function onar(): Placer {
  let placed: PlacedPartition[] = [];
  return {
    name: "Onar",
    place(ids, partitions, before) {
      const seats = ids.map((id) => ({ id, zone: "" }));
      if (before === null) {
        const members = seats.map((seat) => ({ ...seat, clientAddress: `c${seat.id}`, peerAddress: `p${seat.id}` }));
        placed = firstPlacement(members, FACTOR, partitions).map(({ replicas }) => ({
          replicas,
          preferred: replicas[0] as NodeId,
        }));
      } else placed = evenPlacement(placed, { seats, replicationFactor: FACTOR });
      return placed.map(({ replicas }) => replicas);
    },
  };
}

/** The δ nodes with the highest hash of partition and node. */
function rendezvous(): Placer {
  return {
    name: "rendezvous",
    place: (ids, partitions) =>
      Array.from({ length: partitions }, (_, partition) =>
        ids
          .map((id) => ({ id, weight: mixed(partition, id) }))
          .sort((a, b) => b.weight - a.weight)
          .slice(0, FACTOR)
          .map(({ id }) => id),
      ),
  };
}

/** The δ different nodes whose points follow that of the partition. */
function ring(): Placer {
  return {
    name: "ring",
    place(ids, partitions) {
      const points = ids.flatMap((id) => Array.from({ length: VIRTUAL_NODES }, (_, i) => ({ id, at: mixed(id, i) })));
      points.sort((a, b) => a.at - b.at);
      return Array.from({ length: partitions }, (_, partition) => {
        const start = points.findIndex(({ at }) => at >= mixed(partition, RING_SALT));
        const set = new Set<NodeId>();
        for (let i = Math.max(0, start); set.size < FACTOR; i++)
          set.add((points[i % points.length] as { id: NodeId }).id);
        return [...set];
      });
    },
  };
}

/** A well mixed number of 32 bits (MurmurHash3's last step, Appleby). */
function mixed(first: number, second: number): number {
  let hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(second + 1, 0x85ebca77);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
