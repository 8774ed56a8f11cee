/**
 * Every state of a small world, breadth first: so the first violation found has the shortest trace.
 *
 * A state is: the state of each node, the history, and the set of messages that are under way. A delivery does not take
 * its message away: a message may arrive again (duplication), at any later time (delay, reordering), or never (loss).
 * Everything that a step does is durable with it.
 *
 * These things keep the number of states small, and nothing is lost by them:
 *   E1  Spent messages are dropped (spent.ts).
 *   E2  Only the majority of the answers that are gathered (promised, reserved, recovered, confirmed, written) is
 *       delivered, in one step. An answer that does not complete its round is counted and nothing else. Nobody looks at
 *       the count before it is complete, and the count does not depend on the order. So it can as well arrive just
 *       before the answer that completes the round, or never.
 *   E3  When every operation is answered, the history is whole: what happens afterwards shows to nobody.
 * `reduced: false` leaves all three out; test/small/small.test.ts compares the histories that remain possible.
 */
import { Automaton, type Step } from "./automaton.js";
import { Histories } from "./history.js";
import { Layer, RandomBits, Visited } from "./visited.js";
import type { SmallWorld } from "./worlds.js";

export interface Bounds {
  readonly states: number;
  readonly depth: number;
  /** Asked now and then: true stops the exploration. */
  readonly expired?: () => boolean;
  readonly reduced?: boolean;
  /** After every layer. */
  readonly progress?: (depth: number, states: number, frontier: number) => void;
}

export interface Violation {
  readonly reason: string;
  /** The steps that happened, one by one from the beginning. */
  readonly trace: readonly (readonly number[])[];
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** Steps of the longest of the shortest ways to a state. */
  readonly depth: number;
  /** States found and not gone on from; 0: the world is explored completely. */
  readonly frontier: number;
  readonly complete: boolean;
  readonly violation: Violation | null;
  /** Histories met, and those in which every operation is answered. */
  readonly histories: readonly string[];
  readonly nodeStates: number;
  readonly messages: number;
  readonly automaton: Automaton;
}

/** A state in a layer: its number, the nodes, the history, how many messages, the messages. */
const HEAD_BESIDE_NODES = 3;
const MOST_MESSAGES = 512;
/** An action is one input, or the inputs of one node that complete a round. */
const INPUTS = 2 ** 16;
const NOWHERE = -1;
const STATES_PER_LOOK = 4_096;

export function explore(world: SmallWorld, bounds: Bounds): Exploration {
  return new Search(world, bounds).run();
}

class Search {
  private readonly automaton: Automaton;
  private readonly histories: Histories;
  private readonly reduced: boolean;
  private readonly visited = new Visited();
  private readonly nodeBits = [new RandomBits(1), new RandomBits(2)] as const;
  private readonly historyBits = [new RandomBits(3), new RandomBits(4)] as const;
  private readonly messageBits = [new RandomBits(5), new RandomBits(6)] as const;
  /** Per state: the one it was reached from, and by what. */
  private parents = new Uint32Array(1 << 16);
  private actions = new Uint32Array(1 << 16);
  private next = new Layer();
  private transitions = 0;
  private violation: Violation | null = null;
  private readonly places: number;
  /** Numbers of a state before its messages. */
  private readonly head: number;
  private readonly scratch: Uint32Array;
  private readonly met = new Set<number>();
  /** The state gone on from. */
  private index = 0;
  private readonly nodes: number[];
  private history = 0;
  private readonly messages: number[] = [];
  /** The state made: messages kept so far, and its hash. */
  private kept = 0;
  private high = 0;
  private low = 0;

  constructor(
    world: SmallWorld,
    private readonly bounds: Bounds,
  ) {
    this.automaton = new Automaton(world);
    this.histories = new Histories(world);
    this.reduced = bounds.reduced ?? true;
    this.nodes = [...this.automaton.initial];
    this.places = this.nodes.length;
    this.head = HEAD_BESIDE_NODES + this.places;
    this.scratch = new Uint32Array(this.head + MOST_MESSAGES);
  }

  run(): Exploration {
    const { states, depth: deepest, progress } = this.bounds;
    this.enter(NOWHERE, 0, [], 0, 0);
    let depth = 0;
    let layer = this.next;
    let left = 0;
    while (layer.count > 0 && this.violation === null) {
      if (depth >= deepest) {
        left = layer.count;
        break;
      }
      this.next = new Layer();
      left = this.goOn(layer, states);
      if (left > 0) left += this.next.count;
      if (left > 0 || this.violation !== null) break;
      layer = this.next;
      if (layer.count > 0) depth++;
      progress?.(depth, this.visited.count, layer.count);
    }
    return {
      states: this.visited.count,
      transitions: this.transitions,
      depth,
      frontier: this.violation === null ? left : this.next.count,
      complete: left === 0 && this.violation === null,
      violation: this.violation,
      histories: [...this.met].map((history) => this.histories.text(history)).sort(),
      nodeStates: this.automaton.stateCount,
      messages: this.automaton.inputs.length,
      automaton: this.automaton,
    };
  }

  /** Goes on from each state of the layer; returns how many were left when a bound was met. */
  private goOn(layer: Layer, most: number): number {
    let done = 0;
    for (let chunk = layer.take(); chunk !== null; chunk = layer.take()) {
      const { numbers, used } = chunk;
      for (let at = 0; at + this.head <= used && numbers[at + this.head - 1] !== 0; ) {
        at += this.read(numbers, at);
        this.branch();
        done++;
        if (this.violation !== null) return 0;
        if (this.visited.count >= most) return layer.count - done;
        if (done % STATES_PER_LOOK === 0 && this.bounds.expired?.() === true) return layer.count - done;
      }
    }
    return 0;
  }

