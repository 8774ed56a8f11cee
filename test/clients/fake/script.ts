/**
 * The words of the fake nodes of one case, and what they found wrong with what they were asked. All nodes of a case
 * share one script: the answers are for the attempts in the order in which they arrive, wherever that is.
 */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { bytesOf, type CallName, type Case, keyOf, type ScriptedAnswer, type Step } from "./case.js";

/** One call as it arrived. */
export interface Attempt {
  readonly node: number;
  readonly call: CallName;
  /** Every field of the request that says what is wanted: the same in all attempts. */
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly key: Buffer;
  /** The id of a write. */
  readonly requestId: Buffer | null;
  readonly after: { readonly partition: number; readonly revision: bigint } | undefined;
  /** Milliseconds left by the deadline on the wire; null: there is none; undefined: the transport has none per call. */
  readonly timeoutMs: number | null | undefined;
}

export const PARTITIONS = 256;
const FIRST_REVISION = 100n;
const DEFAULT_TIMEOUT_MS = 10_000;
/** More than the client may be early. */
const SLACK_MS = 50;

export function partitionOf(key: Uint8Array): number {
  const position = createHash("sha256").update(Buffer.alloc(4)).update(key).digest();
  return position.readUInt16BE(0) >> 8;
}

interface StepState {
  readonly step: Step;
  readonly number: number;
  readonly attempts: Attempt[];
  /** When the last attempt came, by a clock of milliseconds. */
  lastAt: number;
}

export class Script {
  readonly problems: string[] = [];
  readonly calls: Record<string, unknown>[] = [];
  private readonly steps: readonly StepState[];
  private current = -1;
  /** Gets with consistency LOCAL so far. */
  private asked = 0;
  private viewsAsked = 0;
  private readonly revisions = new Map<number, bigint>();
  /** The highest revision told of a partition in a header, and in anything. */
  private readonly told = new Map<number, bigint>();
  private readonly ids = new Set<string>();
  private underWay = 0;
  /** Number of the view that counts, from 1. */
  view = 1;

  constructor(private readonly definition: Case) {
    this.steps = definition.steps.map((step, i) => ({ step, number: i + 1, attempts: [], lastAt: 0 }));
  }

  /** This Get with consistency LOCAL is to be told no revision. */
  untold(): boolean {
    return this.asked++ < (this.definition.untold ?? 0);
  }

  /** Somebody asks for the view. */
  viewAsked(): void {
    this.viewsAsked++;
  }

  /** A revision of the partition to tell in a header; `next`: a write takes one. */
  tell(partition: number, next: boolean, given?: number): bigint {
    const before = this.revisions.get(partition) ?? FIRST_REVISION;
    const revision = given === undefined ? before + (next ? 1n : 0n) : BigInt(given);
    this.revisions.set(partition, revision > before ? revision : before);
    const told = this.told.get(partition);
    if (told === undefined || revision > told) this.told.set(partition, revision);
    return revision;
  }

  /** The answer for an attempt. */
  take(attempt: Attempt): ScriptedAnswer {
    const { node, call, key, requestId, after, timeoutMs } = attempt;
    this.calls.push({
      node,
      call,
      key: key.subarray(0, 40).toString("latin1"),
      request_id: requestId?.toString("hex") ?? null,
      after: after === undefined ? null : `${after.partition}/${after.revision}`,
      timeout_ms: timeoutMs ?? null,
    });
    const state = this.stepOf(attempt);
    if (state === null) return { bare: "INTERNAL" };
    this.check(state, attempt);
    const answers = state.step.answers ?? [];
    const answer = answers[Math.min(state.attempts.length, answers.length - 1)] ?? { bare: "INTERNAL" };
    const now = performance.now();
    const pause = now - state.lastAt;
    if (state.attempts.length > 0 && answer.not_before_ms !== undefined && pause < answer.not_before_ms)
      this.problems.push(`step ${state.number}: an attempt came after ${pause} ms, not ${answer.not_before_ms}`);
    state.lastAt = now;
    state.attempts.push(attempt);
    this.underWay++;
    const most = state.step.most_under_way;
    if (most !== undefined && this.underWay > most)
      this.problems.push(`step ${state.number}: ${this.underWay} attempts are under way at once, ${most} may be`);
    return answer;
  }

  /** An attempt is being answered, or never will be. */
  answered(): void {
    this.underWay--;
  }

  /** Everything that was found wrong, with what never came. */
  end(): readonly string[] {
    for (const { step, number, attempts } of this.steps) {
      const answers = step.answers ?? [];
      const least = answers.at(-1)?.forever === true ? answers.length - 1 : answers.length;
      if (attempts.length < least)
        this.problems.push(`step ${number}: ${attempts.length} attempts, ${least} were expected`);
      if (step.most_attempts !== undefined && attempts.length > step.most_attempts)
        this.problems.push(`step ${number}: ${attempts.length} attempts, at most ${step.most_attempts} may be`);
      for (const node of step.reaches ?? [])
        if (!attempts.some((attempt) => attempt.node === node))
          this.problems.push(`step ${number}: node ${node} was not asked`);
    }
    const most = this.definition.most_views ?? this.viewsAsked;
    if (this.viewsAsked > most)
      this.problems.push(`the view was asked for ${this.viewsAsked} times, at most ${most} may be`);
    return this.problems;
  }

