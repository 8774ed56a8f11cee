/**
 * Getting view 1: the founders find each other by their peer addresses, say who is missing, and the one with the first address proposes as
 * soon as it hears all of them. What makes the view unique is in core/view/founding.ts; this only carries the steps.
 */

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, Metadata } from "@grpc/grpc-js";
import type {
  FoundRequest,
  FoundResponse,
  Founder as WireFounder,
} from "../../gen/ts/onar/replication/v1/replication.js";
import { StartRefusedReason } from "../../gen/ts/onar/replication/v1/replication.js";
import { decodeView, encodeView } from "../codec/view.js";
import type { ClusterConfig } from "../config.js";
import { type NodeId, nodeId, viewEpoch } from "../core/ids.js";
import { firstPlacement } from "../core/placement/first.js";
import {
  type AcceptedView,
  compareStartBallots,
  Founder,
  type FounderPromise,
  type FoundingAnswer,
  proposalOf,
  type StartBallot,
} from "../core/view/founding.js";
import type { Member, View } from "../core/view/view.js";
import { foundMethod, PROTOCOL_VERSION, peerClient } from "./peer-service.js";
import type { Awaited } from "./serving.js";
import { whyUnreachable } from "./unreachable.js";

const RETRY_MS = 150;
const CALL_MS = 2_000;
/** Who is missing is said when that changes, and again after this long. */
const REMIND_MS = 10_000;
/** Reasons may come and go: another one is said after this long. */
const SETTLE_MS = 1_000;
const MAX_VOTERS = 7;

export interface FoundingOptions {
  readonly self: Member;
  /** Peer addresses of all founders, this node's own included, ordered. */
  readonly peers: readonly string[];
  readonly cluster: ClusterConfig;
  /** "" = any. */
  readonly clusterId: string;
  /** Of an earlier run of this node; null: none. */
  readonly votes: FoundingVotes | null;
  /** The view that this node is in already: it only answers. */
  readonly view: View | null;
  /** Resolves when they are on stable storage. */
  readonly saveVotes: (votes: FoundingVotes) => Promise<void>;
  readonly notice: (text: string) => void;
  readonly signal: AbortSignal;
}

/** What a founder must not forget. */
export interface FoundingVotes {
  readonly peers: readonly string[];
  readonly promised: StartBallot;
  readonly accepted: AcceptedView | null;
}

export class Founding {
  private readonly founder: Founder;
  private readonly clients = new Map<string, Client>();
  private readonly met = new Map<string, Member>();
  private readonly trouble = new Map<string, string>();
  private lastNotice = "";
  private lastNoticeAt = Number.NEGATIVE_INFINITY;
  private savedPromise: StartBallot;
  private savedAccepted: AcceptedView | null;

  constructor(private readonly options: FoundingOptions) {
    this.founder = new Founder(options.peers);
    this.founder.view = options.view;
    if (options.votes !== null) {
      this.founder.promised = options.votes.promised;
      this.founder.accepted = options.votes.accepted;
    }
    this.savedPromise = this.founder.promised;
    this.savedAccepted = this.founder.accepted;
    if (options.view !== null) return;
    for (const address of options.peers) {
      if (address !== options.self.peerAddress) this.clients.set(address, peerClient(address));
    }
    this.met.set(options.self.peerAddress, options.self);
  }

  /** Resolves with view 1, or rejects when this node can never take part. */
  async run(): Promise<View> {
    try {
      while (!this.options.signal.aborted) {
        await this.meet();
        if (this.founder.view !== null) return this.take(this.founder.view);
        if (this.met.size === this.options.peers.length && this.options.peers[0] === this.options.self.peerAddress) {
          await this.propose();
          if (this.founder.view !== null) return this.take(this.founder.view);
        }
        this.sayWhoIsMissing();
        await sleep(RETRY_MS);
      }
      throw new Error("stopped while waiting for the other nodes");
    } finally {
      for (const client of this.clients.values()) client.close();
    }
  }

