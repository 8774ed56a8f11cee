/**
 * A check of availability: a writer whose disk is full gives its office away soon when it knows a replica that could
 * have it. Only rounds in a row count in which it knew one: with faults all around, nobody can promise more. On a
 * network that loses messages nothing is checked, as every offer may be lost.
 */
import { voteOf } from "../../src/base/votes.js";
import type { Core } from "../../src/core/core.js";
import { sameBallot } from "../../src/core/model/ballot.js";
import type { ServedPartition } from "../../src/core/partition.js";
import type { SimNode } from "./node.js";
import type { Schedule } from "./schedule.js";

/** An offer takes a second at most, and some rounds; one may fail. */
const OFFERS = 2;
const OFFER_MS = 1_000;
const ROUNDS_AN_OFFER = 6;

export interface FullWritersOptions {
  readonly schedule: Schedule;
  readonly nodes: readonly SimNode[];
  readonly roundMs: number;
  readonly violate: (detail: string) => void;
}

export class FullWriters {
  /** Rounds in a row, by node, life and partition. */
  private readonly kept = new Map<string, number>();

  constructor(private readonly options: FullWritersOptions) {}

  watch(): void {
    const { schedule, nodes, roundMs } = this.options;
    schedule.after(roundMs, () => {
      for (const node of nodes) this.look(node);
      this.watch();
    });
  }

  private look(node: SimNode): void {
    const { roundMs, violate } = this.options;
    const bound = OFFERS * (OFFER_MS / roundMs + ROUNDS_AN_OFFER);
    const core = node.machine?.core;
    if (core === undefined) return;
    for (const [partition, served] of core.partitions) {
      const name = `${node.id}/${node.life} ${partition}`;
      const full = node.running && node.storage?.writable === false;
      const keeps = full && core.isWriter(partition) && couldGo(core, served, this.options.nodes);
      const rounds = keeps ? (this.kept.get(name) ?? 0) + 1 : 0;
      this.kept.set(name, rounds);
      if (rounds > bound) violate(`n${node.id} keeps the office of partition ${partition} on a full disk`);
    }
  }
}

/** A replica whose disk has space is heard, hears a majority, and promises this writer's ballot. */
function couldGo(core: Core, served: ServedPartition, nodes: readonly SimNode[]): boolean {
  const { group, writer } = served.copy;
  const { replicas, majority, self } = group;
  return replicas.some((id, place) => {
    const promise = served.report(place)?.promise;
    if (id === self || (served.heardPlaces() & voteOf(place)) === 0 || nodes[id - 1]?.storage?.writable !== true)
      return false;
    if (promise === undefined || writer.ballot === null || !sameBallot(promise, writer.ballot)) return false;
    return replicas.filter((other) => core.heartbeats.hears(id, other)).length >= majority;
  });
}
