/**
 * Keys that are written once each, by several writers one after the other. Whatever is acknowledged must be there ever
 * after, whoever was killed or lost power in between.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Prng } from "../../src/base/prng.js";
import { attempt } from "./clients.js";
import type { Node } from "./harness.js";

const READERS = 16;
const READ_MS = 10_000;
/** How many of the older keys are read again. */
const SAMPLE = 200;

export interface LedgerOptions {
  readonly nodes: readonly Node[];
  readonly deadlineMs: number;
  readonly writersPerNode?: number;
  /** The length of each value; that of the key when missing. */
  readonly valueBytes?: number;
}

export class Ledger {
  private readonly acknowledged: string[] = [];
  /** How many of these were there the last time that all were asked for. */
  private seen = 0;
  private written = 0;

  constructor(private readonly options: LedgerOptions) {}

  get count(): number {
    return this.acknowledged.length;
  }

  /** Writes until it is stopped; resolves when the last answer is there. */
  write(): { readonly stop: () => Promise<void> } {
    const { nodes, deadlineMs, writersPerNode = 2 } = this.options;
    let stopping = false;
    const writer = async (node: Node): Promise<void> => {
      while (!stopping) {
        const name = `ledger-${++this.written}`;
        const key = Buffer.from(name);
        const value = this.valueOf(name);
        const tried = await attempt(deadlineMs, (options) => node.clients.kv.put({ key, value }, options));
        if ("answer" in tried) this.acknowledged.push(name);
        else await sleep(50);
      }
    };
    const work = nodes.flatMap((node) => Array.from({ length: writersPerNode }, () => writer(node)));
    return {
      stop: async () => {
        stopping = true;
        await Promise.all(work);
      },
    };
  }

  all(): readonly string[] {
    return this.acknowledged;
  }

  /** All that were acknowledged since the last time, and some of the others. */
  sample(prng: Prng): readonly string[] {
    const older = Array.from(
      { length: Math.min(SAMPLE, this.seen) },
      () => this.acknowledged[prng.below(this.seen)] ?? "",
    );
    const fresh = this.acknowledged.slice(this.seen);
    this.seen = this.acknowledged.length;
    return [...older.filter((name) => name !== ""), ...fresh];
  }

  /** Which of them are not there, or have another value; read through these nodes in turns. */
  async missing(names: readonly string[], nodes: readonly Node[]): Promise<string[]> {
    const missing: string[] = [];
    let next = 0;
    const reader = async (): Promise<void> => {
      for (let index = next++; index < names.length; index = next++) {
        const name = names[index] as string;
        const key = Buffer.from(name);
        const node = nodes[index % nodes.length] as Node;
        const tried = await this.read(node, key);
        if ("error" in tried) missing.push(`${name} (${tried.error.status})`);
        else if (tried.answer.entry === undefined) missing.push(`${name} (absent)`);
        else if (!tried.answer.entry.value.equals(this.valueOf(name))) missing.push(`${name} (another value)`);
      }
    };
    await Promise.all(Array.from({ length: READERS }, reader));
    return missing;
  }

  /**
   * A connection may have been lost meanwhile, as while a checker kept this process busy: that says nothing of the key.
   */
  private async read(node: Node, key: Buffer) {
    const until = performance.now() + READ_MS;
    for (;;) {
      const tried = await attempt(READ_MS, (options) => node.clients.kv.get({ key }, options));
      if (!("error" in tried) || tried.error.status !== "UNAVAILABLE" || performance.now() > until) return tried;
      await sleep(100);
    }
  }

  private valueOf(name: string): Buffer {
    return Buffer.from(name.padEnd(this.options.valueBytes ?? 0, "."));
  }
}
