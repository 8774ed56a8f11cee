/**
 * Holds the reductions of explore.ts against the automaton that the exploration has compiled. Every state of a node
 * that was met is looked at, with every input that was tried there.
 *
 *   E0  Nodes with equal texts are equal (snapshot.ts): another one of the same text answers every input alike.
 *   E1  A message that was spent in a state is spent in every state after it. An effect that is done stays done, and
 *       an answer that nobody wants is never wanted again. (Delivering it must change nothing, which is checked
 *       whenever a message is dropped.)
 *   E2  An answer that is counted and does not complete its round can as well arrive later, whatever happens in
 *       between. Both orders lead to the same state and the same answers, or the round is over and the answer is
 *       spent. When the answer is late, no message is missing. Some may be there that would not be, as they are sent
 *       again to a node that answered already, and these can be lost.
 */
import { sameTimestamp } from "../../src/core/model/ballot.js";
import type { Register } from "../../src/core/model/register.js";
import type { Automaton, Step } from "./automaton.js";
import { textOf } from "./snapshot.js";

export interface Verification {
  /** Pairs held against each other. */
  readonly equal: number;
  readonly spent: number;
  readonly counted: number;
  /** The contradictions to a reduction; empty: none. */
  readonly contradictions: readonly string[];
}

/** For an exploration without planted bugs. */
export function verifyReductions(automaton: Automaton): Verification {
  const found: string[] = [];
  let equal = 0;
  let spent = 0;
  let held = 0;
  // Looking may add states; those are not gone on from.
  const { stateCount } = automaton;
  for (let state = 0; state < stateCount; state++) {
    const tried = automaton.tried(state);
    const judged = automaton.judged(state);
    const counted = tried.filter((input) => automaton.isCounted(automaton.step(state, input), input));
    for (const input of tried) {
      equal++;
      if (!isSameStep(automaton.step(state, input), automaton.stepOfOther(state, input)))
        found.push(told("E0", input, input));
      const { state: next } = automaton.step(state, input) as Step;
      for (const message of judged) {
        spent++;
        if (comesBack(automaton, state, next, message)) found.push(told("E1", message, input));
      }
      for (const answer of counted) {
        held++;
        if (!commutes(automaton, state, answer, input)) found.push(told("E2", answer, input));
      }
    }
    if (found.length > 100) break;
  }
  return { equal, spent, counted: held, contradictions: found };

  function told(rule: string, message: number, input: number): string {
    return `${rule}: ${JSON.stringify(automaton.input(message))} and ${JSON.stringify(automaton.input(input))}`;
  }
}

function comesBack(automaton: Automaton, state: number, next: number, message: number): boolean {
  const effect = automaton.knownEffect(state, message);
  if (automaton.knownWanted(state, message) === false && automaton.wants(next, message)) return true;
  if (effect === undefined || effect === "live") return false;
  const later = automaton.effect(next, message);
  return later === "live" || (effect === "none" && later !== "none");
}

function commutes(automaton: Automaton, state: number, answer: number, input: number): boolean {
  if (input === answer || excludes(automaton, answer, input)) return true;
  const late = automaton.step(state, input) as Step;
  const counted = automaton.step(state, answer) as Step;
  const after = automaton.step(counted.state, input);
  if (!automaton.wants(late.state, answer)) {
    // The round ended without it: then it does not matter that it was counted.
    return automaton.rounds[input] === automaton.rounds[answer] || after?.state === late.state;
  }
  const before = automaton.step(late.state, answer);
  if (after === null || before === null) return after === before;
  return (
    after.state === before.state &&
    after.sent.every((message) => late.sent.includes(message) || before.sent.includes(message)) &&
    after.told.length === late.told.length + before.told.length
  );
}

/**
 * Two answers with one timestamp and two values: of two different histories, which led this node to the same state.
 * Never both at once (R6): if they were, clients could see it, and the exploration does not find that they can.
 */
function excludes(automaton: Automaton, one: number, other: number): boolean {
  const left = recovered(automaton, one);
  const right = recovered(automaton, other);
  if (left === null || right === null || automaton.rounds[one] !== automaton.rounds[other]) return false;
  return sameTimestamp(left.timestamp, right.timestamp) && textOf(left) !== textOf(right);
}

function recovered(automaton: Automaton, id: number): Register | null {
  const input = automaton.input(id);
  return input.kind === "deliver" && input.message.kind === "recovered" ? input.message.register : null;
}

function isSameStep(left: Step | null, right: Step | null): boolean {
  if (left === null || right === null) return left === right;
  const answers = (step: Step): string =>
    step.told
      .map(({ ticket, result }) => `${ticket} ${textOf(result.status === "done" ? result.answer : result)}`)
      .join();
  return left.state === right.state && same(left.sent, right.sent) && answers(left) === answers(right);
}

const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((number, index) => number === b[index]);
