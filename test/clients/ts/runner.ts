/** Runs the shared cases (../cases.yaml) with the TypeScript client: each step, and what must come of it. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { parse } from "yaml";
import {
  type Condition,
  type KeyValueCalls,
  NotDoneError,
  type Outcome,
  UnknownError,
} from "../../../src/client/client.js";
import { type Bytes, bytesOf, type Case, type Expectation, keyOf, type Step } from "../fake/case.js";

const CASES: readonly Case[] = parse(
  readFileSync(fileURLToPath(new URL("../cases.yaml", import.meta.url)), "utf8"),
).cases;

export const casesOn = (on: Case["on"]): Case[] => CASES.filter((one) => one.on === on);

export interface RunOptions {
  readonly calls: KeyValueCalls;
  /** In front of every key. */
  readonly prefix: string;
  /** Kills the node that is writer of the key. */
  readonly killWriter?: (key: Buffer) => Promise<void>;
  /** Closes the client. */
  readonly close?: () => Promise<void>;
  /** The outcome that the client was given. */
  readonly endpoints?: readonly string[];
}

export async function runSteps(definition: Case, options: RunOptions): Promise<void> {
  const saved = new Map<string, bigint>();
  for (const [i, step] of definition.steps.entries()) {
    for (let repetition = 1; repetition <= (step.times ?? 1); repetition++) {
      const key = keyOf(step.key, options.prefix);
      if (repetition === step.kill_writer_at) await options.killWriter?.(key);
      const what = `step ${i + 1}${step.times === undefined ? "" : `, repetition ${repetition}`}`;
      const closing = step.close_after_ms === undefined ? undefined : closeAfter(step.close_after_ms, options);
      const calls = Array.from({ length: step.at_once ?? 1 }, () => call(step, key, options.calls, saved));
      const outcomes = await Promise.all(calls);
      await closing;
      for (const outcome of outcomes)
        check(step.expect, outcome, { saved, repetition, what, endpoints: options.endpoints ?? [] });
      const outcome = outcomes[0] as Outcome;
      if (step.save !== undefined && "version" in outcome) saved.set(step.save, outcome.version);
    }
  }
}

async function closeAfter(ms: number, { close }: RunOptions): Promise<void> {
  if (close === undefined) throw new Error("only in fake cases clients are closed");
  await sleep(ms);
  await close();
}

function call(step: Step, key: Buffer, calls: KeyValueCalls, saved: ReadonlyMap<string, bigint>): Promise<Outcome> {
  const options = {
    ...(step.timeout_ms === undefined ? {} : { timeoutMs: step.timeout_ms }),
    ...(step.cancel_after_ms === undefined ? {} : { signal: AbortSignal.timeout(step.cancel_after_ms) }),
  };
  const value = step.value === undefined ? Buffer.alloc(0) : bytesOf(step.value);
  const condition = step.condition === undefined ? undefined : conditionOf(step.condition, saved);
  switch (step.call) {
    case "get":
      return calls.outcome.get(key, { ...options, consistency: step.consistency ?? "linearizable" });
    case "put":
      return calls.outcome.put(key, value, options);
    case "compareAndSet":
      if (condition === undefined) throw new Error("a compareAndSet without condition");
      return calls.outcome.compareAndSet(key, condition, value, options);
    case "delete":
      return calls.outcome.delete(key, condition === undefined ? options : { ...options, condition });
    case "add":
      return calls.outcome.add(key, BigInt(step.delta ?? 0), options);
  }
}

function conditionOf(
  { version, value, presence }: NonNullable<Step["condition"]>,
  saved: ReadonlyMap<string, bigint>,
): Condition {
  if (presence !== undefined) return presence;
  if (value !== undefined) return { value: bytesOf(value) };
  if (typeof version === "string") return { version: namedOf(version, saved) };
  return { version: BigInt(version ?? 0) };
}

function namedOf(name: string, saved: ReadonlyMap<string, bigint>): bigint {
  const version = saved.get(name);
  if (version === undefined) throw new Error(`no step has saved ${name}`);
  return version;
}

interface Context {
  readonly saved: ReadonlyMap<string, bigint>;
  readonly repetition: number;
  /** Which step this is, for the message of a failure. */
  readonly what: string;
  readonly endpoints: readonly string[];
}

/** The content of an answer, by the names that the cases have for it. */
interface Shown {
  readonly version?: bigint | undefined;
  readonly found?: boolean;
  readonly value?: Uint8Array | undefined;
  readonly consistency?: string;
  readonly swapped?: boolean;
  readonly deleted?: boolean;
  readonly number?: bigint | null;
}

function check(expected: Expectation, outcome: Outcome, { saved, repetition, what, endpoints }: Context): void {
  expect(outcome, what).toMatchObject({ outcome: expected.outcome });
  if (outcome.outcome !== "done") {
    checkError(expected, outcome, what, endpoints);
    return;
  }
  const shown = shownOf(outcome);
  const { version, found, value, consistency, swapped, deleted, number } = expected;
  const same = (name: keyof Shown, wanted: unknown): void => {
    if (wanted !== undefined) expect(shown[name], `${what}: ${name}`).toEqual(wanted);
  };
  same("found", found);
  same("consistency", consistency);
  same("swapped", swapped);
  same("deleted", deleted);
  if (value !== undefined) expect(hexOf(shown.value), `${what}: value`).toBe(hexOf(bytesOf(value satisfies Bytes)));
  if (number !== undefined) {
    const repeated = typeof number === "object" && number !== null;
    same("number", repeated ? BigInt(repetition) : number === null ? null : BigInt(number));
  }
  if (typeof version === "number") same("version", BigInt(version));
  else if (version !== undefined && "equals" in version) same("version", namedOf(version.equals, saved));
  else if (version !== undefined) {
    expect(shown.version, `${what}: version`).toBeGreaterThan(namedOf(version.above, saved));
  }
}

function checkError(
  { reason, code, names }: Expectation,
  outcome: Exclude<Outcome, { outcome: "done" }>,
  what: string,
  endpoints: readonly string[],
): void {
  const said = `${what}: ${outcome.message}`;
  if (reason !== undefined) expect(typeof reason === "string" ? [reason] : reason, said).toContain(outcome.reason);
  if (code !== undefined) expect(outcome.code, said).toBe(code);
  const { message } = outcome.outcome === "unknown" ? new UnknownError(outcome) : new NotDoneError(outcome);
  if (names === "none") expect(outcome.address, said).toBe("");
  if (names === "one") expect(endpoints, said).toContain(outcome.address);
  if (names === "all") expect(outcome.address, said).toBe(endpoints.join(", "));
  if (names !== undefined) for (const one of outcome.address.split(", ")) expect(message, what).toContain(one);
}

function shownOf(outcome: Extract<Outcome, { outcome: "done" }>): Shown {
  if ("consistency" in outcome) {
    const { entry, consistency } = outcome;
    return { version: entry?.version, found: entry !== undefined, value: entry?.value, consistency };
  }
  if ("number" in outcome) return { version: outcome.version, number: outcome.number ?? null };
  const found = "found" in outcome ? outcome.found : undefined;
  const shown = { version: outcome.version, found: found !== undefined, value: found?.value };
  if ("swapped" in outcome) return { ...shown, swapped: outcome.swapped };
  if ("deleted" in outcome) return { ...shown, deleted: outcome.deleted };
  return { version: outcome.version };
}

const hexOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString("hex");
