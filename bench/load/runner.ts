/**
 * The closed loop: a fixed number of slots, each with one call in flight. An answer starts the slot's next call at
 * once, on the same connection.
 *
 * Intuition: with N in flight the rate is N divided by the mean latency, whatever the server does. So the rate shows
 * the server's capacity, and the latency under it is that of a full house. A slot whose connection is gone waits until
 * it is back; the answers it lost are counted as errors.
 */

import { randomFillSync, randomInt } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { statusName } from "../http2/stream.js";
import { cpuSecondsOf } from "../process/procfs.js";
import { Histogram } from "../stats/histogram.js";
import { KeyChooser, Random } from "../stats/random.js";
import type { CallKind, DecodedAnswer, Dialect, RequestTemplate } from "./dialect.js";
import { DIALECTS } from "./dialects.js";
import { Lane } from "./lane.js";
import { REQUEST_ID_BYTES } from "./onar.js";
import { KEY_BYTES, keyTable, type LoadOptions } from "./options.js";
import { buildReport, type LoadReport, type Measured } from "./report.js";
import { Slot } from "./slot.js";
import { Verifier } from "./verifier.js";

const EXPIRE_EVERY_MS = 250;
/** How long a call may outlive its deadline before the client gives it up. */
const EXPIRE_GRACE_MS = 1000;
const DRAIN_LIMIT_MS = 3000;
const RANDOM_POOL_BYTES = 4096 * REQUEST_ID_BYTES;

type Phase = "connect" | "preload" | "load" | "measure" | "over";

/** Runs one load to its end. Rejects when no connection can be made. */
export function runLoad(options: LoadOptions): Promise<LoadReport> {
  return new LoadRunner(options).run();
}

export class LoadRunner {
  readonly options: LoadOptions;
  readonly dialect: Dialect;
  readonly decodes: boolean;
  readonly verifier: Verifier;
  readonly #keys: Buffer;
  readonly #random: Random;
  readonly #chooser: KeyChooser;
  readonly #templates: Readonly<Record<CallKind, RequestTemplate>>;
  /** The last version of each key that an answer told: what a CAS expects. */
  readonly #versions: Float64Array;
  readonly #randomPool = Buffer.alloc(RANDOM_POOL_BYTES);
  #randomAt = RANDOM_POOL_BYTES;
  readonly #lanes: Lane[] = [];
  readonly #slots: Slot[] = [];
  readonly #all = new Histogram();
  readonly #gets = new Histogram();
  readonly #puts = new Histogram();
  readonly #errors = new Map<number, { count: number; example: string }>();
  #phase: Phase = "connect";
  #preloaded = 0;
  #preloadFailures = 0;
  #refused = 0;
  #reconnects = 0;
  #turn = 0;
  #busySlots = 0;
  #wake: (() => void) | undefined;

  constructor(options: LoadOptions) {
    this.options = options;
    this.dialect = DIALECTS[options.dialect];
    this.decodes = options.verify || options.casFraction > 0;
    this.#keys = keyTable(options);
    this.#random = new Random(options.seed);
    this.#chooser = new KeyChooser(options.keys, options.distribution, this.#random);
    this.verifier = new Verifier(options.keys, randomInt(2 ** 32));
    this.#versions = new Float64Array(options.keys);
    const { valueBytes, requestId } = options;
    const template = (kind: CallKind): RequestTemplate => {
      const made = this.dialect.template(kind, { keyBytes: KEY_BYTES, valueBytes, requestId });
      for (let i = 0; i < valueBytes && kind !== "get"; i++) made.bytes[made.valueAt + i] = 0x61 + (i % 26);
      return made;
    };
    this.#templates = { get: template("get"), put: template("put"), cas: template("cas") };
  }

