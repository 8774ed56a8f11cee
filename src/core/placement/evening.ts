/**
 * Makes loads even. Each unit lies on one of several nodes that could have it: a replica on a node, or an office with a
 * replica.
 *
 * A chain of moves may lead from some node to one that has at least two units less. As long as there is such a chain,
 * one unit goes along the shortest. When there is none, no other distribution is more even (optimal semi-matchings,
 * Harvey et al., 2006).
 */

export interface Evening {
  readonly loads: readonly number[];
  /** Nodes to which some unit of `from` may go. */
  reachable(from: number): Iterable<number>;
  /**
   * The best way for one unit of `from` to go to a node with at most `most` units; null: there is none without detours.
   */
  direct(from: number, most: number): number | null;
  /** Moves one unit; false: after the moves before none may go there any more. */
  move(from: number, to: number): boolean;
}

export function evenOut(evening: Evening): void {
  const { loads } = evening;
  /** From these nobody with much less can be reached. */
  const settled = new Set<number>();
  for (let heaviest = heaviestOf(loads, settled); heaviest !== null; heaviest = heaviestOf(loads, settled)) {
    const most = (loads[heaviest] as number) - 2;
    if (Math.min(...loads) > most) return;
    const to = evening.direct(heaviest, most);
    if (to !== null && evening.move(heaviest, to)) continue;
    const { path, seen } = shortestPath(evening, heaviest, most);
    if (path === null) for (const node of seen) settled.add(node);
    else if (!moveAlong(evening, path)) settled.add(heaviest);
  }
}

function heaviestOf(loads: readonly number[], settled: ReadonlySet<number>): number | null {
  let heaviest: number | null = null;
  for (const [node, load] of loads.entries())
    if (!settled.has(node) && (heaviest === null || load > (loads[heaviest] as number))) heaviest = node;
  return heaviest;
}

/** Breadth first, from `start` to any node with at most `most` units. */
function shortestPath(
  { loads, reachable }: Evening,
  start: number,
  most: number,
): { path: readonly number[] | null; seen: Iterable<number> } {
  const cameFrom = new Map<number, number | null>([[start, null]]);
  for (const node of cameFrom.keys()) {
    for (const next of reachable(node)) {
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, node);
      if ((loads[next] as number) <= most) return { path: pathTo(next, cameFrom), seen: [] };
    }
  }
  return { path: null, seen: cameFrom.keys() };
}

function pathTo(end: number, cameFrom: ReadonlyMap<number, number | null>): readonly number[] {
  const path: number[] = [];
  for (let node: number | null = end; node !== null; node = cameFrom.get(node) ?? null) path.unshift(node);
  return path;
}

/** From the end on, so that a chain that breaks leaves no node heavier than it was by more than one. */
function moveAlong(evening: Evening, path: readonly number[]): boolean {
  for (let at = path.length - 2; at >= 0; at--)
    if (!evening.move(path[at] as number, path[at + 1] as number)) return false;
  return true;
}
