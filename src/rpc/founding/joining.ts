/**
 * Getting into the view of a cluster that is there. A node asks those whose addresses it was given, and learns the
 * newest view. Then it asks all voters of that view to be a member of its successor. A member that has other addresses
 * than its view says does the same.
 *
 * Invariants:
 *   J1  A wish names a view that this node holds durably.
 *   J2  The first view that was learned pins the cluster: an answer of another cluster counts for nothing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type NodeId, viewEpoch } from "../../core/model/ids.js";
import { planted } from "../../core/model/planted.js";
import type { EncodedView } from "../../core/view/encoded-view.js";
import { isDone } from "../../core/view/operation.js";
import { hasReplicas, type Member, memberOf, sameAddresses, type View } from "../../core/view/view.js";
import type { Awaited } from "../naming/node-names.js";
import type { ClusterSecret } from "../peers/cluster-secret.js";
import { type NewestAnswer, NewestViews } from "./newest-view.js";

const RETRY_MS = 200;
/** Obstacles are told when they change, and again after this long. */
const REMIND_MS = 10_000;
/** Reasons may come and go: another one is said after this long. */
const SETTLE_MS = 1_000;

export interface JoiningOptions {
  /** As it wants to be known. */
  readonly self: Member;
  /** It is a member, and wants to be known as `self`: one that is left out meanwhile asks no more. */
  readonly isMember: boolean;
  /** HOST:PORT of nodes of the cluster, as other nodes reach them. */
  readonly contacts: readonly string[];
  readonly secret: ClusterSecret;
  /** "" = any. */
  readonly clusterId: string;
  /** Names the wish, in hexadecimal. */
  readonly operation: string;
  /** As a new member it wants as many replicas as others have. */
  readonly share?: boolean;
  /** The newest view that this node holds durably; null: none yet. */
  readonly newest: () => EncodedView | null;
  /** A newer view; resolves when it is durable. */
  readonly learn: (view: EncodedView, from: NodeId) => Promise<void>;
  readonly notice: (text: string) => void;
  readonly signal: AbortSignal;
}

