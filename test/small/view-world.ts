/**
 * The decision on the next view, completely. Every order, loss, delay and doubling of the messages between the machines
 * of src/core/view/chain.ts is explored breadth first. So the first violation has the shortest trace.
 *
 * Four nodes: 1, 2 and 3 are the voters of view 1, and 4 is a member. Node 1, in its office, proposes to make 4 a voter
 * in place of 3; node 2 proposes to change nothing. Whoever proposes view 3 changes nothing. When to campaign and when
 * to propose are choices. Messages are a set that no delivery shrinks. Everything that a step does is durable with it;
 * a node that restarts keeps its promise, its vote and its view.
 *
 * Some things are left out: views asked for, held and told again, as a message once sent can arrive at any later time;
 * wishes.
 */
import { instant } from "../../src/base/time.js";
import { voteOf } from "../../src/base/votes.js";
import { type Ballot, ballot, compareBallots, formatBallot, sameBallot } from "../../src/core/model/ballot.js";
import { groupEpoch, type NodeId, nodeId, viewEpoch } from "../../src/core/model/ids.js";
import { Envelopes } from "../../src/core/model/outbox.js";
import { Chain } from "../../src/core/view/chain.js";
import type { ChainOutbox, ViewConflict } from "../../src/core/view/chain-outbox.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { ViewEntry, ViewMessage } from "../../src/core/view/message.js";
import type { View } from "../../src/core/view/view.js";
import { planted } from "../planted/planted.js";
import { copyOf } from "./snapshot.js";

export interface ViewWorld {
  /** The nodes that campaign, for the successor of which view, in the order of their rounds. */
  readonly candidacies: readonly { readonly node: number; readonly epoch: number }[];
  /** Nodes may restart at any time. */
  readonly restarts: boolean;
}

export interface ViewExploration {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  readonly complete: boolean;
  /** null: none; otherwise what broke, and the steps to it. */
  readonly violation: { readonly reason: string; readonly trace: readonly string[] } | null;
  /** Which views of an epoch were decided in some state. */
  readonly decided: readonly string[];
}

const NODES: readonly NodeId[] = [1, 2, 3, 4].map(nodeId);
const NOW = instant(0);

class SmallOutbox implements ChainOutbox {
  readonly entries: ViewEntry[] = [];
  readonly sendNow = new Envelopes<ViewMessage>();
  readonly sendDurable = this.sendNow;
  readonly learned: EncodedView[] = [];
  readonly conflicts: ViewConflict[] = [];
}

type Input =
  | { readonly kind: "campaign"; readonly place: number; readonly ballot: Ballot }
  | { readonly kind: "propose"; readonly place: number }
  | { readonly kind: "restart"; readonly place: number }
  | { readonly kind: "deliver"; readonly place: number; readonly from: NodeId; readonly message: ViewMessage };

interface Step {
  readonly node: number;
  readonly sent: readonly number[];
  readonly learned: readonly EncodedView[];
  readonly broken: string | null;
}

export function exploreViews(world: ViewWorld, most: number, expired: () => boolean = () => false): ViewExploration {
  return new Search(world).run(most, expired);
}

class Search {
  private readonly chains: Chain[] = [];
  private readonly steps: (Step | null | undefined)[][] = [];
  private readonly chainByText = new Map<string, number>();
  private readonly inputs: Input[] = [];
  private readonly inputByText = new Map<string, number>();
  private readonly choices: number[] = [];

  constructor(world: ViewWorld) {
    for (const [index, { node, epoch }] of world.candidacies.entries()) {
      const place = node - 1;
      this.choices.push(
        this.inputOf({ kind: "campaign", place, ballot: ballot(groupEpoch(epoch), index + 1, nodeId(node)) }),
      );
    }
    for (const place of new Set(world.candidacies.map(({ node }) => node - 1)))
      this.choices.push(this.inputOf({ kind: "propose", place }));
    if (world.restarts) for (const place of NODES.keys()) this.choices.push(this.inputOf({ kind: "restart", place }));
  }

