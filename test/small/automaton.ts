/**
 * The machines of one node, compiled. Every state a node can be in and every input it can get has a number. The effect
 * of the input in the state is found out once, by the real machines, and looked up from then on. A world has millions
 * of states and a node some thousands, so that the exploration itself hardly ever runs the core.
 */
import type { Ballot } from "../../src/core/model/ballot.js";
import type { NodeId } from "../../src/core/model/ids.js";
import type { CoreMessage } from "../../src/core/model/message.js";
import type { Result } from "../../src/core/model/operation.js";
import { Group } from "../../src/core/quorum/group.js";
import { isOfMerge, MovingNode, PARTITION, type SmallMessage } from "./moving-node.js";
import { SmallNode, SmallOutbox, Stage } from "./node.js";
import { copyOf, textOf, textOfMessage } from "./snapshot.js";
import { type Effect, effectOn, isGathered, isTakenOn, wants } from "./spent.js";
import { EPOCH, FOUNDERS, NEXT_REPLICAS, nodesOf, type SmallOperation, type SmallWorld } from "./worlds.js";

/**
 * Something that can happen at a node. A message and its delivery have the same number: messages are never taken away
 * by delivery.
 */
export type Input =
  | { readonly kind: "deliver"; readonly place: number; readonly from: number; readonly message: SmallMessage }
  | { readonly kind: "campaign"; readonly place: number; readonly office: number; readonly ballot: Ballot }
  | { readonly kind: "invoke"; readonly place: number; readonly ticket: number; readonly operation: SmallOperation }
  /** The reader asks again, and takes the node at `to` for the writer. */
  | { readonly kind: "ask again"; readonly place: number; readonly to: number }
  | { readonly kind: "resend"; readonly place: number }
  /** The next view. `goesOn`: the writer stays, and campaigns in the same step. */
  | { readonly kind: "learn"; readonly place: number; readonly goesOn: boolean }
  /** The newcomer hears those of the group before, one bit each, and asks what it lacks. */
  | { readonly kind: "hear"; readonly place: number; readonly heard: number };

/** The effect of an input in a state. */
export interface Step {
  readonly state: number;
  readonly sent: readonly number[];
  readonly told: readonly Told[];
  /** An assertion of the core broke. */
  readonly broken: string | null;
}

export interface Told {
  readonly ticket: number;
  readonly result: Result;
}

interface State {
  readonly node: SmallNode;
  /** Another way to be in this state: the last that was met. */
  other: SmallNode;
  readonly steps: (Step | null | undefined)[];
  readonly effects: (Effect | undefined)[];
  readonly wanted: (boolean | undefined)[];
  readonly checked: Set<number>;
}

/** The majorities of three replicas, one bit each. */
const MAJORITIES = [0b011, 0b101, 0b110, 0b111];

export class Automaton {
  readonly inputs: Input[] = [];
  /** By place: the states at the beginning. */
  readonly initial: readonly number[];
  /** By place: everything that can happen there but messages. */
  readonly choices: readonly (readonly number[])[];
  /** By input: the node it happens at, and for a message the node it comes from. */
  readonly receivers: number[] = [];
  readonly senders: number[] = [];
  /** By input: the round its answer counts in; −1: it is no answer that is gathered. */
  readonly rounds: number[] = [];
  private readonly nodes: readonly NodeId[];
  private readonly stage = new Stage();
  private readonly states: State[] = [];
  private readonly stateByText = new Map<string, number>();
  private readonly inputByText = new Map<string, number>();
  private readonly roundByText = new Map<string, number>();

