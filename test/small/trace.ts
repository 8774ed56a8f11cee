/** The way to a violation in the words of the golden traces (test/scripts). Nodes are n1, n2, n3. */

import { renderBallot, renderMessage, renderRequest, renderVerdict } from "../scripts/render.js";
import type { Automaton, Input, Told } from "./automaton.js";
import type { SmallWorld } from "./worlds.js";
import { NODES } from "./worlds.js";

/** One line for each input and for each answer to a client. */
export function renderTrace(world: SmallWorld, automaton: Automaton, trace: readonly (readonly number[])[]): string[] {
  const states = [...automaton.initial];
  const lines: string[] = [];
  for (const id of trace.flat()) {
    const input = automaton.input(id);
    lines.push(renderInput(input));
    const step = automaton.step(states[input.place] as number, id);
    if (step === null) throw new Error("the trace does not play");
    states[input.place] = step.state;
    for (const told of step.told) lines.push(renderTold(world, input.place, told));
    if (step.broken !== null) lines.push(`n${NODES[input.place]}: ${step.broken}`);
  }
  return lines;
}

function renderInput(input: Input): string {
  const node = `n${NODES[input.place]}`;
  switch (input.kind) {
    case "deliver":
      return `n${NODES[input.from]} → ${node} ${renderMessage(input.message)}`;
    case "campaign":
      return `campaign ${node} b=${renderBallot(input.ballot)}`;
    case "invoke":
      return `${renderRequest(input.operation.request)} at ${node}`;
    case "ask again":
      return `${node} asks again, takes n${NODES[input.to]} for the writer`;
    case "resend":
      return `${node} sends again`;
  }
}

function renderTold(world: SmallWorld, place: number, { ticket, result }: Told): string {
  const operation = world.operations[ticket];
  const request = operation === undefined ? "?" : renderRequest(operation.request);
  return `n${NODES[place]}: ${request} ⇒ ${renderVerdict(result)}`;
}