  run(most: number, expired: () => boolean): ViewExploration {
    const visited = new Map<string, { readonly from: string; readonly input: number }>();
    const decidedEver = new Set<string>();
    const first = NODES.map((id) => {
      const chain = new Chain(id, FIRST);
      // Known before it begins: node 4 holds view 1, so that it may become a voter.
      chain.heard(NOW, nodeId(4), FIRST.view.epoch, FIRST.digest, new SmallOutbox());
      return this.chainOf(chain);
    });
    let layer = [{ nodes: first, messages: [] as readonly number[], decided: "", text: "" }];
    let transitions = 0;
    let depth = 0;
    const result = (complete: boolean, violation: ViewExploration["violation"]): ViewExploration => ({
      states: visited.size,
      transitions,
      depth,
      complete,
      violation,
      decided: [...decidedEver].sort(),
    });
    visited.set("", { from: "", input: -1 });
    while (layer.length > 0) {
      const next: typeof layer = [];
      for (const state of layer) {
        if (visited.size > most || expired()) return result(false, null);
        for (const input of [...this.choices, ...state.messages]) {
          const { place } = this.inputs[input] as Input;
          const step = this.step(state.nodes[place] as number, input);
          if (step === null) continue;
          transitions++;
          const decided = step.learned.reduce((known, view) => withView(known, view), state.decided);
          for (const view of step.learned) decidedEver.add(nameOf(view));
          const broken = step.broken ?? twoOfOneEpoch(decided);
          if (broken !== null) {
            const trace = [...this.traceTo(visited, state.text), this.textOfInput(input)];
            return result(false, { reason: broken, trace });
          }
          const nodes = state.nodes.slice();
          nodes[place] = step.node;
          const messages = merged(state.messages, step.sent).filter((message) => !this.isSpent(nodes, message));
          const text = `${nodes.join(",")}|${messages.join(",")}|${decided}`;
          if (visited.has(text)) continue;
          visited.set(text, { from: state.text, input });
          next.push({ nodes, messages, decided, text });
        }
      }
      layer = next;
      if (layer.length > 0) depth++;
    }
    return result(true, null);
  }

  private traceTo(
    visited: ReadonlyMap<string, { readonly from: string; readonly input: number }>,
    text: string,
  ): string[] {
    const lines: string[] = [];
    for (let at = visited.get(text); at !== undefined && at.input >= 0; at = visited.get(at.from))
      lines.push(this.textOfInput(at.input));
    return lines.reverse();
  }

  /**
   * The message does nothing any more, whatever happens. Ballots, views and votes only grow, so what is spent stays
   * spent.
   */
  private isSpent(nodes: readonly number[], input: number): boolean {
    const { place, ...about } = this.inputs[input] as Input;
    if (about.kind !== "deliver") return false;
    const receiver = this.chains[nodes[place] as number] as Chain;
    const sender = this.chains[nodes[about.from - 1] as number] as Chain;
    const { message } = about;
    switch (message.kind) {
      case "view-prepare":
      case "view-accept": {
        if (message.ballot.groupEpoch < receiver.epoch) return sender.epoch >= receiver.epoch;
        if (message.ballot.groupEpoch > receiver.epoch) return false;
        const order = compareBallots(message.ballot, receiver.promised);
        if (order !== 0) return order < 0;
        const { vote } = receiver.voter;
        const answered = message.kind === "view-prepare" || (vote !== null && sameBallot(vote.ballot, message.ballot));
        return answered && !waitsFor(sender, message.kind, message.ballot, about.from === receiver.self ? null : place);
      }
      case "view-promised":
        return !waitsFor(receiver, "view-prepare", message.ballot, about.from - 1);
      case "view-accepted":
        return !waitsFor(receiver, "view-accept", message.ballot, about.from - 1);
      case "view-news":
        return message.decided.view.epoch <= receiver.epoch;
      case "view-held":
        return message.epoch <= receiver.epoch;
      case "view-wanted":
        // It has what it asked for, and asks anew for more.
        return message.epoch < sender.epoch;
      default:
        return true;
    }
  }