  async run(): Promise<LoadReport> {
    this.#connect();
    const expiry = setInterval(() => {
      for (const lane of this.#lanes) lane.expire(this.options.deadlineMs + EXPIRE_GRACE_MS);
    }, EXPIRE_EVERY_MS);
    try {
      await this.#until(
        () => this.#lanes.every((lane) => lane.ready),
        this.options.connectLimitMs,
        "no connection to every endpoint",
      );
      if (this.options.preload) {
        this.#phase = "preload";
        this.#startSlots();
        await this.#until(() => this.#busySlots === 0, 60_000, "writing the keys took too long");
      }
      this.#phase = "load";
      this.#startSlots();
      if (this.options.warmUpMs > 0) await sleep(this.options.warmUpMs);
      const measured = await this.#measure();
      await this.#until(() => this.#busySlots === 0, DRAIN_LIMIT_MS, undefined);
      return buildReport(this.options, measured, this.options.verify ? this.verifier.report() : undefined);
    } finally {
      this.#phase = "over";
      clearInterval(expiry);
      for (const lane of this.#lanes) lane.close();
    }
  }

  /** Whether the slot has to go on; called when its call has ended. */
  next(slot: Slot): void {
    if (this.#phase === "load" || this.#phase === "measure") {
      slot.kind = this.#draw();
      slot.key = this.#chooser.next();
      if (this.options.takeTurns) slot.lane = this.#lanes[this.#turn++ % this.#lanes.length] ?? slot.lane;
      slot.start();
    } else if (this.#phase === "preload" && this.#preloaded < this.options.keys) {
      slot.kind = "put";
      slot.key = this.#preloaded++;
      slot.start();
    } else {
      this.#busySlots--;
      if (this.#busySlots === 0) this.#wake?.();
    }
  }

  /** Writes the slot's request into the shared template and hands it to the slot's connection. */
  send(slot: Slot): void {
    const { path, bytes, keyAt, valueAt, requestIdAt, expect } = this.#templates[slot.kind];
    const from = slot.key * KEY_BYTES;
    for (let i = 0; i < KEY_BYTES; i++) bytes[keyAt + i] = this.#keys[from + i] ?? 0;
    if (slot.kind !== "get") {
      this.verifier.nextValue(bytes, valueAt, this.options.valueBytes, slot.key);
      if (requestIdAt > 0) this.#fillRequestId(bytes, requestIdAt);
    }
    const length = expect === undefined ? bytes.length : expect(this.#versions[slot.key] ?? 0);
    slot.lane.call(path, bytes, length, slot);
  }

  onAnswer(slot: Slot, { version, applied }: DecodedAnswer): void {
    if (version > (this.#versions[slot.key] ?? 0)) this.#versions[slot.key] = version;
    if (!applied && this.#phase === "measure") this.#refused++;
  }

  /** One call has ended with this status. */
  record(slot: Slot, status: number, message: string, latencyMs: number): void {
    if (this.#phase === "preload" && status !== 0) this.#preloadFailures++;
    if (this.#phase !== "measure") return;
    if (status === 0) {
      this.#all.record(latencyMs);
      (slot.kind === "get" ? this.#gets : this.#puts).record(latencyMs);
    } else {
      const known = this.#errors.get(status);
      if (known === undefined) this.#errors.set(status, { count: 1, example: message });
      else known.count++;
    }
    if (this.options.count > 0 && this.#answers() >= this.options.count) {
      this.#phase = "over";
      this.#wake?.();
    }
  }

  #draw(): CallKind {
    const { getFraction, casFraction } = this.options;
    if (getFraction + casFraction === 0) return "put";
    const drawn = this.#random.fraction();
    if (drawn < getFraction) return "get";
    return drawn < getFraction + casFraction ? "cas" : "put";
  }

  #answers(): number {
    let errors = 0;
    for (const error of this.#errors.values()) errors += error.count;
    return this.#all.count + errors;
  }

  #connect(): void {
    const { endpoints, connections, inFlight, takeTurns } = this.options;
    const most = endpoints.length * connections;
    const lanes = takeTurns ? most : Math.min(most, inFlight);
    for (let i = 0; i < lanes; i++) {
      const endpoint = endpoints[i % endpoints.length];
      if (endpoint === undefined) continue;
      const lane = new Lane(this.dialect, endpoint, this.options.deadlineMs, {
        onReady: () => this.#wake?.(),
        onLost: () => {
          if (this.#phase === "measure") this.#reconnects++;
        },
      });
      const slots = Math.floor(inFlight / lanes) + (i < inFlight % lanes ? 1 : 0);
      for (let n = 0; n < slots; n++) this.#slots.push(new Slot(this, lane));
      this.#lanes.push(lane);
    }
  }

  #startSlots(): void {
    this.#busySlots = this.#slots.length;
    for (const slot of this.#slots) this.next(slot);
  }

  async #measure(): Promise<Measured> {
    const watched = this.options.watchPids.map((pid) => ({ pid, before: cpuSecondsOf(pid) ?? 0 }));
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    this.#phase = "measure";
    const { durationMs, count } = this.options;
    const limitMs = durationMs > 0 ? durationMs : 600_000;
    if (count > 0) await this.#until(() => this.#phase === "over", limitMs, undefined);
    else await sleep(limitMs);
    this.#phase = "over";
    const seconds = (performance.now() - startedAt) / 1000;
    const used = process.cpuUsage(cpu);
    const errors: Record<string, { count: number; example: string }> = {};
    for (const [status, error] of this.#errors) errors[statusName(status)] = { ...error };
    return {
      seconds,
      cpuSeconds: (used.user + used.system) / 1e6,
      all: this.#all,
      gets: this.#gets,
      puts: this.#puts,
      errors,
      reconnects: this.#reconnects,
      preloadFailures: this.#preloadFailures,
      refused: this.#refused,
      watched: watched.map(({ pid, before }) => ({ pid, cpuSeconds: (cpuSecondsOf(pid) ?? before) - before })),
    };
  }

  #fillRequestId(bytes: Buffer, at: number): void {
    if (this.#randomAt === RANDOM_POOL_BYTES) {
      randomFillSync(this.#randomPool);
      this.#randomAt = 0;
    }
    for (let i = 0; i < REQUEST_ID_BYTES; i++) bytes[at + i] = this.#randomPool[this.#randomAt + i] ?? 0;
    this.#randomAt += REQUEST_ID_BYTES;
  }

  /** Waits for a condition that a call to `#wake` may have made true. Past the limit: throws, or gives up. */
  async #until(condition: () => boolean, limitMs: number, problem: string | undefined): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (!condition()) {
      const left = deadline - performance.now();
      if (left <= 0) {
        if (problem !== undefined) throw new Error(`${problem} (${limitMs} ms)`);
        return;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 200));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = undefined;
  }
}
