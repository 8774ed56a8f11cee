/**
 * A target, an attacker and an honest client, the first two processes of their own: one attack after the other, and
 * what came of it.
 *
 * The honest client makes one call after the other at the attacked port, with a pause between them, for as long as the
 * attack lasts.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { GrpcClient } from "../../src/grpc/client/client.js";
import type { Limits } from "../../src/http2/connection/limits.js";
import { UNARY } from "../unit/grpc/support/echo.js";
import type { AttackOrder } from "./attacker.js";
import type { Ports, Tally } from "./offender.js";
import type { Begin, TargetOrder, TargetReport } from "./target.js";

type Told = Extract<TargetReport, { kind: "told" }>;

export interface Honest {
  readonly latenciesMs: readonly number[];
  readonly failures: readonly string[];
}

export interface Bout {
  readonly tally: Tally;
  readonly target: Told;
  readonly honest: Honest;
}

export interface BoutOptions {
  readonly key: string;
  readonly cert: string;
  /** Settings of the target, instead of its own. */
  readonly limits?: Partial<Limits>;
  /** The folder of the compiled programs of target and attacker; TypeScript is read if it is not given. */
  readonly compiled?: string;
}

const PAUSE_MS = 5;
const CALL_MS = 20_000;
const SETTLE_MS = 15_000;

export class Ring {
  readonly #target: ChildProcess;
  readonly #attacker: ChildProcess;
  readonly #ports: Ports;
  readonly #client: GrpcClient;

  private constructor(target: ChildProcess, attacker: ChildProcess, ports: Ports) {
    this.#target = target;
    this.#attacker = attacker;
    this.#ports = ports;
    this.#client = new GrpcClient({ host: "127.0.0.1", port: ports.plain });
  }

  static async open({ key, cert, limits = {}, compiled }: BoutOptions): Promise<Ring> {
    const [target, attacker] = [start("target", compiled), start("attacker", compiled)];
    const order: Begin = { kind: "begin", key, cert, limits };
    const report = await ask<TargetReport>(target, order);
    if (report.kind !== "ready") throw new Error(`the target said ${report.kind}`);
    const ring = new Ring(target, attacker, report);
    // Code is compiled and buffers have grown to their size before anything is measured.
    await ring.#call();
    return ring;
  }

  /** One attack; `forMs` 0: once. */
  async attack(name: string, scale: number, forMs = 0): Promise<Bout> {
    await this.#order({ kind: "reset" });
    const order: AttackOrder = { name, ports: this.#ports, scale, forMs };
    let over = false;
    const attack = ask<Tally>(this.#attacker, order).finally(() => {
      over = true;
    });
    const honest = await this.#callUntil(() => over);
    const tally = await attack;
    return { tally, honest, target: await this.#settled(tally) };
  }

  /** The honest client alone, for so long. */
  async quiet(forMs: number): Promise<Honest> {
    const until = performance.now() + forMs;
    return this.#callUntil(() => performance.now() >= until);
  }

  async close(): Promise<void> {
    await this.#client.close(1);
    for (const child of [this.#target, this.#attacker]) {
      const gone = child.exitCode === null ? once(child, "exit") : undefined;
      child.disconnect();
      await gone;
    }
  }

  async #callUntil(over: () => boolean): Promise<Honest> {
    const latenciesMs: number[] = [];
    const failures: string[] = [];
    do {
      const began = performance.now();
      try {
        await this.#call();
        latenciesMs.push(performance.now() - began);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    } while (!over());
    return { latenciesMs, failures };
  }

  #call(): Promise<Uint8Array> {
    return this.#client.unary(UNARY, Buffer.alloc(100, "h"), { timeoutMs: CALL_MS, waitForReady: true });
  }

  /** Notes of the target, once all connections but the honest one have gone. */
  async #settled({ connections }: Tally): Promise<Told> {
    const until = performance.now() + SETTLE_MS;
    for (;;) {
      const told = await this.#order({ kind: "tell" });
      if (told.kind !== "told") throw new Error(`the target said ${told.kind}`);
      const gone = told.open <= 1 && told.ended.length + told.refused >= connections;
      if (gone || performance.now() > until) return told;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #order(order: TargetOrder): Promise<TargetReport> {
    return ask<TargetReport>(this.#target, order);
  }
}

function start(name: string, compiled: string | undefined): ChildProcess {
  const loader = compiled === undefined ? ["--import", "tsx"] : [];
  const file =
    compiled === undefined ? fileURLToPath(new URL(`${name}.ts`, import.meta.url)) : `${compiled}/${name}.js`;
  return fork(file, { execArgv: [...loader, ...(name === "target" ? ["--expose-gc"] : [])] });
}

/** The answer of a child; rejects if it ends before. */
function ask<Answer>(child: ChildProcess, order: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a process of the test has ended with ${code}`));
    child.once("exit", ended);
    child.once("message", (answer: Answer) => {
      child.off("exit", ended);
      resolve(answer);
    });
    child.send(order);
  });
}

export function p99(latencies: readonly number[]): number {
  const sorted = latencies.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
}