  private step(state: number, input: number): Step | null {
    const steps = this.steps[state] as (Step | null | undefined)[];
    const known = steps[input];
    if (known !== undefined) return known;
    const made = this.tryOn(this.chains[state] as Chain, state, this.inputs[input] as Input);
    steps[input] = made;
    return made;
  }

  private tryOn(original: Chain, state: number, input: Input): Step | null {
    const chain = copyOf(original, (part) => "digest" in part && "bytes" in part);
    // No time passes here: whatever was sent or asked for may be so again.
    chain["spreading"]["told"].clear();
    chain["spreading"]["wanted"] = null;
    const out = new SmallOutbox();
    try {
      if (!enter(chain, input, out)) return null;
    } catch (error) {
      return { node: state, sent: [], learned: [], broken: error instanceof Error ? error.message : String(error) };
    }
    const sent: number[] = [];
    out.sendNow.each((to, message) => {
      if (!COUNTS.has(message.kind)) return;
      sent.push(this.inputOf({ kind: "deliver", place: to - 1, from: chain.self, message }));
    });
    const conflict = out.conflicts[0];
    const broken =
      conflict === undefined ? null : `n${chain.self} and n${conflict.with} differ on view ${conflict.epoch}`;
    return { node: this.chainOf(chain), sent, learned: out.learned, broken };
  }

  private chainOf(chain: Chain): number {
    const text = textOfChain(chain);
    let id = this.chainByText.get(text);
    if (id === undefined) {
      id = this.chains.length;
      this.chainByText.set(text, id);
      this.chains.push(chain);
      this.steps.push([]);
    }
    return id;
  }

  private inputOf(input: Input): number {
    const text = textOf(input);
    let id = this.inputByText.get(text);
    if (id === undefined) {
      id = this.inputs.length;
      this.inputByText.set(text, id);
      this.inputs.push(input);
    }
    return id;
  }

  private textOfInput(input: number): string {
    return textOf(this.inputs[input] as Input);
  }
}

/** The candidate or proposer still counts the answer of the node at that place; null: of any. */
function waitsFor(
  chain: Chain,
  question: "view-prepare" | "view-accept",
  ballot: Ballot,
  place: number | null,
): boolean {
  const { proposer } = chain;
  if (proposer === null || !sameBallot(proposer.ballot, ballot)) return false;
  if (proposer.elected !== (question === "view-accept")) return false;
  if (place === null) return true;
  const index = chain.newest.view.voters.indexOf(nodeId(place + 1));
  if (index < 0) return planted("V1.all-members") || planted("V1.new-voters");
  const counted = question === "view-accept" ? proposer.accepted : proposer.promised;
  return (counted & voteOf(index)) === 0;
}

/** Other messages change nothing here: they ask again, or say what was said. */
const COUNTS: ReadonlySet<ViewMessage["kind"]> = new Set([
  "view-prepare",
  "view-promised",
  "view-accept",
  "view-accepted",
  "view-news",
  "view-held",
  "view-wanted",
]);

/** False: it cannot happen. */
function enter(chain: Chain, input: Input, out: SmallOutbox): boolean {
  switch (input.kind) {
    case "campaign": {
      const { ballot } = input;
      const { promised } = chain;
      if (!chain.isVoter || ballot.groupEpoch !== promised.groupEpoch || ballot.round <= promised.round) return false;
      chain.voter.campaign(NOW, ballot, out);
      return true;
    }
    case "propose": {
      const { proposer } = chain;
      if (proposer === null || !proposer.elected || proposer.next !== null) return false;
      return chain.propose(NOW, proposalOf(chain), out) === null;
    }
    case "restart":
      if (chain.proposer === null) return false;
      chain.voter.resign();
      return true;
    case "deliver":
      chain.receive(NOW, input.from, input.message, out);
      return true;
  }
}