  constructor(private readonly world: SmallWorld) {
    const nodes = nodesOf(world);
    this.nodes = nodes;
    this.initial = nodes.map((self, place) => {
      const { stage } = this;
      const group = new Group(PARTITION, EPOCH, FOUNDERS, self);
      const node = world.move === null ? new SmallNode(place, group, stage) : new MovingNode(place, self, world, stage);
      if (world.held !== null && FOUNDERS.includes(self)) node.hold(world.held);
      return this.stateOf(node);
    });
    const writers = [...new Set(world.offices.map(({ node }) => nodes.indexOf(node)))];
    this.choices = nodes.map((self, place) => {
      const choices: Input[] = [];
      for (const [office, ballot] of world.offices.entries()) {
        if (ballot.node === self) choices.push({ kind: "campaign", place, office, ballot });
      }
      for (const [ticket, operation] of world.operations.entries()) {
        if (operation.request.kind === "write" && !writers.includes(place)) continue;
        choices.push({ kind: "invoke", place, ticket, operation });
      }
      for (const to of writers) choices.push({ kind: "ask again", place, to });
      if (world.resends && writers.includes(place)) choices.push({ kind: "resend", place });
      if (world.move !== null) choices.push(...movesAt(place, self));
      return choices.map((input) => this.inputOf(input, `${place} ${input.kind} ${choices.indexOf(input)}`));
    });
  }

  get stateCount(): number {
    return this.states.length;
  }

  /** Inputs that were tried in the state and could happen. */
  tried(state: number): number[] {
    const { steps } = this.states[state] as State;
    const inputs: number[] = [];
    for (const [input, step] of steps.entries()) if (step != null) inputs.push(input);
    return inputs;
  }

  /** Messages that were looked at in the state, as their receiver or as the one who wants them. */
  judged(state: number): number[] {
    const { effects, wanted } = this.states[state] as State;
    return [...new Set([...effects.keys(), ...wanted.keys()])].filter(
      (message) => effects[message] !== undefined || wanted[message] !== undefined,
    );
  }

  knownWanted(state: number, message: number): boolean | undefined {
    return (this.states[state] as State).wanted[message];
  }

  knownEffect(state: number, message: number): Effect | undefined {
    return (this.states[state] as State).effects[message];
  }

  /** The message was counted in its round, which is not complete by it. */
  isCounted(step: Step | null, message: number): step is Step {
    if (step === null || step.broken !== null || this.rounds[message] === -1) return false;
    return step.sent.length === 0 && step.told.length === 0 && this.wants(step.state, message);
  }

  input(id: number): Input {
    return this.inputs[id] as Input;
  }

  /** null: cannot happen in this state. */
  step(state: number, input: number): Step | null {
    const { steps } = this.states[state] as State;
    const known = steps[input];
    if (known !== undefined) return known;
    const step = this.tryOn((this.states[state] as State).node, state, this.input(input));
    steps[input] = step;
    return step;
  }

  /** The same input at the last met of the nodes that are taken for equal. */
  stepOfOther(state: number, input: number): Step | null {
    return this.tryOn((this.states[state] as State).other, state, this.input(input));
  }

  effect(state: number, message: number): Effect {
    const { effects, node } = this.states[state] as State;
    return (effects[message] ??= effectOn(node, this.message(message)));
  }

  wants(state: number, message: number): boolean {
    const { wanted, node } = this.states[state] as State;
    return (wanted[message] ??= wants(node, this.message(message)));
  }

  /** The message can be left out: `receiver` and `sender` are the states of the nodes it is between. */
  isSpent(receiver: number, sender: number, message: number): boolean {
    const effect = this.effect(receiver, message);
    if (effect === "live") return false;
    if (effect === "answer" && this.wants(sender, message)) return false;
    this.checkSpent(receiver, sender, message);
    return true;
  }

  /** A message that is called spent is delivered once in each state: nothing may come of it that is not spent. */
  private checkSpent(receiver: number, sender: number, message: number): void {
    const { checked } = this.states[receiver] as State;
    const pair = message * 2 ** 20 + sender;
    if (checked.has(pair)) return;
    checked.add(pair);
    const step = this.step(receiver, message);
    if (step === null) return;
    const wanted = step.sent.some(
      (answer) => this.receivers[answer] !== this.senders[message] || this.wants(sender, answer),
    );
    if (step.state !== receiver || step.told.length > 0 || wanted) {
      throw new Error(
        `not spent: ${JSON.stringify(this.input(message))} in ${textOf((this.states[receiver] as State).node)}`,
      );
    }
  }

  private message(id: number): SmallMessage {
    const input = this.input(id);
    if (input.kind !== "deliver") throw new Error("not a message");
    return input.message;
  }