  private read(numbers: Uint32Array, at: number): number {
    this.index = numbers[at] as number;
    const { places, head } = this;
    for (let place = 0; place < places; place++) this.nodes[place] = numbers[at + 1 + place] as number;
    this.history = numbers[at + head - 2] as number;
    // One more than there are, so that zero marks the end of a chunk.
    const count = (numbers[at + head - 1] as number) - 1;
    this.messages.length = 0;
    for (let i = 0; i < count; i++) this.messages.push(numbers[at + head + i] as number);
    return head + count;
  }

  /** Everything that can happen in this state. */
  private branch(): void {
    const { automaton, messages, histories, places } = this;
    if (this.reduced && histories.isOver(this.history)) return;
    for (let place = 0; place < places; place++) {
      const state = this.nodes[place] as number;
      for (const choice of automaton.choices[place] as readonly number[]) {
        const input = automaton.input(choice);
        if (input.kind !== "invoke") this.happen(place, choice, automaton.step(state, choice));
        else if (histories.mayInvoke(this.history, input.ticket)) {
          this.happen(place, choice, automaton.step(state, choice), input.ticket);
        }
      }
    }
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i] as number;
      const place = automaton.receivers[message] as number;
      const step = automaton.step(this.nodes[place] as number, message);
      if (this.reduced && automaton.isCounted(step, message)) this.gather(place, message, step, i);
      else this.happen(place, message, step);
    }
  }

  /** The later answers that complete the round (E2); with three replicas one more does. */
  private gather(place: number, first: number, counted: Step, from: number): void {
    const { automaton, messages } = this;
    for (let i = from; i < messages.length; i++) {
      const second = messages[i] as number;
      if (automaton.rounds[second] !== automaton.rounds[first]) continue;
      const step = automaton.step(counted.state, second);
      if (!automaton.isCounted(step, second)) this.happen(place, first + second * INPUTS, step);
    }
  }

  private happen(place: number, action: number, step: Step | null, ticket = -1): void {
    if (step === null) return;
    this.transitions++;
    if (step.broken !== null) return this.violated(step.broken, action);
    const own = this.nodes[place] as number;
    if (
      step.state === own &&
      ticket < 0 &&
      step.told.length === 0 &&
      step.sent.every((one) => this.messages.includes(one))
    ) {
      return;
    }
    let { history } = this;
    if (ticket >= 0) history = this.histories.invoked(history, ticket);
    for (const told of step.told) history = this.histories.told(history, told.ticket, told.result);
    this.nodes[place] = step.state;
    this.enter(place, history, step.sent, this.index, action);
    this.nodes[place] = own;
    if (history === this.history) return;
    const verdict = this.histories.verdict(history);
    if (verdict.kind === "violation") this.violated(verdict.reason, action);
  }

  /** Puts a state into the next layer if it was never met. `place`: the node that took the step. */
  private enter(place: number, history: number, sent: readonly number[], parent: number, action: number): void {
    const { scratch, messages, nodes, places, head } = this;
    this.high = this.historyBits[0].of(history);
    this.low = this.historyBits[1].of(history);
    for (let at = 0; at < places; at++) {
      const state = nodes[at] as number;
      scratch[1 + at] = state;
      this.high ^= this.nodeBits[0].of(state);
      this.low ^= this.nodeBits[1].of(state);
    }
    this.kept = 0;
    let next = 0;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i] as number;
      while (next < sent.length && (sent[next] as number) < message) this.keep(place, sent[next++] as number);
      if (sent[next] === message) next++;
      this.keep(place, message);
    }
    while (next < sent.length) this.keep(place, sent[next++] as number);
    this.met.add(history);
    const index = this.visited.count;
    if (!this.visited.add(this.high >>> 0, this.low >>> 0)) return;
    this.remember(index, parent, action);
    scratch[0] = index;
    scratch[head - 2] = history;
    scratch[head - 1] = this.kept + 1;
    this.next.push(scratch, head + this.kept);
  }

  /** Takes the message over, unless it is spent. Between two nodes that took no step nothing has changed. */
  private keep(place: number, message: number): void {
    const { automaton, nodes } = this;
    if (this.reduced) {
      const to = automaton.receivers[message] as number;
      const from = automaton.senders[message] as number;
      const touched = place === to || place === from;
      if (touched && automaton.isSpent(nodes[to] as number, nodes[from] as number, message)) return;
    }
    if (this.kept === MOST_MESSAGES) throw new Error("too many messages");
    this.scratch[this.head + this.kept++] = message;
    this.high ^= this.messageBits[0].of(message);
    this.low ^= this.messageBits[1].of(message);
  }

  private remember(index: number, parent: number, action: number): void {
    if (index >= this.parents.length) {
      const parents = new Uint32Array(index * 2);
      const actions = new Uint32Array(index * 2);
      parents.set(this.parents);
      actions.set(this.actions);
      this.parents = parents;
      this.actions = actions;
    }
    this.parents[index] = parent;
    this.actions[index] = action;
  }

  private violated(reason: string, action: number): void {
    if (this.violation !== null) return;
    const trace: number[][] = [inputsOf(action)];
    for (let at = this.index; at !== 0; at = this.parents[at] as number)
      trace.push(inputsOf(this.actions[at] as number));
    this.violation = { reason, trace: trace.reverse() };
  }
}

function inputsOf(action: number): number[] {
  const first = action % INPUTS;
  const second = Math.floor(action / INPUTS);
  return second === 0 ? [first] : [first, second];
}