  /** All founders, met or not. */
  founders(): Awaited[] {
    return this.options.peers.map((peerAddress) => ({ peerAddress, member: this.met.get(peerAddress) ?? null }));
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
    if (step?.$case === "view") this.founder.onView(decodeView(step.value.view));
    if (this.founder.view !== null)
      return this.response({ $case: "view", value: { view: encodeView(this.founder.view) } });
    if (step?.$case === "prepare") {
      const ballot = ballotFromWire(step.value.ballot);
      const answer = this.founder.onPrepare(ballot, step.value.peers);
      await this.save();
      return this.response(answerToWire(ballot, answer));
    }
    if (step?.$case === "accept") {
      const ballot = ballotFromWire(step.value.ballot);
      const answer = this.founder.onAccept(ballot, decodeView(step.value.view), step.value.peers);
      await this.save();
      return this.response(answerToWire(ballot, answer));
    }
    return this.response(undefined);
  }

  /** Votes are durable before they are answered. */
  private async save(): Promise<void> {
    const { promised, accepted } = this.founder;
    if (promised === this.savedPromise && accepted === this.savedAccepted) return;
    await this.options.saveVotes({ peers: this.options.peers, promised, accepted });
    this.savedPromise = promised;
    this.savedAccepted = accepted;
  }

  private response(step: FoundResponse["step"]): FoundResponse {
    return { founder: this.introduction(), step };
  }

  /** Introduces this node to every other founder, and hears who they are. */
  private async meet(): Promise<void> {
    const before = this.met.size;
    this.met.clear();
    this.met.set(this.options.self.peerAddress, this.options.self);
    const answers = await this.askAll(undefined);
    for (const [address, response] of answers) this.meetOne(address, response);
    if (this.met.size !== before) this.lastNoticeAt = Number.NEGATIVE_INFINITY;
  }