  private tryOn(machines: SmallNode, state: number, input: Input): Step | null {
    const { stage } = this;
    const node = copyOf(machines, (part) => part === stage || part === this.world);
    const out = new SmallOutbox();
    stage.enter();
    try {
      if (!enter(node, input, this.nodes, out)) return null;
    } catch (error) {
      return { state, sent: [], told: [], broken: error instanceof Error ? error.message : String(error) };
    }
    const sent = new Set<number>();
    out.sendNow.each((to, message) => {
      sent.add(this.messageOf(input.place, this.nodes.indexOf(to), message));
    });
    return { state: this.stateOf(node), sent: [...sent].sort((a, b) => a - b), told: out.outcomes, broken: null };
  }

  private stateOf(node: SmallNode): number {
    const text = `${node.place} ${textOf(node)}`;
    const known = this.stateByText.get(text);
    if (known !== undefined) {
      (this.states[known] as State).other = node;
      return known;
    }
    const state = this.states.length;
    this.stateByText.set(text, state);
    this.states.push({ node, other: node, steps: [], effects: [], wanted: [], checked: new Set() });
    return state;
  }

  private messageOf(from: number, place: number, message: CoreMessage): number {
    if (!("partition" in message)) throw new Error(`no ${message.kind} here`);
    return this.inputOf({ kind: "deliver", place, from, message }, `${from}→${place} ${textOfMessage(message)}`);
  }

  private inputOf(input: Input, text: string): number {
    const known = this.inputByText.get(text);
    if (known !== undefined) return known;
    const id = this.inputs.length;
    this.inputByText.set(text, id);
    this.inputs.push(input);
    this.receivers.push(input.place);
    this.senders.push(input.kind === "deliver" ? input.from : input.place);
    this.rounds.push(
      input.kind === "deliver" && isGathered(input.message) ? this.roundOf(input.place, input.message) : -1,
    );
    return id;
  }

  private roundOf(place: number, message: SmallMessage): number {
    const ballot = "ballot" in message ? textOf(message.ballot) : "";
    const text = `${place} ${message.kind} ${ballot} ${"attempt" in message ? message.attempt : ""} ${"seq" in message ? message.seq : ""}`;
    const known = this.roundByText.get(text) ?? this.roundByText.size;
    this.roundByText.set(text, known);
    return known;
  }
}

/** The newcomer hears any majority of the group before, or all of it. */
function movesAt(place: number, self: NodeId): Input[] {
  if (!NEXT_REPLICAS.includes(self)) return [{ kind: "learn", place, goesOn: false }];
  if (!FOUNDERS.includes(self))
    return [
      { kind: "learn", place, goesOn: false },
      ...MAJORITIES.map((heard) => ({ kind: "hear", place, heard }) as const),
    ];
  return [false, true].map((goesOn) => ({ kind: "learn", place, goesOn }));
}

/** False: it cannot happen in this state. */
function enter(node: SmallNode, input: Input, nodes: readonly NodeId[], out: SmallOutbox): boolean {
  switch (input.kind) {
    case "deliver": {
      const { message } = input;
      const from = nodes[input.from] as NodeId;
      if (isOfMerge(message)) {
        if (node instanceof MovingNode) node.receiveOfMerge(from, message, out);
        return node instanceof MovingNode;
      }
      // Whoever is not the writer says so, which changes nothing.
      if (message.kind === "hand-over" && (!node.copy.writer.elected || isTakenOn(node, message))) return false;
      node.receive(from, message, out);
      return true;
    }
    case "campaign":
      if (!node.mayCampaign(input.office, input.ballot)) return false;
      node.campaign(input.office, input.ballot, out);
      return true;
    case "invoke":
      if (!node.mayInvoke(input.operation)) return false;
      node.invoke(input.ticket, input.operation, out);
      return true;
    case "ask again":
      if (!node.mayHandOver) return false;
      return node.handOverTo(nodes[input.to] as NodeId, out);
    case "resend":
      if (!node.copy.writer.elected) return false;
      node.resend(out);
      return true;
    case "learn":
      return node instanceof MovingNode && node.learn(input.goesOn, out);
    case "hear":
      return node instanceof MovingNode && node.hear(input.heard, out);
  }
}