function proposalOf(chain: Chain): EncodedView {
  const { view, digest } = chain.newest;
  const swaps = chain.self === nodeId(1) && view.epoch === 1;
  return encoded({
    ...view,
    epoch: viewEpoch(view.epoch + 1),
    previousDigest: digest,
    operationId: `by n${chain.self}`,
    voters: swaps ? [1, 2, 4].map(nodeId) : view.voters,
  });
}

/** A digest that says what it is of. */
const encoded = (view: View): EncodedView => ({
  view,
  bytes: new Uint8Array(),
  digest: `${view.epoch} ${view.operationId} after (${view.previousDigest})`,
});

const FIRST = encoded({
  epoch: viewEpoch(1),
  clusterId: "c",
  previousDigest: "",
  operationId: "founding",
  replicationFactor: 1,
  members: NODES.map((id) => ({ id, clientAddress: `n${id}:1`, peerAddress: `n${id}:2`, zone: "" })),
  partitions: [{ replicas: [nodeId(1)], groupEpoch: groupEpoch(1) }],
  voters: NODES.slice(0, 3),
});

/** All that decides what the chain does next, but what it told or was told about who holds what. */
function textOfChain(chain: Chain): string {
  const { proposer, newest, promised } = chain;
  const { vote } = chain.voter;
  const voted = vote === null ? "-" : `${formatBallot(vote.ballot)} ${vote.next.digest}`;
  const candidacy =
    proposer === null
      ? "-"
      : [
          formatBallot(proposer.ballot),
          proposer.elected ? "elected" : proposer.promised,
          proposer.elected ? "" : textOfVote(proposer["highest"]),
          proposer.next?.digest ?? "-",
          proposer.accepted,
        ].join(";");
  return [chain.self, newest.digest, formatBallot(promised), voted, candidacy].join("|");
}

const textOfVote = (vote: { readonly ballot: Ballot; readonly next: EncodedView } | null): string =>
  vote === null ? "-" : `${formatBallot(vote.ballot)} ${vote.next.digest}`;

function textOf(input: Input): string {
  if (input.kind !== "deliver") {
    const ballot = input.kind === "campaign" ? ` ${formatBallot(input.ballot)}` : "";
    return `${input.kind}${ballot} at n${input.place + 1}`;
  }
  const { message } = input;
  const ballot = "ballot" in message ? ` ${formatBallot(message.ballot)}` : "";
  const after = "digest" in message ? ` ${message.kind === "view-held" ? "" : "after "}${message.digest}` : "";
  const view =
    message.kind === "view-accept"
      ? ` ${nameOf(message.next)}`
      : message.kind === "view-news"
        ? ` ${nameOf(message.decided)}`
        : message.kind === "view-promised"
          ? ` vote ${message.vote === null ? "none" : `${formatBallot(message.vote.ballot)} ${nameOf(message.vote.next)}`}`
          : message.kind === "view-wanted"
            ? ` newer than ${message.epoch}`
            : "";
  return `n${input.from} → n${input.place + 1} ${message.kind}${ballot}${view}${after}`;
}

const nameOf = ({ digest }: EncodedView): string => digest;

/** Decided views as a text, in order. */
function withView(known: string, view: EncodedView): string {
  const names = new Set(known === "" ? [] : known.split("\n"));
  names.add(nameOf(view));
  return [...names].sort().join("\n");
}

function twoOfOneEpoch(decided: string): string | null {
  if (decided === "") return null;
  const epochs = decided.split("\n").map((name) => name.split(" ")[0]);
  return new Set(epochs).size === epochs.length ? null : `two views of one epoch:\n${decided}`;
}

function merged(messages: readonly number[], sent: readonly number[]): readonly number[] {
  const added = sent.filter((one) => !messages.includes(one));
  return added.length === 0 ? messages : [...messages, ...new Set(added)].sort((a, b) => a - b);
}
