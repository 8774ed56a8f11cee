/**
 * Checks of what a store answers, cheap enough to run under full load.
 *
 * Intuition: a value tells by itself for which key it was written, by which generator and as that
 * generator's how-manieth value for the key. So a value read back can be judged alone: wrong key, torn,
 * never written. And a version never falls: an operation that starts after another one has ended sees its version or a
 * later one. This is the order of real time, which linearizability demands. This is no full linearizability checker; it
 * finds stale and invented reads.
 *
 * Layout of a value: 0 key number, 4 generator, 8 sequence number for the key, filler, last 4 bytes: the
 * exclusive-or of the three.
 */

import { MIN_VALUE_BYTES } from "./options.js";

export interface VerifyReport {
  readonly checked: number;
  readonly failures: number;
  /** The first few failures. */
  readonly examples: readonly string[];
}

const MAX_EXAMPLES = 5;

export class Verifier {
  readonly #generator: number;
  /** Per key: how many values this generator has sent, and the highest version of an operation that has ended. */
  readonly #written: Uint32Array;
  readonly #settled: Float64Array;
  readonly #examples: string[] = [];
  #checked = 0;
  #failures = 0;

  constructor(keys: number, generator: number) {
    this.#generator = generator >>> 0;
    this.#written = new Uint32Array(keys);
    this.#settled = new Float64Array(keys);
  }

  /** Fills [at, at + length) with the key's next value; the filler between is left as it is. */
  nextValue(target: Buffer, at: number, length: number, key: number): void {
    const sequence = (this.#written[key] ?? 0) + 1;
    this.#written[key] = sequence;
    target.writeUInt32LE(key, at);
    target.writeUInt32LE(this.#generator, at + 4);
    target.writeUInt32LE(sequence, at + 8);
    target.writeUInt32LE((key ^ this.#generator ^ sequence) >>> 0, at + length - 4);
  }

  /** To be noted when an operation starts, and given back with its answer. */
  floor(key: number): number {
    return this.#settled[key] ?? 0;
  }

  /** A PUT was answered with this version. */
  onPut(key: number, version: number, floor: number): void {
    this.#checked++;
    if (version <= floor)
      this.#fail(`PUT of key ${key} got version ${version}, but ${floor} was answered before it began`);
    this.#settle(key, version);
  }

  /** A CAS was answered that found this version instead of the expected one. */
  onRefused(key: number, version: number, floor: number): void {
    this.#checked++;
    if (version < floor)
      this.#fail(`CAS of key ${key} found version ${version}, but ${floor} was answered before it began`);
    this.#settle(key, version);
  }

  /** A GET was answered; `value` is undefined for an absent key. */
  onGet(key: number, version: number, value: Buffer | undefined, floor: number): void {
    this.#checked++;
    if (value === undefined) {
      if (floor > 0) this.#fail(`GET of key ${key} found nothing, but version ${floor} was answered before it began`);
      return;
    }
    if (version < floor)
      this.#fail(`GET of key ${key} got version ${version}, but ${floor} was answered before it began`);
    const problem = this.#judge(key, value);
    if (problem !== undefined) this.#fail(`GET of key ${key}: ${problem}`);
    this.#settle(key, version);
  }

  onMalformed(error: unknown): void {
    this.#checked++;
    this.#fail(error instanceof Error ? error.message : String(error));
  }

  report(): VerifyReport {
    return { checked: this.#checked, failures: this.#failures, examples: this.#examples };
  }

  #judge(key: number, value: Buffer): string | undefined {
    if (value.length < MIN_VALUE_BYTES) return `a value of ${value.length} bytes`;
    const owner = value.readUInt32LE(0);
    const generator = value.readUInt32LE(4);
    const sequence = value.readUInt32LE(8);
    if (value.readUInt32LE(value.length - 4) !== (owner ^ generator ^ sequence) >>> 0) return "a damaged value";
    if (owner !== key) return `the value of key ${owner}`;
    if (generator === this.#generator && sequence > (this.#written[key] ?? 0))
      return `value ${sequence} was never written`;
    return undefined;
  }

  #settle(key: number, version: number): void {
    if (version > (this.#settled[key] ?? 0)) this.#settled[key] = version;
  }

  #fail(example: string): void {
    this.#failures++;
    if (this.#examples.length < MAX_EXAMPLES) this.#examples.push(example);
  }
}
