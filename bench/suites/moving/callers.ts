/**
 * One caller a partition, for the suite `moves`. Each puts growing numbers at a key of its own, one call at a time. So
 * the time between two answers shows how long the partition gave none, and the last number what must not be lost.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { OnarClient } from "../../../src/client/client.js";
import { NotDoneError } from "../../../src/client/outcome.js";
import { partitionOf } from "../../../src/client/placement.js";
import { endpointText } from "../../cluster.js";
import type { DurableCluster } from "../../durable-cluster.js";

export interface Seen {
  readonly seconds: number;
  readonly partitions: readonly { puts: number; longestMs: number }[];
  /** Puts that were answered as not done; they changed nothing. */
  readonly notDone: number;
  /** Puts of which nobody knows whether they are done. */
  readonly unknown: number;
}

export class Callers {
  readonly client: OnarClient;
  private readonly keys: readonly string[];
  private readonly last: number[];

  /** `pauseMs`: what a caller waits between two calls. */
  constructor(
    cluster: DurableCluster,
    partitions: number,
    private readonly pauseMs: number,
  ) {
    this.client = new OnarClient({ endpoints: cluster.nodes.map((node) => endpointText(node.client)) });
    this.last = Array.from({ length: partitions }, () => 0);
    this.keys = this.last.map((_, partition) => keyIn(partition, partitions));
  }

  async during(act: () => Promise<void>): Promise<Seen> {
    const partitions = this.keys.map(() => ({ puts: 0, longestMs: 0 }));
    let notDone = 0;
    let unknown = 0;
    let going = true;
    const began = performance.now();
    const calling = this.keys.map(async (key, i) => {
      const seen = partitions[i] as { puts: number; longestMs: number };
      let answered = performance.now();
      while (going) {
        const number = (this.last[i] ?? 0) + 1;
        try {
          await this.client.put(key, String(number));
        } catch (error) {
          if (error instanceof NotDoneError) notDone++;
          else unknown++;
          continue;
        }
        this.last[i] = number;
        seen.puts++;
        const now = performance.now();
        seen.longestMs = Math.max(seen.longestMs, now - answered);
        if (this.pauseMs > 0) await sleep(this.pauseMs);
        answered = this.pauseMs > 0 ? performance.now() : now;
      }
    });
    try {
      await act();
    } finally {
      going = false;
      await Promise.all(calling);
    }
    return { seconds: (performance.now() - began) / 1_000, partitions, notDone, unknown };
  }

  /** Keys that hold less than what was answered. */
  async lost(): Promise<string[]> {
    const held = await Promise.all(this.keys.map((key) => this.client.get(key)));
    return held.flatMap(({ entry }, i) => {
      const number = Number(entry?.text() ?? 0);
      return number >= (this.last[i] ?? 0) ? [] : [`${this.keys[i]} is ${number}, and ${this.last[i]} was answered`];
    });
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

function keyIn(partition: number, partitions: number): string {
  for (let i = 0; ; i++) {
    const key = `caller-${partition}-${i}`;
    if (partitionOf(Buffer.from(key), partitions) === partition) return key;
  }
}
