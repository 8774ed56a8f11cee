/** The way to a violation in the words of the golden traces (test/scripts). Nodes are n1, n2 and so on. */

import { voteOf } from "../../src/base/votes.js";
import { renderBallot, renderMessage, renderRequest, renderVerdict } from "../scripts/render.js";
import type { Automaton, Input, Told } from "./automaton.js";
import type { SmallWorld } from "./worlds.js";
import { FOUNDERS, nodesOf } from "./worlds.js";

/** One line for each input and for each answer to a client. */
export function renderTrace(world: SmallWorld, automaton: Automaton, trace: readonly (readonly number[])[]): string[] {
  const states = [...automaton.initial];
  const nodes = nodesOf(world).map((node) => `n${node}`);
  const lines: string[] = [];
  for (const id of trace.flat()) {
    const input = automaton.input(id);
    lines.push(renderInput(input, nodes));
    const step = automaton.step(states[input.place] as number, id);
    if (step === null) throw new Error("the trace does not play");
    states[input.place] = step.state;
    for (const told of step.told) lines.push(`${nodes[input.place]}: ${renderTold(world, told)}`);
    if (step.broken !== null) lines.push(`${nodes[input.place]}: ${step.broken}`);
  }
  return lines;
}

function renderInput(input: Input, nodes: readonly string[]): string {
  const node = nodes[input.place];
  switch (input.kind) {
    case "deliver":
      return `${nodes[input.from]} → ${node} ${renderMessage(input.message)}`;
    case "campaign":
      return `campaign ${node} b=${renderBallot(input.ballot)}`;
    case "invoke":
      return `${renderRequest(input.operation.request)} at ${node}`;
    case "ask again":
      return `${node} asks again, takes ${nodes[input.to]} for the writer`;
    case "resend":
      return `${node} sends again`;
    case "learn":
      return `${node} learns the move${input.goesOn ? " and campaigns at once" : ""}`;
    case "hear":
      return `${node} hears ${FOUNDERS.filter((_, place) => (input.heard & voteOf(place)) !== 0)
        .map((one) => `n${one}`)
        .join(" ")} of the group before`;
  }
}

function renderTold(world: SmallWorld, { ticket, result }: Told): string {
  const operation = world.operations[ticket];
  const request = operation === undefined ? "?" : renderRequest(operation.request);
  return `${request} ⇒ ${renderVerdict(result)}`;
}