  private meetOne(address: string, response: FoundResponse): void {
    const { founder, step } = response;
    if (step?.$case === "view") return this.founder.onView(decodeView(step.value.view));
    if (founder === undefined) return;
    if (step?.$case === "refused") {
      this.trouble.set(address, "speaks another version of the protocol between nodes");
      return;
    }
    if (founder.nodeId === this.options.self.id) {
      this.trouble.set(address, "leads back to this node");
      return;
    }
    if (founder.peers.join() !== this.options.peers.join()) {
      this.trouble.set(address, `was started with another list of nodes (${founder.peers.join(", ")})`);
      return;
    }
    const { replicationFactor, partitions } = this.options.cluster;
    if (founder.replicationFactor !== replicationFactor || founder.partitionCount !== partitions) {
      this.trouble.set(
        address,
        `was started with --replication-factor ${founder.replicationFactor} --partitions ${founder.partitionCount}, ` +
          `this node with ${replicationFactor} and ${partitions}`,
      );
      return;
    }
    this.trouble.delete(address);
    this.met.set(address, memberFromWire(founder));
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
      const member = this.met.get(address);
      if (this.learned(response) || response.step?.$case !== "promised" || member === undefined) return;
      // Another incarnation answers than was met: start over.
      if (response.founder?.nodeId !== member.id) return;
      const { acceptedBallot, acceptedView } = response.step.value;
      const accepted =
        acceptedBallot === undefined
          ? null
          : { ballot: ballotFromWire(acceptedBallot), view: decodeView(acceptedView) };
      promises.push({ member, accepted });
    }
    if (promises.length < options.peers.length) return;
    const view = proposalOf(promises, () =>
      firstView(
        promises.map(({ member }) => member),
        options.cluster,
      ),
    );
    const accepts = await this.askAll({
      $case: "accept",
      value: { ballot: ballotToWire(ballot), view: encodeView(view), peers: options.peers.slice() },
    });
    if (founder.onAccept(ballot, view, options.peers).kind !== "accepted") return;
    await this.save();
    if (accepts.size < options.peers.length - 1) return;
    for (const response of accepts.values()) {
      if (this.learned(response) || response.step?.$case !== "accepted") return;
    }
    founder.onView(view);
    // A node that misses this asks again.
    await this.askAll({ $case: "view", value: { view: encodeView(view) } });
  }

  private learned(response: FoundResponse): boolean {
    if (response.step?.$case === "view") {
      this.founder.onView(decodeView(response.step.value.view));
      return true;
    }
    const promised = response.step?.$case === "refused" ? response.step.value.promised : undefined;
    if (promised !== undefined && compareStartBallots(ballotFromWire(promised), this.founder.promised) > 0) {
      this.founder.promised = ballotFromWire(promised);
    }
    return false;
  }

  /** The answers that came, by address. */
  private async askAll(step: FoundRequest["step"]): Promise<Map<string, FoundResponse>> {
    const request: FoundRequest = { protocolVersion: PROTOCOL_VERSION, founder: this.introduction(), step };
    const answers = new Map<string, FoundResponse>();
    await Promise.all(
      [...this.clients].map(async ([address, client]) => {
        const answer = await call(client, request);
        if ("answer" in answer) answers.set(address, answer.answer);
        else this.trouble.set(address, answer.why);
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

  private take(view: View): View {
    const { clusterId, self } = this.options;
    if (clusterId !== "" && clusterId !== view.clusterId) {
      throw new Error(`the other nodes belong to cluster ${view.clusterId}, but --cluster-id says ${clusterId}`);
    }
    if (!view.members.some((member) => member.id === self.id)) {
      throw new Error(
        `the other nodes already form cluster ${view.clusterId}, and this node is not one of its members: ` +
          "a cluster does not take in new nodes yet",
      );
    }
    return view;
  }

  private sayWhoIsMissing(): void {
    const missing = this.options.peers.filter((address) => !this.met.has(address));
    if (missing.length === 0) return;
    const parts = missing.map((address) => {
      const why = this.trouble.get(address);
      return why === undefined ? address : `${address} (${why})`;
    });
    const text = `waiting for ${missing.length} of ${this.options.peers.length} nodes: ${parts.join(", ")}`;
    const now = performance.now();
    if (now - this.lastNoticeAt < (text === this.lastNotice ? REMIND_MS : SETTLE_MS)) return;
    this.lastNotice = text;
    this.lastNoticeAt = now;
    this.options.notice(text);
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

function answerToWire(ballot: StartBallot, answer: FoundingAnswer): FoundResponse["step"] {
  const refused = (
    reason: StartRefusedReason,
    promised: StartBallot | null,
    peers: readonly string[] = [],
  ): FoundResponse["step"] => ({
    $case: "refused",
    value: {
      ballot: ballotToWire(ballot),
      reason,
      promised: promised === null ? undefined : ballotToWire(promised),
      peers: peers.slice(),
    },
  });
  switch (answer.kind) {
    case "promised":
      return {
        $case: "promised",
        value: {
          ballot: ballotToWire(ballot),
          acceptedBallot: answer.accepted === null ? undefined : ballotToWire(answer.accepted.ballot),
          acceptedView: answer.accepted === null ? Buffer.alloc(0) : encodeView(answer.accepted.view),
        },
      };
    case "accepted":
      return { $case: "accepted", value: { ballot: ballotToWire(ballot) } };
    case "lower-ballot":
      return refused(StartRefusedReason.LOWER_BALLOT, answer.promised);
    case "other-list":
      return refused(StartRefusedReason.OTHER_LIST, null, answer.peers);
    case "not-promised":
      return refused(StartRefusedReason.NOT_PROMISED, null);
    case "view":
      return { $case: "view", value: { view: encodeView(answer.view) } };
  }
}

type WireBallot = { round: number; nodeId: number };
const ballotToWire = (ballot: StartBallot): WireBallot => ({ round: ballot.round, nodeId: ballot.node });
const ballotFromWire = (wire: WireBallot | undefined): StartBallot => ({
  round: wire?.round ?? 0,
  node: nodeId(wire?.nodeId ?? 0) as NodeId,
});

const memberFromWire = (wire: WireFounder): Member => ({
  id: nodeId(wire.nodeId),
  clientAddress: wire.clientAddress,
  peerAddress: wire.peerAddress,
  zone: wire.zone,
});

type Answered = { readonly answer: FoundResponse } | { readonly why: string };

function call(client: Client, request: FoundRequest): Promise<Answered> {
  const { path, requestSerialize, responseDeserialize } = foundMethod;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      { deadline: Date.now() + CALL_MS },
      (error, response) => {
        if (error !== null) resolve({ why: whyUnreachable(error) });
        else resolve(response === undefined ? { why: "an empty answer" } : { answer: response });
      },
    );
  });
}