  private stepOf(attempt: Attempt): StepState | null {
    const now = this.steps[this.current];
    if (now !== undefined && now.step.call === attempt.call && this.belongsTo(now, attempt)) return now;
    const again = this.readAgain(attempt);
    if (again !== null) return again;
    for (let i = this.current + 1; i < this.steps.length; i++) {
      const state = this.steps[i] as StepState;
      if ((state.step.answers ?? []).length === 0) continue;
      this.current = i;
      return state;
    }
    this.problems.push(`a ${attempt.call} that no step has an answer for`);
    return null;
  }

  /**
   * Reads have no ids. A client that finds a node slow asks another one, too. So more reads may come than the step has
   * calls, also once it is over. They are its own where no later step reads.
   */
  private readAgain({ call, key, requestId }: Attempt): StepState | null {
    if (requestId !== null) return null;
    const last = this.steps
      .slice(0, this.current + 1)
      .findLast(({ step }) => step.call === call && step.answers?.at(-1)?.forever === true);
    const next = this.steps[this.current + 1]?.step;
    return last !== undefined && keyOf(last.step.key).equals(key) && next?.call !== call ? last : null;
  }

  private belongsTo({ step, number, attempts }: StepState, attempt: Attempt): boolean {
    const answers = step.answers ?? [];
    const { requestId } = attempt;
    const same = requestId !== null && attempts.some((one) => one.requestId?.equals(requestId) === true);
    const forever = answers.at(-1)?.forever === true;
    if (attempts.length < answers.length || (forever && same)) return true;
    const calls = step.times ?? step.at_once;
    // Calls tell themselves apart by their ids, reads, as far as they succeed, by their number.
    if (forever && calls === undefined) return requestId === null;
    if (forever && calls !== undefined) return callsIn(attempts) < calls;
    if (same) this.problems.push(`step ${number}: attempt ${attempts.length + 1}, ${answers.length} were expected`);
    return false;
  }

  private check({ step, number, attempts }: StepState, attempt: Attempt): void {
    const wrong = (what: string): void => {
      this.problems.push(`step ${number}, attempt ${attempts.length + 1}: ${what}`);
    };
    const { call, key, requestId, after, timeoutMs, node } = attempt;
    if (call !== step.call) wrong(`it is a ${call}, not a ${step.call}`);
    if (!key.equals(keyOf(step.key))) wrong(`its key is ${JSON.stringify(key.toString("latin1"))}`);
    const { value } = attempt.arguments;
    if (value instanceof Uint8Array && step.value !== undefined && !bytesOf(step.value).equals(value))
      wrong("its value is not the one given");
    const allowed = step.timeout_ms ?? this.definition.client?.timeout_ms ?? DEFAULT_TIMEOUT_MS;
    if (timeoutMs === null) wrong("no deadline is on the wire");
    else if (timeoutMs !== undefined && timeoutMs > allowed + SLACK_MS)
      wrong(`its deadline is ${timeoutMs} ms, beyond ${allowed}`);
    if (step.only?.includes(node) === false) wrong(`it went to node ${node}`);
    const before = isMany(step)
      ? attempts.findLast((one) => requestId !== null && one.requestId?.equals(requestId) === true)
      : attempts.at(-1);
    if (before !== undefined && !isDeepStrictEqual(before.arguments, attempt.arguments))
      wrong("its arguments are not those of the attempt before");
    if (before !== undefined && step.other_node === true && before.node === node)
      wrong(`it went to node ${node}, as the attempt before`);
    if (call === "get") return;
    if (requestId === null || requestId.length !== 16) return wrong("its request id has not 16 bytes");
    if (before === undefined) {
      if (this.ids.has(requestId.toString("hex"))) wrong("its request id was used by an earlier step");
      this.ids.add(requestId.toString("hex"));
    } else if (before.requestId?.equals(requestId) !== true) {
      wrong("its request id is not that of the attempt before");
    }
    const partition = partitionOf(key);
    if (after === undefined) return wrong("it says no `after`");
    if (after.partition !== partition)
      wrong(`its \`after\` is of partition ${after.partition}, its key in ${partition}`);
    if (before !== undefined) {
      if (before.after?.revision !== after.revision) wrong("its `after` is not that of the attempt before");
      return;
    }
    const told = this.told.get(partition);
    if (told === undefined) wrong("its `after` is invented: no revision of this partition was told yet");
    else if (step.at_once !== undefined ? after.revision > told : after.revision !== told)
      wrong(`its \`after\` is ${after.revision}, the highest told was ${told}`);
  }
}

/** It is many calls, each with an id of its own. */
const isMany = (step: Step): boolean => step.times !== undefined || step.at_once !== undefined;

const callsIn = (attempts: readonly Attempt[]): number =>
  attempts[0]?.requestId === null
    ? attempts.length
    : new Set(attempts.map(({ requestId }) => requestId?.toString("hex"))).size;