export class Joining {
  private readonly views: NewestViews;
  /** Why nothing comes of an address, or what came of it. */
  private readonly trouble = new Map<string, string>();
  /** Somebody hears another process with this node's id. */
  private isSecond = false;
  /** Addresses that lead into another cluster: they hear of no wish. */
  private readonly foreign = new Set<string>();
  private lastNotice = "";
  private lastNoticeAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: JoiningOptions) {
    this.views = new NewestViews(options.self, options.secret);
  }

  /** Resolves with a view that names this node as it is; rejects when it never will, or when it is told to stop. */
  async run(): Promise<EncodedView> {
    try {
      while (!this.options.signal.aborted) {
        const known = this.options.newest();
        if (known !== null && this.isIn(known.view)) return known;
        if (known !== null && this.isLeftOut(known.view)) throw new Error("left out of the cluster meanwhile");
        if (!(await this.ask(known))) {
          this.say(known);
          await sleep(RETRY_MS);
        }
      }
      throw new Error("stopped while waiting to be taken into the cluster");
    } finally {
      this.views.close();
    }
  }

  /** The nodes that this one asks. */
  awaited(): Awaited[] {
    return this.addresses(this.options.newest()).map((peerAddress) => ({
      peerAddress,
      member: null,
      why: this.trouble.get(peerAddress) ?? "",
    }));
  }

  private isIn(view: View): boolean {
    const known = memberOf(view, this.options.self.id);
    return known !== undefined && sameAddresses(known, this.options.self);
  }

  /** It was a member, and a newer view leaves it out: another wish than this one is needed. */
  private isLeftOut(view: View): boolean {
    const { self, isMember, operation } = this.options;
    if (memberOf(view, self.id) !== undefined) return false;
    return (isMember && !planted("V7.comes-back")) || isDone(view, operation);
  }

  /** All voters, and the addresses given: one of them may know a newer view, or answer where a voter has moved to. */
  private addresses(known: EncodedView | null): readonly string[] {
    const { contacts, self } = this.options;
    if (known === null) return contacts;
    const { view } = known;
    const voters = view.voters.filter((id) => id !== self.id).map((id) => memberOf(view, id)?.peerAddress ?? "");
    return [...new Set([...voters, ...contacts])].filter((address) => address !== "" && address !== self.peerAddress);
  }

  /** Asks everybody once; true when something newer was learned. */
  private async ask(known: EncodedView | null): Promise<boolean> {
    const { self, operation, share = false } = this.options;
    const addresses = this.addresses(known);
    this.views.keepOnly(addresses);
    this.trouble.clear();
    this.isSecond = false;
    const wish =
      known === null
        ? null
        : {
            kind: "join-wish" as const,
            member: self,
            operation,
            ...(share ? { share } : {}),
            epoch: viewEpoch(known.view.epoch),
            digest: known.digest,
          };
    let best: Exclude<NewestAnswer, { why: string }> | null = null;
    await Promise.all(
      addresses.map(async (address) => {
        const answer = await this.views.ask(address, this.foreign.has(address) ? null : wish);
        if ("newest" in answer) this.sort(address, known, answer.newest);
        if ("why" in answer && answer.isSecond === true) this.isSecond = true;
        const why = "why" in answer ? answer.why : this.wrong(known, answer.newest);
        if (why !== null) return void this.trouble.set(address, why);
        if ("why" in answer) return;
        if (answer.newest.view.epoch > (best?.newest.view.epoch ?? known?.view.epoch ?? 0)) best = answer;
      }),
    );
    // Assigned in the calls above.
    const learned = best as Exclude<NewestAnswer, { why: string }> | null;
    if (learned === null) return false;
    if (known === null)
      this.options.notice(`found cluster ${learned.newest.view.clusterId}, and asks to be a member of it`);
    await this.options.learn(learned.newest, learned.from);
    return true;
  }

  private sort(address: string, known: EncodedView | null, told: EncodedView): void {
    const expected = known?.view.clusterId ?? this.options.clusterId;
    if (expected !== "" && told.view.clusterId !== expected) this.foreign.add(address);
    else this.foreign.delete(address);
  }

  /** null: it may be believed. */
  private wrong(known: EncodedView | null, told: EncodedView): string | null {
    const expected = known?.view.clusterId ?? this.options.clusterId;
    const { clusterId, epoch } = told.view;
    if (expected !== "" && clusterId !== expected) return `belongs to cluster ${clusterId}, and not to ${expected}`;
    if (known !== null && epoch === known.view.epoch && told.digest !== known.digest)
      return `holds another view ${epoch} than this node`;
    return null;
  }

  private say(known: EncodedView | null): void {
    const text = this.inTheWay(known);
    if (text === "") return;
    const now = performance.now();
    if (now - this.lastNoticeAt < (text === this.lastNotice ? REMIND_MS : SETTLE_MS)) return;
    this.lastNotice = text;
    this.lastNoticeAt = now;
    this.options.notice(text);
  }

  /** The obstacle that keeps this node from being a member; "": none is known. */
  private inTheWay(known: EncodedView | null): string {
    const parts = [...this.trouble].map(([address, why]) => `${address} ${why}`);
    if (known === null) return `no node of a cluster answers yet: ${parts.join(", ")}`;
    const { self } = this.options;
    const { view } = known;
    if (this.isSecond) {
      const at = memberOf(view, self.id)?.peerAddress ?? "another address";
      return `node ${self.id} lives at ${at}, and this process at ${self.peerAddress} has the same id: is one of their directories a copy? Stop one of them`;
    }
    const there = view.members.find(({ id, peerAddress }) => id !== self.id && peerAddress === self.peerAddress);
    if (there !== undefined && hasReplicas(view, there.id))
      return `${self.peerAddress} is the address of node ${there.id} of this cluster, which keeps partitions: another one must be given with --peer-listen or --peer-advertise`;
    const silent = view.voters.filter((id) => {
      const address = memberOf(view, id)?.peerAddress;
      return id !== self.id && address !== undefined && this.trouble.has(address);
    });
    if (2 * silent.length < view.voters.length)
      return there === undefined
        ? ""
        : `${self.peerAddress} is the address of node ${there.id} of this cluster. This node takes its place once the others do not hear it any more. If it lives, another address must be given with --peer-listen or --peer-advertise`;
    return `view ${view.epoch} has ${view.voters.length} voters, and most of them do not answer: ${parts.join(", ")}`;
  }
}
