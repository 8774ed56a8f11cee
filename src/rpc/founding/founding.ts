/**
 * Getting view 1. The founders find each other by their peer addresses and say who is missing. The one with the first
 * address proposes as soon as it hears all of them. core/view/founding.ts makes the view unique; this only carries the
 * steps.
 */
import { randomBytes } from "node:crypto";
import type {
  FoundRequest,
  FoundResponse,
  Founder as WireFounder,
} from "../../../gen/ts/onar/replication/v1/replication.js";
import { StartRefusedReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import { majorityOf } from "../../base/votes.js";
import { encodedView } from "../../codec/peer/encoded-view.js";
import type { ClusterConfig } from "../../config/config.js";
import { viewEpoch } from "../../core/model/ids.js";
import { planted } from "../../core/model/planted.js";
import { firstPlacement } from "../../core/placement/first-placement.js";
import { MAX_VOTERS, wrongIn, wrongInFirst } from "../../core/view/check.js";
import type { EncodedView } from "../../core/view/encoded-view.js";
import {
  type AcceptedView,
  compareStartBallots,
  Founder,
  type FounderPromise,
  proposalOf,
  type StartBallot,
} from "../../core/view/founding.js";
import type { Member, View } from "../../core/view/view.js";
import { toBuffer } from "../../wire/bytes.js";
import type { Awaited } from "../naming/node-names.js";
import { PROTOCOL_VERSION } from "../peers/peer-service.js";
import type { FounderCalls } from "./founding-calls.js";
import {
  answerToWire,
  badView,
  ballotFromWire,
  ballotToWire,
  believedFounder,
  Unbelievable,
  viewOf,
} from "./founding-wire.js";
import { RollCall } from "./roll-call.js";

/** Nobody's address: the sender that pushes a view at this node without having been asked. */
const NOBODY = "";

const RETRY_MS = 150;
/**
 * A proposer takes the round after the highest that it saw: a promise far above can be nobody's, and would be durable.
 */
const MAX_ROUND_JUMP = 1_000_000;

export interface FoundingOptions {
  readonly self: Member;
  /** Peer addresses of all founders, this node's own included, ordered. */
  readonly peers: readonly string[];
  readonly cluster: ClusterConfig;
  readonly calls: FounderCalls;
  /** Resolves after so many milliseconds. */
  readonly pause: (ms: number) => Promise<unknown>;
  /** "" = any. */
  readonly clusterId: string;
  /** Votes of an earlier run of this node; null: none. */
  readonly votes: FoundingVotes | null;
  /** Resolves when they are on stable storage. */
  readonly saveVotes: (votes: FoundingVotes) => Promise<void>;
  readonly notice: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Votes that a founder must not forget. */
export interface FoundingVotes {
  readonly peers: readonly string[];
  readonly promised: StartBallot;
  readonly accepted: AcceptedView | null;
}

export class Founding {
  private readonly founder: Founder;
  /** Addresses of the others. */
  private readonly others: readonly string[];
  private readonly roll: RollCall;
  /** Nodes that tell of a cluster that this node is not in, by address: the digest of its view. */
  private readonly tellers = new Map<string, string>();
  private savedPromise: StartBallot;
  private savedAccepted: AcceptedView | null;

  constructor(private readonly options: FoundingOptions) {
    this.founder = new Founder(options.peers);
    if (options.votes !== null) {
      this.founder.promised = options.votes.promised;
      this.founder.accepted = options.votes.accepted;
    }
    this.savedPromise = this.founder.promised;
    this.savedAccepted = this.founder.accepted;
    this.others = options.peers.filter((address) => address !== options.self.peerAddress);
    this.roll = new RollCall(options.self, options.peers, options.notice);
  }

  /** Resolves with view 1, or rejects when this node can never take part. */
  async run(): Promise<EncodedView> {
    try {
      while (!this.options.signal.aborted) {
        await this.meet();
        if (this.founder.view !== null) return this.take(this.founder.view);
        if (this.roll.complete && this.options.peers[0] === this.options.self.peerAddress) {
          await this.propose();
          if (this.founder.view !== null) return this.take(this.founder.view);
        }
        this.roll.sayWhoIsMissing();
        await this.options.pause(RETRY_MS);
      }
      throw new Error("stopped while waiting for the other nodes");
    } finally {
      this.options.calls.close();
    }
  }

  /** All founders, met or not. */
  founders(): Awaited[] {
    return this.roll.founders();
  }

  /** Another node's step; also answered once this node has its view. */
  async answer(request: FoundRequest): Promise<FoundResponse> {
    if (request.protocolVersion !== PROTOCOL_VERSION) {
      return this.response({
        $case: "refused",
        value: { ballot: undefined, reason: StartRefusedReason.UNSPECIFIED, promised: undefined, peers: [] },
      });
    }
    const { step } = request;
    if (step?.$case === "view") this.told(NOBODY, step.value.view);
    if (this.founder.view !== null)
      return this.response({ $case: "view", value: { view: toBuffer(this.founder.view.bytes) } });
    if (step?.$case === "prepare") {
      const ballot = this.plausible(ballotFromWire(step.value.ballot));
      const answer = this.founder.onPrepare(ballot, step.value.peers);
      await this.save();
      return this.response(answerToWire(ballot, answer));
    }
    if (step?.$case === "accept") {
      const ballot = this.plausible(ballotFromWire(step.value.ballot));
      const view = viewOf(step.value.view);
      if (wrongInFirst(view.view, this.options.peers) !== null && !planted("W4.unchecked"))
        return this.response(badView(ballot));
      const answer = this.founder.onAccept(ballot, view, step.value.peers);
      await this.save();
      return this.response(answerToWire(ballot, answer));
    }
    return this.response(undefined);
  }

  /** Votes are durable before they are answered. */
  private async save(): Promise<void> {
    const { promised, accepted } = this.founder;
    if ((promised === this.savedPromise && accepted === this.savedAccepted) || planted("F6.forgotten-votes")) return;
    await this.options.saveVotes({ peers: this.options.peers, promised, accepted });
    this.savedPromise = promised;
    this.savedAccepted = accepted;
  }

  private response(step: FoundResponse["step"]): FoundResponse {
    return { founder: this.introduction(), step };
  }

  /** Introduces this node to every other founder, and hears who they are. */
  private async meet(): Promise<void> {
    const before = this.roll.begin();
    const answers = await this.askAll(undefined);
    for (const [address, response] of answers) this.believing(address, () => this.meetOne(address, response));
    this.roll.changed(before);
  }

  private meetOne(address: string, response: FoundResponse): void {
    const { founder, step } = response;
    if (step?.$case === "view") return this.told(address, step.value.view);
    if (founder === undefined) return;
    if (step?.$case === "refused") {
      return this.roll.blame(address, "speaks another version of the protocol between nodes");
    }
    const met = believedFounder(founder);
    if (founder.nodeId === this.options.self.id) {
      return this.roll.blame(address, "leads back to this node");
    }
    if (founder.peers.join() !== this.options.peers.join()) {
      return this.roll.blame(address, `was started with another list of nodes (${founder.peers.join(", ")})`);
    }
    const { replicationFactor, partitions } = this.options.cluster;
    if (founder.replicationFactor !== replicationFactor || founder.partitionCount !== partitions) {
      return this.roll.blame(
        address,
        `was started with --replication-factor ${founder.replicationFactor} --partitions ${founder.partitionCount}, ` +
          `this node with ${replicationFactor} and ${partitions}`,
      );
    }
    this.roll.meet(address, met);
  }

  private async propose(): Promise<void> {
    const { founder, options } = this;
    const ballot: StartBallot = { round: founder.promised.round + 1, node: options.self.id };
    const own = founder.onPrepare(ballot, options.peers);
    if (own.kind !== "promised") return;
    // A ballot serves once: it is promised durably before anybody hears of it.
    await this.save();
    const prepared = await this.askAll({
      $case: "prepare",
      value: { ballot: ballotToWire(ballot), peers: options.peers.slice() },
    });
    const promises: FounderPromise[] = [{ member: options.self, accepted: own.accepted }];
    for (const [address, response] of prepared) {
      const promise = this.believing(address, () => this.promiseOf(address, response));
      if (promise !== null) promises.push(promise);
      else if (!planted("F4.majority")) return;
    }
    if (promises.length < this.needed) return;
    const view = proposalOf(promises, () =>
      encodedView(
        firstView(
          promises.map(({ member }) => member),
          options.cluster,
        ),
      ),
    );
    const accepts = await this.askAll({
      $case: "accept",
      value: { ballot: ballotToWire(ballot), view: toBuffer(view.bytes), peers: options.peers.slice() },
    });
    if (founder.onAccept(ballot, view, options.peers).kind !== "accepted") return;
    await this.save();
    let accepted = 1;
    for (const [address, response] of accepts) {
      const learned = this.believing(address, () => this.learned(address, response));
      if (learned === false && response.step?.$case === "accepted") accepted++;
    }
    if (accepted < this.needed) return;
    founder.onView(view);
    // A node that misses this asks again.
    await this.askAll({ $case: "view", value: { view: toBuffer(view.bytes) } });
  }

  /** F4: a wiped founder forgets its vote, so that a majority would not do. */
  private get needed(): number {
    const { length } = this.options.peers;
    return planted("F4.majority") ? majorityOf(length) : length;
  }

  /** null: it did not promise. */
  private promiseOf(address: string, response: FoundResponse): FounderPromise | null {
    const member = this.roll.met(address);
    if (this.learned(address, response) || response.step?.$case !== "promised" || member === undefined) return null;
    // Another incarnation answers than was met: start over.
    if (response.founder?.nodeId !== member.id) return null;
    const { acceptedBallot, acceptedView } = response.step.value;
    if (acceptedBallot === undefined) return { member, accepted: null };
    const accepted = { ballot: this.plausible(ballotFromWire(acceptedBallot)), view: viewOf(acceptedView) };
    const wrong = wrongInFirst(accepted.view.view, this.options.peers);
    if (wrong !== null) throw new Unbelievable(`a view that it accepted and that cannot be: ${wrong}`);
    return { member, accepted };
  }

  /** Somebody's word may be anything: null when it cannot be true, which is said. */
  private believing<T>(address: string, look: () => T): T | null {
    try {
      return look();
    } catch (error) {
      if (!(error instanceof Unbelievable)) throw error;
      this.roll.doubt(address, `says what cannot be: ${error.message}`);
      return null;
    }
  }

  private learned(address: string, response: FoundResponse): boolean {
    if (response.step?.$case === "view") {
      this.told(address, response.step.value.view);
      return true;
    }
    const promised = response.step?.$case === "refused" ? response.step.value.promised : undefined;
    if (promised !== undefined && compareStartBallots(ballotFromWire(promised), this.founder.promised) > 0) {
      this.founder.promised = this.plausible(ballotFromWire(promised));
    }
    return false;
  }

  /**
   * Somebody tells of a view that is decided. All founders that a first view names have accepted it: one that has not
   * knows better, whoever says so. A node can only hear of a cluster that it is not in: it takes more than one to tell.
   */
  private told(address: string, bytes: Uint8Array): void {
    if (this.founder.view !== null) return;
    const { self, peers } = this.options;
    const told = viewOf(bytes);
    const { view, digest } = told;
    const { accepted } = this.founder;
    // Views that followed that first one count as well: meanwhile others went on.
    const isLater = view.epoch > 1 && accepted?.view.view.clusterId === view.clusterId;
    // Any later view may be heard of a cluster that has gone on without this node.
    const wrong = view.epoch > 1 ? wrongIn(view) : wrongInFirst(view, peers);
    if (wrong !== null) return this.roll.doubt(address, `tells of a view that cannot be: ${wrong}`);
    if (planted("W4.on-one-word")) return this.founder.onView(told);
    if (accepted?.view.digest === digest || isLater) return this.founder.onView(told);
    if (view.members.some(({ id }) => id === self.id)) {
      return this.roll.doubt(address, "tells of a cluster that this node is said to have founded, and has not");
    }
    this.roll.doubt(address, `belongs to cluster ${view.clusterId}, which this node is not a member of`);
    if (!peers.includes(address) || address === self.peerAddress) return;
    this.tellers.set(address, digest);
    const same = [...this.tellers.values()].filter((one) => one === digest).length;
    if (same > (peers.length - 1) / 2) this.founder.onView(told);
  }

  private plausible(ballot: StartBallot): StartBallot {
    const most = planted("W7.any-round") ? Number.MAX_SAFE_INTEGER : this.founder.promised.round + MAX_ROUND_JUMP;
    if (ballot.round <= most && ballot.node !== 0) return ballot;
    throw new Unbelievable(`a ballot of round ${ballot.round} after one of round ${this.founder.promised.round}`);
  }

  /** The answers that came, by address. */
  private async askAll(step: FoundRequest["step"]): Promise<Map<string, FoundResponse>> {
    const request: FoundRequest = { protocolVersion: PROTOCOL_VERSION, founder: this.introduction(), step };
    const answers = new Map<string, FoundResponse>();
    await Promise.all(
      this.others.map(async (address) => {
        const answer = await this.options.calls.ask(address, request);
        if ("response" in answer) answers.set(address, answer.response);
        else this.roll.blame(address, answer.why);
      }),
    );
    return answers;
  }

  private introduction(): WireFounder {
    const { self, peers, cluster } = this.options;
    return {
      nodeId: self.id,
      clientAddress: self.clientAddress,
      peerAddress: self.peerAddress,
      zone: self.zone,
      peers: peers.slice(),
      replicationFactor: cluster.replicationFactor,
      partitionCount: cluster.partitions,
    };
  }

  private take(decided: EncodedView): EncodedView {
    const { view } = decided;
    const { clusterId, self } = this.options;
    if (clusterId !== "" && clusterId !== view.clusterId) {
      throw new Error(`the other nodes belong to cluster ${view.clusterId}, but --cluster-id says ${clusterId}`);
    }
    if (!view.members.some((member) => member.id === self.id)) {
      throw new Error(
        `the other nodes already form cluster ${view.clusterId}, and this node is not one of its members: ` +
          "leave out --expect to become one",
      );
    }
    return decided;
  }
}

function firstView(members: readonly Member[], cluster: ClusterConfig): View {
  const ordered = [...members].sort((a, b) => a.id - b.id);
  return {
    epoch: viewEpoch(1),
    clusterId: randomBytes(16).toString("hex"),
    previousDigest: "",
    operationId: randomBytes(16).toString("hex"),
    replicationFactor: cluster.replicationFactor,
    members: ordered,
    partitions: firstPlacement(ordered, cluster.replicationFactor, cluster.partitions),
    voters: ordered.slice(0, MAX_VOTERS).map((member) => member.id),
  };
}
